"""A small application behind the gate, and a client for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.types import Receive, Scope, Send

from livermore.apps.access import Access
from livermore.kernel.clock import ManualClock

TOKEN = "the-right-token-of-this-test"
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
def clock() -> ManualClock:
    return ManualClock(1_780_000_000_000)


@pytest.fixture
def gate(inside: Inside, clock: ManualClock) -> Access:
    return Access(inside, token=TOKEN, host="127.0.0.1", port=7070, clock=clock)


@pytest.fixture
async def client(gate: Any) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(gate), base_url=f"http://{HOST}") as client:
        yield client
