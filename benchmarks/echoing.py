"""A process that echoes what is published, with the driver alone: the other end of a bare round trip."""

from __future__ import annotations

import asyncio
import sys

from redis.asyncio import Redis

ASK, ANSWER = "bench:ask", "bench:answer"


async def _echo(url: str) -> None:
    async with Redis.from_url(url) as client, client.pubsub(ignore_subscribe_messages=True) as ear:
        await ear.subscribe(ASK)
        print("ready", flush=True)
        async for message in ear.listen():
            if message["type"] == "message":
                await client.publish(ANSWER, message["data"])


if __name__ == "__main__":
    asyncio.run(_echo(sys.argv[1]))
