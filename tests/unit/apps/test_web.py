"""The whole application on a real socket: every route is guarded, streams flow, and it ends in time.

NiceGUI keeps its pages per process, so that one application serves all tests of this module.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from httpx import AsyncClient
from starlette.routing import Mount, Route
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from livermore.apps.access import Access
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.gate import OPEN_PATHS
from livermore.apps.access.guard import Opening
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import CountRequests
from livermore.apps.web import Doors, Server, bound_socket, create_app
from livermore.kernel.errors import ConflictError, InvalidError
from tests.unit.apps.standin import StandIn

TOKEN = "the-right-token-of-this-test"
BEARER = {"authorization": f"Bearer {TOKEN}"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Running:
    system: StandIn
    app: Access
    server: Server
    port: int
    task: asyncio.Task[None]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Running]:
    system = StandIn()
    listening = bound_socket("127.0.0.1", 0)
    port = listening.getsockname()[1]
    streams = Streams(system.bus)
    app = create_app(
        system, doorway=Doorway(port=port), opening=Opening(keys=(TOKEN,)), streams=streams  # type: ignore[arg-type]
    )  # fmt: skip
    ready = asyncio.Event()
    server = Server(app, streams, ready.set)
    task = asyncio.create_task(server.serve([listening]))
    await asyncio.wait_for(ready.wait(), 10)
    yield Running(system, app, server, port, task)
    server.should_exit = True
    await task


@pytest_asyncio.fixture(loop_scope="module")
async def client(running: Running) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client:
        yield client


def doors_of(app: Access) -> Doors:
    assert isinstance(app.app, CountRequests)
    assert isinstance(app.app.app, Doors)
    return app.app.app


def paths(routes: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the kind and the path of every route, mounted ones included."""
    for route in routes:
        if isinstance(route, Mount):
            yield "http", f"{prefix}{route.path}/anything"
            yield "websocket", f"{prefix}{route.path}/anything"
            yield from paths(list(getattr(route.app, "routes", [])), prefix + route.path)
        elif isinstance(route, Route):
            yield "http", prefix + route.path
        else:
            yield "websocket", prefix + getattr(route, "path", "/lazy")


async def test_every_route_refuses_a_stranger(running: Running, client: AsyncClient) -> None:
    doors = doors_of(running.app)
    every = sorted({*paths(doors.api.routes), *paths(doors.pages.routes)})
    assert {path for kind, path in every if kind == "http"} > {
        "/",
        "/metrics",
        "/api/v1/events",
        "/assets/anything",
    }
    for kind, path in every:
        if path in OPEN_PATHS:
            continue
        if kind == "http":
            assert (await client.get(path)).status_code == 401, path
        else:
            with pytest.raises(InvalidStatus):
                await connect(f"ws://127.0.0.1:{running.port}{path}")


async def test_every_route_of_the_api_opens_to_the_token(running: Running, client: AsyncClient) -> None:
    for route in doors_of(running.app).api.routes:
        if isinstance(route, APIRoute) and route.path != "/api/v1/events":
            assert (await client.get(route.path, headers=BEARER)).status_code != 401, route.path


async def test_the_socket_of_the_pages_is_guarded(running: Running, client: AsyncClient) -> None:
    address = f"ws://127.0.0.1:{running.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(InvalidStatus):
            await connect(address, additional_headers=headers)
    await client.get(f"/?token={TOKEN}", headers={"accept": "text/html"})
    cookie = f"livermore_{running.port}={client.cookies[f'livermore_{running.port}']}"
    with pytest.raises(InvalidStatus):
        await connect(address, additional_headers={"Cookie": cookie}, origin="http://evil.example")  # type: ignore[arg-type]
    own = f"http://127.0.0.1:{running.port}"
    async with connect(address, additional_headers={"Cookie": cookie}, origin=own) as websocket:  # type: ignore[arg-type]
        assert str(await websocket.recv()).startswith("0{")


async def test_the_page_names_no_other_host(running: Running, client: AsyncClient) -> None:
    page = await client.get("/", headers=BEARER | {"accept": "text/html"})
    assert page.status_code == 200
    assert "Market – Livermore" in page.text
    assert TOKEN not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_an_unknown_page_is_not_found(client: AsyncClient) -> None:
    assert (await client.get("/nothing", headers=BEARER)).status_code == 404
    assert (await client.get("/api/nothing", headers=BEARER)).headers[
        "content-type"
    ] == "application/problem+json"


async def test_events_flow_and_resume_over_a_real_socket(running: Running, client: AsyncClient) -> None:
    async def first(headers: dict[str, str], publish: str | None) -> dict[str, str]:
        async with client.stream("GET", "/api/v1/events?topics=runtime", headers=BEARER | headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            if publish is not None:
                running.system.publish("runtime", publish)
            found: dict[str, str] = {}
            async for line in lines:
                if ": " in line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    found[name] = value
                if "data" in found:
                    return found
        raise AssertionError("the stream ended")

    event = await asyncio.wait_for(first({}, "one"), 5)
    assert (event["event"], event["data"]) == ("runtime", '"one"')
    running.system.publish("runtime", "two")
    resumed = await asyncio.wait_for(first({"last-event-id": event["id"]}, None), 5)
    assert resumed["data"] == '"two"'


async def test_a_slow_answer_is_not_in_the_way_of_another(running: Running, client: AsyncClient) -> None:
    """A client that reads nothing fills its own queue; others go on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    writer.write(head.encode())
    await reader.read(100)
    for _ in range(2_000):
        running.system.publish("runtime", "x" * 2_000)
    began = time.monotonic()
    assert (await client.get("/api/v1/runtime", headers=BEARER)).status_code == 200
    assert time.monotonic() - began < 1
    writer.close()


async def test_a_taken_port_is_said_to_be_taken(running: Running) -> None:
    with pytest.raises(ConflictError) as caught:
        bound_socket("127.0.0.1", running.port)
    assert f"port {running.port} is taken" in str(caught.value)
    assert f"--port {running.port + 1}" in str(caught.value.hint)


async def test_a_host_that_is_not_ours_cannot_be_bound() -> None:
    with pytest.raises(InvalidError):
        bound_socket("203.0.113.7", 0)


async def test_a_port_of_this_machine_can_be_any() -> None:
    with bound_socket("127.0.0.1", 0) as listening:
        assert listening.getsockname()[1] > 0
        assert listening.family == socket.AF_INET


async def test_zz_it_ends_in_time_with_open_streams(running: Running) -> None:
    """Runs last: the server of this module ends here."""
    address = f"ws://127.0.0.1:{running.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    async with (
        AsyncClient(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client,
        client.stream("GET", "/api/v1/events", headers=BEARER) as answer,
        connect(address, additional_headers=BEARER) as websocket,
    ):
        lines = answer.aiter_lines()
        await anext(lines)
        await websocket.recv()
        began = time.monotonic()
        running.server.should_exit = True
        await asyncio.wait_for(running.task, 5)
        assert time.monotonic() - began < 3
        assert [line async for line in lines if not line.startswith(":")][-1] == ""
