"""Every page and file, as every caller, and the socket of a page that another has opened."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from socketio import AsyncClient as SocketClient
from socketio.exceptions import ConnectionError as SocketRefusedError

from livermore.accounts.role import covers
from livermore.apps.admin.stated import PAGES, role_of
from livermore.apps.isolation.marks import Said, foreign, leaks_in, shows_own
from livermore.apps.isolation.proof import Caller, Notebook
from livermore.apps.isolation.routes import Door
from livermore.bootstrap.canaries import House

PAGE, SOCKET = "pages", "sockets"
SOCKET_PATH = "/_nicegui_ws/socket.io"
CLIENT_ID = re.compile(r"""client_id['"]:\s*['"]([0-9a-f-]{36})['"]""")
OPEN = frozenset({"/login", "/login.css"})
PATIENCE = 10.0  # seconds


class Pages:
    """Walk over the pages."""

    def __init__(self, house: House, door: Door, notebook: Notebook) -> None:
        self._house = house
        self._door = door
        self._notebook = notebook
        self._opened: dict[tuple[Caller, str], str] = {}

    async def walk(self, paths: Sequence[str], callers: Sequence[Caller]) -> None:
        """Open everything as everybody; then speak for each other's pages."""
        for path in paths:
            for caller in callers:
                await self._open(path, caller)
        for path in PAGES:
            for caller in callers:
                await self._speak(path, caller, callers)

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
        elif path in PAGES and may:
            self._notebook.found("hollow", PAGE, path, caller, "it could not be opened")

    async def _speak(self, path: str, caller: Caller, callers: Sequence[Caller]) -> None:
        """Connect to one's own page, which must work, and to those of others, which must not."""
        own = self._opened.get((caller, path))
        if own is not None and not await self._is_heard(path, caller, own, named=own):
            self._notebook.found(
                "hollow", SOCKET, path, caller, "no socket is let in, not even to its own page"
            )
        for other in callers:
            page = self._opened.get((other, path))
            if other == caller or page is None:
                continue
            for named in (page, own):
                heard = await self._is_heard(path, caller, page, named=named)
                leaks = [f"speaks for a page of {other.tenant} {other.role}"] if heard else []
                self._notebook.asked(
                    SOCKET, f"{SOCKET_PATH} of {path}", caller, refused=not heard, leaks=leaks
                )

    async def _is_heard(self, path: str, caller: Caller, page: str, *, named: str | None) -> bool:
        """Say whether a socket may speak for a page; `named` is the page in the address of the socket."""
        messages: list[Any] = []
        socket = SocketClient(reconnection=False, logger=False)
        socket.on("*", lambda event, *told: messages.append((event, told)))
        query = "" if named is None else f"?client_id={named}&next_message_id=0&implicit_handshake=false"
        try:
            await socket.connect(
                f"{self._door.client.base_url}{query}", headers=self._door.headers(caller, browser=True),
                transports=["websocket"], socketio_path=SOCKET_PATH, wait_timeout=PATIENCE,
            )  # fmt: skip
            shaken = {
                "client_id": page, "tab_id": "canary", "old_tab_id": None, "next_message_id": 0,
                "document_id": "canary",
            }  # fmt: skip
            async with asyncio.timeout(PATIENCE):
                answer = await socket.call("handshake", shaken, timeout=PATIENCE)
            await self._listen(path, caller, messages)
        except SocketRefusedError:
            return False
        finally:
            await socket.disconnect()
            await socket.shutdown()
        return bool(answer)

    async def _listen(self, path: str, caller: Caller, messages: list[Any]) -> None:
        """Look into what has been told until now."""
        told = msgspec.json.encode(messages, enc_hook=repr).decode()
        for leak in leaks_in(Said(path, told), caller, foreign(caller, self._house.canaries)):
            self._notebook.found("leak", SOCKET, path, caller, leak)


def _may_open(path: str, caller: Caller) -> bool:
    needed = role_of(path)
    return path in OPEN or (needed is not None and caller.role is not None and covers(caller.role, needed))
