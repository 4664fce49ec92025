"""What is tried with the scanner over a real socket: one at a time, and only while somebody waits for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from httpx import AsyncClient

from livermore.apps.access.guard import Guard
from livermore.apps.web import bound_socket
from livermore.market.trials import LONGEST
from tests.unit.apps.doors import BEARER, KEY
from tests.unit.apps.standin import STARTED_DOCUMENT, StandIn
from tests.unit.control.room import until

PATH = "/api/v1/symbols/proposal/try"
BODY = json.dumps({"limit": 1})


@pytest.fixture
def system() -> StandIn:
    system = StandIn(STARTED_DOCUMENT)
    system.scanner.gate.clear()
    return system


@pytest.fixture
async def port(api: FastAPI, guard: Guard) -> AsyncIterator[int]:
    """Where the API is served."""
    listening = bound_socket("127.0.0.1", 0)
    app = guard.before(api)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """Try a scan through a connection that is closed at the end, and lend what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    writer.write((head + BODY).encode())
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def test_who_leaves_ends_the_scan(system: StandIn, port: int) -> None:
    scanner = system.scanner
    for _ in range(2):
        async with asking(port):
            await until(lambda: scanner.waiting == 1)
        await until(lambda: scanner.waiting == 0)
    async with asking(port) as answer:
        await until(lambda: scanner.waiting == 1)
        scanner.gate.set()
        assert (await answer.readline()).startswith(b"HTTP/1.1 200")


async def test_a_second_one_is_refused_while_the_first_is_tried(system: StandIn, port: int) -> None:
    async with asking(port) as answer, AsyncClient(headers=BEARER, trust_env=False) as client:
        await until(lambda: system.scanner.waiting == 1)
        for body in ({"limit": 1}, {"limit": 2}):
            refused = await client.post(f"http://127.0.0.1:{port}{PATH}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
            assert refused.json()["hint"]
        system.scanner.gate.set()
        assert (await answer.readline()).startswith(b"HTTP/1.1 200")


async def test_what_takes_too_long_is_a_problem_with_a_remedy(system: StandIn, client: AsyncClient) -> None:
    trying = asyncio.create_task(client.post(PATH, json={}))
    await until(lambda: system.scanner.waiting == 1)
    await system.clock.advance(LONGEST + 1)
    answer: httpx.Response = await trying
    assert (answer.status_code, answer.json()["code"]) == (502, "exchange_unreachable")
    assert "scan-symbols" in answer.json()["hint"]
    assert system.scanner.waiting == 0
