"""An invented system that obeys, served on a loop of its own, behind a network that can be cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

from livermore.apps.access import Access
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.web import bound_socket
from tests.faults.proxy import proxy_to
from tests.unit.apps.doors import guard_of
from tests.unit.apps.standin import OWN_DOCUMENT, StandIn

SECONDS = 20


class Obeyed(threading.Thread):
    """Serve until `stop`; `address` leads there through the proxy."""

    def __init__(self, document: dict[str, Any] = OWN_DOCUMENT) -> None:
        super().__init__(daemon=True)
        self._document = document
        self.address = ""
        self._ready = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    def begin(self) -> Obeyed:
        """Start, and wait until it listens."""
        self.start()
        assert self._ready.wait(SECONDS)
        return self

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self.within(self._ending.set)
        self.join(SECONDS)

    def within(self, act: Callable[[], None]) -> None:
        """Do something on the loop of the server."""
        self._loop.call_soon_threadsafe(act)

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        self.system = StandIn(self._document)
        await self.system.control.start()
        await self.system.control.receiver.host([self.system.user.scope()])
        listening = bound_socket("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(self._app(), log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        async with proxy_to(listening.getsockname()) as self.proxy:
            self.address = f"http://127.0.0.1:{self.proxy.port}"
            self._ready.set()
            await self._ending.wait()
        server.should_exit = True
        await serving
        await self.system.control.stop()

    def _app(self) -> Access:
        guard = guard_of(self.system)
        streams, counted = Streams(self.system.bus), Metrics(self.system)  # type: ignore[arg-type]
        api = api_app(self.system, streams=streams, counted=counted, entrance=guard.entrance)  # type: ignore[arg-type]
        return guard.before(api)
