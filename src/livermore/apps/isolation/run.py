"""The walk from the first question to the last, over a real server on this machine's own address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from httpx import AsyncClient

from livermore.apps.access import Access
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.guard import Opening
from livermore.apps.access.login_pages import PATHS as LOGIN_PATHS
from livermore.apps.api.events import Streams as OpenStreams
from livermore.apps.api.metrics import CountRequests
from livermore.apps.isolation.pages import Pages
from livermore.apps.isolation.proof import Caller, Notebook, Proof
from livermore.apps.isolation.routes import Door, Routes
from livermore.apps.isolation.streams import Streams
from livermore.apps.isolation.surface import operations, page_paths, unstated
from livermore.apps.isolation.tables import look_into_tables
from livermore.apps.web import Doors, Server, bound_socket, create_app
from livermore.bootstrap.canaries import House, canary_house

HOST = "127.0.0.1"
SEEN_AT_LEAST = {"routes": 5, "events": 1, "channels": 1, "sockets": 1}


class Running(NamedTuple):
    """A server, its routes and the way in."""

    doors: Doors
    door: Door


async def prove(server: str | None) -> Proof:
    """Fill a throw-away house with tenants and let each ask for everything.

    `server` is the URL of a PostgreSQL server; None takes a file of SQLite.
    Errors: NotAllowedError when the server's login may not create a database.
    """
    async with canary_house(server) as house, _served(house) as running:
        return await walk(house, running)


async def walk(house: House, running: Running) -> Proof:
    """Ask everything of a server that runs."""
    notebook = Notebook()
    callers = [*(Caller(canary) for canary in house.canaries), Caller(None)]
    doors, door = running
    for path in unstated(doors.api):
        notebook.found("role", "routes", path, callers[-1], "it cannot state for whom it is")
    # Tables first: a change that a route should have refused would show there as well.
    await look_into_tables(house, notebook, callers)
    await Streams(house, door, notebook).walk(callers)
    pages = sorted({*LOGIN_PATHS, *page_paths(doors.pages.routes)})
    await Pages(house, door, notebook).walk(pages, callers)
    await Routes(house, door, notebook).walk(operations(doors.api), callers)
    _refuse_hollow(notebook, callers)
    return notebook.proof(database=house.database, login=house.login.name if house.login else None)


def _refuse_hollow(notebook: Notebook, callers: list[Caller]) -> None:
    """Say so where a caller saw too little of its own: whoever is refused everything finds no leak either."""
    for caller in callers:
        for what, least in SEEN_AT_LEAST.items():
            own = notebook.own(what, caller)
            if caller.canary is not None and own < least:
                detail = f"only {own} answers held something of its own"
                notebook.found("hollow", what, "all", caller, detail)


def _doors_of(app: Access) -> Doors:
    """Return what stands behind the gate and the counting of requests."""
    if not isinstance(app.app, CountRequests) or not isinstance(app.app.app, Doors):
        raise TypeError("the application is not built as the proof of isolation knows it")
    return app.app.app


@asynccontextmanager
async def _served(house: House) -> AsyncIterator[Running]:
    """Serve the application as `up` does."""
    with bound_socket(HOST, 0) as listening:
        port = listening.getsockname()[1]
        streams, ready = OpenStreams(house.system.bus), asyncio.Event()
        doorway = Doorway(host=HOST, port=port)
        app = create_app(house.system, doorway=doorway, opening=Opening(), streams=streams)
        server = Server(app, streams, ready.set)
        serving = asyncio.create_task(server.serve([listening]))
        await ready.wait()
        try:
            async with _client(port) as client:
                yield Running(_doors_of(app), Door(client, f"livermore_{port}"))
        finally:
            server.should_exit = True
            await serving


def _client(port: int) -> AsyncClient:
    """Ask for answers as they are: to compress them and read them again took a tenth of the proof."""
    plain = {"accept-encoding": "identity"}
    return AsyncClient(base_url=f"http://{HOST}:{port}", headers=plain, trust_env=False, timeout=30)
