"""The whole application on a real socket: every route is guarded, streams flow, and it ends in time.

NiceGUI keeps its pages per process, so that one application serves all tests of this module.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx import ASGITransport, AsyncClient
from nicegui import Client, core
from starlette.routing import Mount, Route
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from livermore.apps.access import Access
from livermore.apps.access.caller import Needs, NeedsNothing, StatedRoute
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.gate import OPEN_PATHS
from livermore.apps.access.guard import Opening
from livermore.apps.admin.stated import PAGES, role_of
from livermore.apps.api.errors import answer_with_problems
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import CountRequests
from livermore.apps.web import Doors, Server, bound_socket, create_app
from livermore.kernel.errors import ConflictError, InvalidError
from livermore.kernel.events import TOPICS, Event
from livermore.kernel.role import Role, covers
from tests.unit.apps.doors import BEARER as KEYED
from tests.unit.apps.doors import bearer_of, guard_of, somebody
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


def page_routes() -> list[Any]:
    """Return the routes of NiceGUI, the pages among them."""
    return [route for route in core.app.routes if isinstance(route, Route | Mount)]


async def test_every_route_states_for_whom_it_is(running: Running) -> None:
    api = [route for route in doors_of(running.app).api.routes if isinstance(route, Route)]
    stated = {route.path: route.stated for route in api if isinstance(route, StatedRoute)}
    assert len(stated) > 20
    assert all(isinstance(route, StatedRoute) and route.stated is not None for route in api)
    assert {path for path, needs in stated.items() if isinstance(needs, NeedsNothing)} == OPEN_PATHS
    assert set(Client.page_routes.values()) == set(PAGES)
    shown = [f"{route.path}/x" if isinstance(route, Mount) else route.path for route in page_routes()]
    assert [path for path in shown if role_of(path) is None] == []


async def test_a_route_that_states_nothing_is_refused_to_everybody() -> None:
    app = FastAPI()
    app.router.route_class = StatedRoute
    answer_with_problems(app)
    app.get("/forgotten")(lambda: "a secret")
    transport = ASGITransport(guard_of(StandIn()).before(app))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/forgotten", headers=KEYED)
    assert answer.status_code == 403
    assert "no role is stated" in answer.text


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_every_route_refuses_a_role_that_is_too_low(
    running: Running, client: AsyncClient, role: Role
) -> None:
    """And none that is high enough: what may be read is read, by a token of that role of an admin, too."""
    user = await somebody(running.system, f"a-{role}", role)
    tokens = [
        await bearer_of(running.system, user),
        await bearer_of(running.system, running.system.user, role),
    ]
    refused = 0
    for bearer in tokens:
        for method, path, needed in stated_routes(running.app):
            if covers(role, needed) and method != "GET":
                continue  # it would be done
            answer = await client.request(method, path, headers=bearer, json={})
            if not covers(role, needed):
                refused += 1
                assert answer.status_code == 403, (method, path)
                assert f"needs the role {needed}" in answer.json()["detail"]
            else:
                assert answer.status_code not in {401, 403}, (method, path)
    assert refused >= 12


def stated_routes(app: Access) -> Iterator[tuple[str, str, Role]]:
    """Yield method, an address and the role of every route of the API that answers at once and needs one."""
    for route in doors_of(app).api.routes:
        assert isinstance(route, StatedRoute)
        if isinstance(route.stated, Needs) and route.path not in {"/api/v1/events", "/api/v1/logout"}:
            for method in route.methods or ():
                yield method, route.path.replace("{id}", "1"), route.stated.role


async def test_every_page_refuses_a_role_that_is_too_low(
    running: Running, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PAGES, "/", "admin")
    user = await somebody(running.system, "a-reader", "viewer")
    bearer = await bearer_of(running.system, user)
    shown = await client.get("/", headers=bearer | {"accept": "text/html"})
    assert shown.status_code == 403
    assert "This page needs the role admin" in shown.text
    assert (await client.get("/", headers=bearer)).headers["content-type"] == "application/problem+json"
    assert (await client.get("/", headers=BEARER)).status_code == 200


async def test_nobody_hears_the_events_of_another(running: Running, client: AsyncClient) -> None:
    """Of every topic: another user's event is not told, a public one is."""
    bearer = await bearer_of(running.system, await somebody(running.system, "a-listener"))
    for topic in TOPICS:
        async with client.stream("GET", f"/api/v1/events?topics={topic}", headers=bearer) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            running.system.bus.publish(Event(topic=topic, time=0, data="theirs", whose="local"))
            running.system.bus.publish(Event(topic=topic, time=0, data="everybody's"))
            told = [await anext(lines) for _ in range(6)]
            assert 'data: "everybody\'s"' in told, topic
            assert "theirs" not in "".join(told)


async def test_a_stream_ends_soon_after_its_login(running: Running, client: AsyncClient) -> None:
    user = await somebody(running.system, "a-leaver")
    async with client.stream(
        "GET", "/api/v1/events", headers=await bearer_of(running.system, user)
    ) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await running.system.accounts.change_user(user.id, is_active=False)
        await running.system.clock.advance(2.1)
        async with asyncio.timeout(5):
            assert [line async for line in lines if line.startswith("event")] == []


class Socket:
    """Speak Socket.IO over a WebSocket, as NiceGUI's page does."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    @classmethod
    @asynccontextmanager
    async def opened(cls, port: int, headers: dict[str, str], query: str = "") -> AsyncIterator[Self]:
        address = f"ws://127.0.0.1:{port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket{query}"
        async with connect(address, additional_headers=headers) as websocket:
            await websocket.recv()
            await websocket.send("40")
            yield cls(websocket)

    async def answer(self) -> str:
        async with asyncio.timeout(5):
            return str(await self.websocket.recv())

    async def shake(self, client_id: str) -> str:
        data = {"client_id": client_id, "tab_id": "t", "document_id": "d", "next_message_id": 0}
        await self.websocket.send("420" + json.dumps(["handshake", data]))
        while not (answer := await self.answer()).startswith("430"):
            pass
        return answer

    async def say(self, name: str, **data: Any) -> None:
        await self.websocket.send("42" + json.dumps([name, data]))


async def client_id_of(client: AsyncClient, headers: dict[str, str]) -> str:
    page = await client.get("/", headers=headers | {"accept": "text/html"})
    return next(one for one in Client.instances if one in page.text)


async def test_a_page_hears_only_the_socket_of_its_own_login(
    running: Running, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(Client, "handle_event", lambda _, message: heard.append(message["args"]))
    monkeypatch.setattr(Client, "handle_log_message", lambda _, message: heard.append(message))
    monkeypatch.setattr(Client, "handle_javascript_response", lambda _, message: heard.append(message))
    other = await bearer_of(running.system, await somebody(running.system, "an-eavesdropper", "admin"))
    lower = await bearer_of(running.system, running.system.user, "viewer")
    page = await client_id_of(client, BEARER)
    for stranger in (other, lower):
        async with Socket.opened(running.port, stranger) as socket:
            assert (await socket.answer()).startswith("40")
            assert await socket.shake(page) == "430[false]"
            assert await socket.shake("nothing") == "430[false]"
        async with Socket.opened(
            running.port, stranger, f"&client_id={page}&implicit_handshake=true"
        ) as socket:
            assert (await socket.answer()).startswith("44")
    own_page = await client_id_of(client, other)
    async with (
        Socket.opened(running.port, BEARER) as own,
        Socket.opened(running.port, other) as stranger_on_own,
    ):
        await own.answer()
        assert await own.shake(page) == "430[true]"
        await stranger_on_own.answer()
        assert await stranger_on_own.shake(own_page) == "430[true]"
        for name in ("event", "javascript_response", "log", "ack"):
            await stranger_on_own.say(name, client_id=page, args=["forged"], next_message_id=9, level="info")
        await stranger_on_own.say("event", client_id=own_page, args=["theirs"])
        await own.say("event", client_id=page, args=["ours"])
        async with asyncio.timeout(5):
            while len(heard) < 2:
                await asyncio.sleep(0.01)
    assert sorted(heard) == [["ours"], ["theirs"]]


async def test_the_socket_of_the_pages_is_no_poll(running: Running, client: AsyncClient) -> None:
    answer = await client.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling", headers=BEARER)
    assert answer.status_code == 400


async def test_a_page_closes_soon_after_its_login(running: Running, client: AsyncClient) -> None:
    user = await somebody(running.system, "a-goer")
    async with Socket.opened(running.port, await bearer_of(running.system, user)) as socket:
        await socket.answer()
        await running.system.accounts.revoke_token(user.scope(), len(running.system.books.tokens))
        await running.system.clock.advance(2.1)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.answer()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_every_route_of_the_api_opens_to_the_token(running: Running, client: AsyncClient) -> None:
    for route in doors_of(running.app).api.routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.path != "/api/v1/events":
            assert (await client.get(route.path, headers=BEARER)).status_code not in {401, 403}, route.path


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
