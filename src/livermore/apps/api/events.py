"""What happens, as it happens: server-sent events that resume where a client left off."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import FastAPI, Header, Query, Request
from starlette.responses import StreamingResponse

from livermore.apps.access.caller import Viewer
from livermore.apps.access.visit import visit_of
from livermore.apps.api.queries import EventFilter
from livermore.kernel.errors import InvalidError
from livermore.kernel.events import TOPICS, Event, EventBus, Subscription, Topic

if TYPE_CHECKING:
    from livermore.apps.access.visit import Visit
    from livermore.bootstrap import System

KEEP_ALIVE_SECONDS = 15.0
EVENT_ID = re.compile(r"[0-9]{1,30}")
OPENING = b"retry: 2000\n: connected\n\n"
KEEP_ALIVE = b": still here\n\n"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
LastEventId = Annotated[str | None, Header(description="The id of the last event that was received.")]
DESCRIBED: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "Events, each with id, event (its topic, or `resync`) and data (JSON).",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    "default": {
        "description": "A problem (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}


def add_routes(app: FastAPI, system: System, streams: Streams) -> None:
    """Serve the live stream of events."""

    @app.get("/api/v1/events", responses=dict(DESCRIBED), tags=["events"], response_class=StreamingResponse)
    async def events(
        request: Request,
        caller: Viewer,
        wanted: Annotated[EventFilter, Query()],
        last_event_id: LastEventId = None,
    ) -> StreamingResponse:
        """Stream public events and the caller's own, for as long as the login is good.

        `Last-Event-ID` resumes, and an event `resync` says that something was lost.
        """
        topics = topics_of(wanted.topics)
        after = event_id_of(last_event_id)
        frames = streams.until_revoked(visit_of(request.scope), caller.user.identity_sub, topics, after)
        return StreamingResponse(frames, media_type="text/event-stream", headers=HEADERS)


def topics_of(text: str | None) -> tuple[Topic, ...]:
    """Read a list of topics; raise InvalidError naming those that there are."""
    if text is None:
        return TOPICS
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in TOPICS:
            raise InvalidError(f"{name!r} is not a topic", where="topics", hint="one of " + ", ".join(TOPICS))
    return tuple(topic for topic in TOPICS if topic in names)


def event_id_of(text: str | None) -> int | None:
    """Read the id of an event."""
    if text is None or text == "":
        return None
    if EVENT_ID.fullmatch(text) is None:
        raise InvalidError("an event's id is a whole number", where="Last-Event-ID")
    return int(text)


class Streams:
    """Write events to many clients: each behind a queue of its own, so that a slow one slows nobody."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._closing = asyncio.Event()
        self._newest: tuple[int, bytes] = (-1, b"")

    def close(self) -> None:
        """End every stream."""
        self._closing.set()

    async def closed(self) -> None:
        """Return when the streams end, as whatever else waits for something then should."""
        await self._closing.wait()

    async def until_revoked(
        self, visit: Visit, whose: str, topics: tuple[Topic, ...], after: int | None
    ) -> AsyncIterator[bytes]:
        """Yield frames until the login ends by which they were asked for."""
        with visit.until_revoked() as ended:
            async with aclosing(self.frames(whose, topics, after, ended)) as frames:
                async for frame in frames:
                    yield frame

    async def frames(
        self, whose: str, topics: tuple[Topic, ...], after: int | None, ended: asyncio.Event | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield what is sent to one client, until it leaves, has `ended`, or the server closes."""
        subscription, lost = self._subscribe(whose, topics, after)
        try:
            yield OPENING
            if lost:
                yield _resync("the events since then are no longer remembered")
            elif subscription.passed:
                yield _resync("bars have gone by since then; what else happened follows")
            async for frame in self._follow(subscription, ended or asyncio.Event()):
                yield frame
        finally:
            subscription.close()

    def _subscribe(
        self, whose: str, topics: tuple[Topic, ...], after: int | None
    ) -> tuple[Subscription, bool]:
        try:
            return self._bus.subscribe(whose, topics, after=after), False
        except LookupError:
            return self._bus.subscribe(whose, topics), True

    async def _follow(self, subscription: Subscription, ended: asyncio.Event) -> AsyncIterator[bytes]:
        missed = 0
        async for event in self._until_closed(aiter(subscription), ended):
            if subscription.missed > missed:
                missed = subscription.missed
                yield _resync("the connection was too slow, and events were dropped")
            yield KEEP_ALIVE if event is None else self._frame(event)

    async def _until_closed(
        self, events: AsyncIterator[Event], ended: asyncio.Event
    ) -> AsyncIterator[Event | None]:
        """Yield events, and None when there was none for a while; end with the server or the login."""
        closing = asyncio.create_task(self._closing.wait())
        ending = asyncio.create_task(ended.wait())
        following = asyncio.ensure_future(anext(events, None))
        try:
            while True:
                waited = {closing, ending, following}
                await asyncio.wait(waited, timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if closing.done() or ending.done():
                    return
                if not following.done():
                    yield None
                    continue
                event = following.result()
                if event is None:
                    return
                yield event
                following = asyncio.ensure_future(anext(events, None))
        finally:
            closing.cancel()
            ending.cancel()
            following.cancel()

    def _frame(self, event: Event) -> bytes:
        """Write an event once for all who are sent it."""
        if self._newest[0] != event.id:
            data = msgspec.json.encode(event.data)
            self._newest = (
                event.id,
                b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.topic.encode(), data),
            )
        return self._newest[1]


def _resync(reason: str) -> bytes:
    return b"event: resync\ndata: %b\n\n" % msgspec.json.encode({"reason": reason})
