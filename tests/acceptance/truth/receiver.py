"""Where alerts arrive: a real web server of the user's own."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class Receiver:
    """Keep every delivery under the id of its alert."""

    def __init__(self) -> None:
        self.url = ""
        self.deliveries: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    async def take(self, request: web.Request) -> web.Response:
        """Take one alert."""
        self.deliveries[request.headers["Idempotency-Key"]].append(await request.json())
        return web.Response(status=204)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen for alerts."""
    receiver = Receiver()
    application = web.Application()
    application.add_routes([web.post("/", receiver.take)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield receiver
    finally:
        await runner.cleanup()
