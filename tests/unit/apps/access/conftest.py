"""A small application behind the gate, and a client for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.types import Receive, Scope, Send

from livermore.apps.access import Access
from livermore.apps.access.guard import Guard
from livermore.kernel.clock import ManualClock
from tests.unit.apps.doors import guard_of
from tests.unit.apps.standin import StandIn

HOST = "127.0.0.1:7070"


class Inside:
    """Answer everything that is let in, and remember it."""

    def __init__(self) -> None:
        self.seen: list[Scope] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                await send({"type": "websocket.send", "text": "inside"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
def system() -> StandIn:
    return StandIn()


@pytest.fixture
def clock(system: StandIn) -> ManualClock:
    return system.clock


@pytest.fixture
def guard(system: StandIn) -> Guard:
    return guard_of(system)


@pytest.fixture
def gate(inside: Inside, guard: Guard) -> Access:
    return guard.before(inside)


@pytest.fixture
async def client(gate: Any) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(gate, client=("192.0.2.7", 4711))
    async with AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        yield client
