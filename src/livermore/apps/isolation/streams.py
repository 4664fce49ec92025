"""What happens is told to whom it concerns: every topic, over the stream of events and inside the process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import msgspec

from livermore.apps.isolation.marks import Said, leaks_in, shows_own
from livermore.apps.isolation.proof import Caller, Notebook
from livermore.apps.isolation.routes import Door
from livermore.bootstrap.canaries import House
from livermore.kernel.events import TOPICS, Event, Subscription, Topic

STREAM, CHANNEL = "events", "channels"
PATIENCE = 20.0  # seconds


class Streams:
    """Listen to everything as everybody."""

    def __init__(self, house: House, door: Door, notebook: Notebook) -> None:
        self._house = house
        self._door = door
        self._notebook = notebook

    async def walk(self, callers: Sequence[Caller]) -> None:
        """Publish something for each user on every topic and see who hears it; then resume from before it."""
        for topic in TOPICS:
            begun = await self._told(topic, callers, after=None)
            await self._told(topic, callers, after=begun)

    async def _told(self, topic: Topic, callers: Sequence[Caller], *, after: str | None) -> str:
        """Check one topic; return the id of the event behind which a listener may resume."""
        end = secrets.token_hex(8)
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as opened:
            streams = [await self._stream(opened, topic, caller, after) for caller in callers]
            channels = [self._channel(opened, topic, caller, after) for caller in callers]
            if after is None:
                self._publish(topic, "begun")
                for canary in self._house.canaries:
                    self._publish(topic, canary.mark, whose=canary.user.identity_sub)
            self._publish(topic, end)
            for caller, lines, channel in zip(callers, streams, channels, strict=True):
                text = None if lines is None else await _until(lines, end)
                self._note(STREAM, f"/api/v1/events?topics={topic}", caller, text)
                if channel is not None:
                    self._note(CHANNEL, topic, caller, await _until(_written(channel), end))
                after = after or (text and _first_id(text))
        return after or ""

    async def _stream(
        self, opened: AsyncExitStack, topic: Topic, caller: Caller, after: str | None
    ) -> AsyncIterator[str] | None:
        """Open a stream; None when it is refused."""
        headers = self._door.headers(caller) | ({} if after is None else {"last-event-id": after})
        address = f"/api/v1/events?topics={topic}"
        answer = await opened.enter_async_context(self._door.client.stream("GET", address, headers=headers))
        if answer.status_code != 200:
            return None
        lines = answer.aiter_lines()
        await anext(lines)
        return lines

    def _channel(
        self, opened: AsyncExitStack, topic: Topic, caller: Caller, after: str | None
    ) -> Subscription | None:
        """Listen inside the process, as a page does; nobody has no identity to listen by."""
        if caller.canary is None:
            return None
        behind = None if after is None else int(after)
        subscription = self._house.system.bus.subscribe(
            caller.canary.user.identity_sub, [topic], after=behind
        )
        opened.callback(subscription.close)
        return subscription

    def _publish(self, topic: Topic, mark: str, *, whose: str | None = None) -> None:
        now = self._house.system.clock.now()
        self._house.system.bus.publish(Event(topic=topic, time=now, data={"mark": mark}, whose=whose))

    def _note(self, what: str, where: str, caller: Caller, text: str | None) -> None:
        said = Said("", text or "")
        self._notebook.asked(
            what, where, caller, refused=text is None, own=shows_own(said, caller),
            leaks=leaks_in(said, caller, self._house.canaries),
        )  # fmt: skip
        if text is not None and caller.canary is None:
            self._notebook.found("role", what, where, caller, "somebody without a login listens")


async def _written(events: Subscription) -> AsyncIterator[str]:
    async for event in events:
        yield msgspec.json.encode(event.data).decode()


async def _until(lines: AsyncIterator[str], end: str) -> str:
    """Read until the last event has come."""
    read: list[str] = []
    async for line in lines:
        read.append(line)
        if end in line:
            break
    return "\n".join(read)


def _first_id(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("id: ")).removeprefix("id: ")
