"""The one ASGI application: API and pages behind the access gate, and the server that runs it."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from livermore.apps.access import Access
from livermore.apps.access.guard import Guard, Opening
from livermore.apps.admin import add_pages
from livermore.apps.admin.stated import StatedPages
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import CountRequests, Metrics
from livermore.apps.api.paths import is_api
from livermore.kernel.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from livermore.apps.access.doorway import Doorway
    from livermore.bootstrap import System

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 2  # seconds that open connections are given to end


class Doors:
    """Send what is asked of the API to the API and everything else to the pages."""

    def __init__(self, api: FastAPI, pages: FastAPI) -> None:
        self.api = api
        self.pages = pages
        self._guarded = StatedPages(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by the path; the pages own start and end."""
        asks_api = scope["type"] == "http" and is_api(scope["path"])
        await (self.api if asks_api else self._guarded)(scope, receive, send)


def create_app(
    system: System, *, doorway: Doorway, opening: Opening, streams: Streams | None = None
) -> Access:  # fmt: skip
    """Join API and pages in one ASGI application behind the access gate.

    NiceGUI keeps its pages per process, so that one process makes one such application.
    """
    streams, metrics = streams or Streams(system.bus), Metrics(system)
    guard = Guard.joined(system, doorway=doorway, opening=opening)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work.run()) for work in (metrics, live, guard.watch)]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    pages = FastAPI(openapi_url=None, lifespan=lifespan)
    live = add_pages(pages, system)
    doors = Doors(api_app(system, streams=streams, counted=metrics, entrance=guard.entrance), pages)
    counting: ASGIApp = CountRequests(doors, metrics)
    return guard.before(counting)


async def serve(
    system: System, *, doorway: Doorway, opening: Opening, ready: Callable[[int], None] | None = None
) -> None:
    """Serve until SIGINT, SIGTERM or cancellation, then end within 3 s; `ready` gets the port.

    Errors: ConflictError when the port is taken, InvalidError when the host cannot be bound.
    """
    with bound_socket(doorway.host, doorway.port) as listening:
        doorway = replace(doorway, port=listening.getsockname()[1])
        streams = Streams(system.bus)
        app = create_app(system, doorway=doorway, opening=opening, streams=streams)
        server = Server(app, streams, lambda: ready(doorway.port) if ready else None)
        serving = asyncio.create_task(server.serve([listening]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise


def bound_socket(host: str, port: int) -> socket.socket:
    """Take the port before anything is started, so that a second server is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only of a socket that names its protocol does asyncio send at once; else an answer waits up to 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise _refused(error, host, port) from None
    listening.setblocking(False)
    return listening


def _refused(error: OSError, host: str, port: int) -> ConflictError | InvalidError:
    if error.errno == errno.EADDRINUSE:
        hint = f"another Livermore may be running; choose another port: --port {port + 1}"
        return ConflictError(f"port {port} is taken", where=f"{host}:{port}", hint=hint)
    return InvalidError(f"cannot listen on {host}: {error.strerror}", where=f"{host}:{port}")


class Server(uvicorn.Server):
    """Tell when it listens, end event streams before it waits for them, and keep signals to itself."""

    def __init__(self, app: Access, streams: Streams, ready: Callable[[], None]) -> None:
        # No access log: it would hold the token of the address that is opened first. What the server logs of
        # itself goes where ours goes, and loses its secrets there.
        config = uvicorn.Config(
            app, log_level="warning", log_config=None, access_log=False, lifespan="on", server_header=False,
            timeout_graceful_shutdown=PATIENCE, timeout_keep_alive=30,
            proxy_headers=False,  # the gate believes the proxies that it was told of, and nobody else
        )  # fmt: skip
        super().__init__(config)
        self._streams = streams
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then everything else."""
        self._streams.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in good order on a signal, and leave it to the caller what comes after serving."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
