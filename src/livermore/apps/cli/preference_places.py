"""Where preferences are read and written: at the running server, else in what is stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from livermore.apps.cli.database import writable_database
from livermore.apps.cli.errors import NotRunningError
from livermore.apps.cli.output import note
from livermore.apps.cli.reading import plain
from livermore.apps.cli.server import Server, ask, find_server
from livermore.apps.cli.stored import SERVER_VARIABLE, Stored, database_files, find_database

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.bootstrap.workspace import StoredPreferences

Answer = TypeVar("Answer")

# Each of these answers in the shapes of the API; `of` is user, installation, or None for what counts.


class AtServer:
    """Ask the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def all(self, of: str | None) -> Any:
        """Return preferences."""
        return await ask(self._server, "/preferences", {"of": of})

    async def get(self, key: str, of: str | None) -> Any:
        """Return one, with null where there is none."""
        return await ask(self._server, _path(key), {"of": of})

    async def set(self, values: Mapping[str, str], of: str | None) -> Any:
        """Store all of them or none."""
        body = {"preferences": dict(values)}
        return await ask(self._server, "/preferences", {"of": of}, method="PATCH", body=body)

    async def delete(self, key: str, of: str | None) -> Any:
        """Delete one."""
        return await ask(self._server, _path(key), {"of": of}, method="DELETE")


class InDatabase:
    """Read a database that no server was asked about."""

    def __init__(self, system: System) -> None:
        self._service = system.preferences
        self._scope = system.user.scope()

    async def all(self, of: str | None) -> Any:
        """Return preferences."""
        found = await (self._service.of(self._owner(of)) if of else self._service.all(self._scope))
        return {"preferences": plain(found)}

    async def get(self, key: str, of: str | None) -> Any:
        """Return one, with null where there is none."""
        if of is None:
            return plain(await self._service.get(self._scope, key))
        return plain(await self._service.own(self._owner(of), key))

    def _owner(self, of: str) -> Any:
        from livermore.workspace.preference import INSTALLATION

        return INSTALLATION if of == "installation" else self._scope


class IntoDatabase:
    """Write into a database that no server was asked about."""

    def __init__(self, stored: StoredPreferences) -> None:
        self._stored = stored

    async def set(self, values: Mapping[str, str], of: str | None) -> Any:
        """Store all of them or none."""
        owner = await self._stored.owner(installation=of == "installation")
        return {"preferences": plain(await self._stored.service.set_all(owner, values))}

    async def delete(self, key: str, of: str | None) -> Any:
        """Delete one."""
        owner = await self._stored.owner(installation=of == "installation")
        return {"key": key, "existed": await self._stored.service.delete(owner, key)}


class Nowhere:
    """Answer for a folder in which nothing is stored yet."""

    async def all(self, of: str | None) -> Any:
        """Return none."""
        return {"preferences": []}

    async def get(self, key: str, of: str | None) -> Any:
        """Return null."""
        return {"key": key, "value": None, "updated_at": None}

    async def delete(self, key: str, of: str | None) -> Any:
        """Say that there was none."""
        return {"key": key, "existed": False}


def read(workspace: Path, source: str | None, question: Callable[[Any], Awaitable[Answer]]) -> Answer:
    """Put a question to the running server, else to what is stored, else to nothing."""
    answered = _asked(workspace, source, question)
    if answered:
        return answered[0]
    stored = _stored(workspace, source)
    if stored is None:
        note("nothing is stored here yet")
        return asyncio.run(_awaited(question(Nowhere())))
    answer = asyncio.run(_from_database(stored.url, question))
    note(f"no server was asked: this is what {stored.name} holds")
    return answer


def write(workspace: Path, source: str | None, change: Callable[[Any], Awaitable[Answer]]) -> Answer:
    """Put a change to the running server, else to the database, which is made when it is not there."""
    answered = _asked(workspace, source, change)
    if answered:
        return answered[0]
    return asyncio.run(_into_database(writable_database(workspace, source).url, change))


def delete(workspace: Path, source: str | None, key: str, of: str) -> Any:
    """Delete a value where `write` would put it; where nothing is stored, nothing is made."""

    def change(preferences: Any) -> Awaitable[Any]:
        deleted: Awaitable[Any] = preferences.delete(key, of)
        return deleted

    answered = _asked(workspace, source, change)
    if answered:
        return answered[0]
    stored = _stored(workspace, source)
    return asyncio.run(_awaited(change(Nowhere())) if stored is None else _into_database(stored.url, change))


def _asked(
    workspace: Path, source: str | None, question: Callable[[Any], Awaitable[Answer]]
) -> tuple[Answer] | None:
    """Ask the running server; None where there is none. A `source` asks its database in any case."""
    server = find_server(workspace) if source is None else None
    if server is None:
        return None
    try:
        return (asyncio.run(_awaited(question(AtServer(server)))),)
    except NotRunningError:
        if "LIVERMORE_URL" in os.environ:
            raise
        return None


def _stored(workspace: Path, source: str | None) -> Stored | None:
    """Return the database that is meant; None in a folder that has none."""
    if source is None and SERVER_VARIABLE not in os.environ and not database_files(workspace, None):
        return None
    return find_database(workspace, source)


async def _from_database(url: str, question: Callable[[Any], Awaitable[Answer]]) -> Answer:
    from livermore import bootstrap

    system = await bootstrap.read_only(url)
    try:
        return await question(InDatabase(system))
    finally:
        await system.stop()


async def _into_database(url: str, change: Callable[[Any], Awaitable[Answer]]) -> Answer:
    from livermore import bootstrap

    async with bootstrap.preferences(url) as stored:
        return await change(IntoDatabase(stored))


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer


def _path(key: str) -> str:
    # A key of dots alone would be read as the way to another path.
    return "/preferences/" + quote(key, safe="").replace(".", "%2E")
