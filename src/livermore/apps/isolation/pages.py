"""Every page and file, as every caller, and the socket of a page that another has opened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack

import msgspec

from livermore.apps.admin.stated import PAGES, role_of
from livermore.apps.api.shapes import signal_shapes
from livermore.apps.isolation.marks import Said, leaks_in, shows_own
from livermore.apps.isolation.page_socket import PageSocket
from livermore.apps.isolation.proof import Caller, Notebook
from livermore.apps.isolation.routes import Door
from livermore.bootstrap.canaries import Canary, House
from livermore.kernel.events import Event
from livermore.kernel.role import covers

PAGE, SOCKET = "pages", "sockets"
CLIENT_ID = re.compile(r"""client_id['"]:\s*['"]([0-9a-f-]{36})['"]""")
# What a page loads is named in it, in quotation marks.
FILE = re.compile(r"""["'](/(?:_nicegui|assets)/[^"'\s]+)["']""")
OPEN = frozenset({"/login", "/login.css", "/login/identity", "/login/identity/callback"})
LOOK_SECONDS = 3.0  # pages are told of news every second


class Pages:
    """Walk over the pages."""

    def __init__(self, house: House, door: Door, notebook: Notebook) -> None:
        self._house = house
        self._door = door
        self._notebook = notebook
        self._opened: dict[tuple[Caller, str], str] = {}
        self._files: set[str] = set()

    async def walk(self, paths: Sequence[str], callers: Sequence[Caller]) -> None:
        """Open everything as everybody; then speak for one's own pages, and for each other's."""
        await self._open_all(paths, callers)
        await self._open_all(sorted(self._files), callers)
        for path in PAGES:
            await self._listen(path, callers)
            for caller in callers:
                await self._intrude(path, caller, callers)

    async def _open_all(self, paths: Sequence[str], callers: Sequence[Caller]) -> None:
        for path in paths:
            for caller in callers:
                await self._open(path, caller)

    async def _open(self, path: str, caller: Caller) -> None:
        headers = self._door.headers(caller, browser=True) | {"accept": "text/html"}
        response = await self._door.client.get(path, headers=headers)
        said = Said(path, f"{response.headers}\n\n{response.text}")
        refused = response.status_code >= 400
        self._notebook.asked(
            PAGE, path, caller, refused=refused, own=shows_own(said, caller),
            leaks=leaks_in(said, caller, self._house.canaries),
        )  # fmt: skip
        may = _may_open(path, caller)
        if not refused and not may:
            detail = f"it needs the role {role_of(path)} and answered with {response.status_code}"
            self._notebook.found("role", PAGE, path, caller, detail)
        found = CLIENT_ID.search(response.text)
        if path in PAGES and found:
            self._opened[caller, path] = found[1]
            self._files.update(FILE.findall(response.text))
        elif path in PAGES and may:
            self._notebook.found("hollow", PAGE, path, caller, "it could not be opened")

    async def _listen(self, path: str, callers: Sequence[Caller]) -> None:
        """Let everybody look at a page at once while something happens to each of them."""
        async with AsyncExitStack() as stack:
            looking = [
                (caller, await stack.enter_async_context(self._socket(caller)), self._opened[caller, path])
                for caller in callers
                if (caller, path) in self._opened
            ]
            for caller, socket, page in looking:
                if not await socket.speaks_for(page, named=page):
                    self._notebook.found("hollow", SOCKET, path, caller, "no socket speaks for its own page")
            for canary in self._house.canaries:
                await self._happen(canary)
            await asyncio.gather(*(self._look(path, caller, socket) for caller, socket, _ in looking))

    async def _look(self, path: str, caller: Caller, socket: PageSocket) -> None:
        """Look until one's own news has come, and then into everything that came."""
        if caller.canary is not None:
            await socket.hears(f"live-{caller.canary.handle}", LOOK_SECONDS)
        said = Said(path, socket.told)
        self._notebook.asked(
            SOCKET, path, caller, refused=False, own=shows_own(said, caller),
            leaks=leaks_in(said, caller, self._house.canaries),
        )  # fmt: skip

    async def _happen(self, canary: Canary) -> None:
        """Tell a signal of a canary anew, as one that is raised now is told."""
        system = self._house.system
        page = await system.signals.list(canary.scope, limit=1)
        (shape,) = signal_shapes(page.signals)
        data = msgspec.to_builtins(msgspec.structs.replace(shape, id=f"live-{canary.handle}"))
        system.bus.publish(
            Event(topic="signal", time=system.clock.now(), data=data, whose=canary.user.identity_sub)
        )

    async def _intrude(self, path: str, caller: Caller, callers: Sequence[Caller]) -> None:
        """Try to speak for the pages that others have opened."""
        own = self._opened.get((caller, path))
        for other in callers:
            page = self._opened.get((other, path))
            if other == caller or page is None:
                continue
            for named in (page, own):
                async with self._socket(caller) as socket:
                    speaks = await socket.speaks_for(page, named=named)
                leaks = [f"speaks for a page of {other.tenant} {other.role}"] if speaks else []
                self._notebook.asked(
                    SOCKET, f"{path} of others", caller, refused=not speaks, leaks=leaks
                )  # fmt: skip

    def _socket(self, caller: Caller) -> PageSocket:
        return PageSocket(str(self._door.client.base_url), self._door.headers(caller, browser=True))


def _may_open(path: str, caller: Caller) -> bool:
    needed = role_of(path)
    return path in OPEN or (needed is not None and caller.role is not None and covers(caller.role, needed))
