"""Where settings are read and written: at the running server, else in what is stored; both in API shapes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from livermore.apps.cli.database import writable_database
from livermore.apps.cli.errors import NotRunningError
from livermore.apps.cli.output import note
from livermore.apps.cli.reading import plain
from livermore.apps.cli.server import Server, ask, find_server
from livermore.apps.cli.stored import find_database

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.settings.exchange_access import AccountSettings
    from livermore.settings.path import Path as Place
    from livermore.settings.ports import Authorship

Answer = TypeVar("Answer")
SOURCE = {"Livermore-Source": "cli"}


class Settings(Protocol):
    """Answer for settings and exchange accounts; `expected` is the revision that is to be changed."""

    async def current(self) -> Any:
        """Return the newest settings."""
        ...

    async def patch(self, path: Place, value: Any, *, expected: int | None, reason: str | None) -> Any:
        """Put a value at a path."""
        ...

    async def replace(self, document: Any, *, expected: int) -> Any:
        """Replace the whole document."""
        ...

    async def plan(self, document: Any) -> Any:
        """Say what a document would change."""
        ...

    async def apply(self, document: Any, *, reason: str | None) -> Any:
        """Plan a document, and apply that plan."""
        ...

    async def history(self, *, limit: int, before: int | None) -> Any:
        """Return revisions, the newest first."""
        ...

    async def diff(self, start: int | None, end: int | None) -> Any:
        """Compare two revisions."""
        ...

    async def rollback(
        self, revision: int, paths: Sequence[Place], *, expected: int | None, reason: str | None
    ) -> Any:
        """Go back to a revision, or to some settings of it."""
        ...

    async def reset(self, paths: Sequence[Place], *, expected: int | None, reason: str | None) -> Any:
        """Go back to defaults."""
        ...

    async def export(self) -> Any:
        """Return the envelope of an export."""
        ...

    async def import_file(
        self, file: bytes, *, dry_run: bool, drop_unknown: bool, expected: int | None, reason: str | None
    ) -> Any:
        """Store what a file holds."""
        ...

    async def accounts(self) -> Any:
        """Return the exchange accounts."""
        ...

    async def add_account(self, exchange: str, variables: Mapping[str, str], *, is_default: bool) -> Any:
        """Open an exchange account."""
        ...

    async def verify(self, account_id: int) -> Any:
        """Check the key of an exchange account."""
        ...

    async def remove_account(self, account_id: int) -> Any:
        """Close an exchange account."""
        ...


class AtServer:
    """Ask the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def current(self) -> Any:
        """Return the newest settings."""
        return await self._ask("GET", "/settings")

    async def patch(self, path: Place, value: Any, *, expected: int | None, reason: str | None) -> Any:
        """Put a value at a path."""
        body = {"path": list(path), "value": value}
        return await self._ask("PATCH", "/settings", body, expected=expected, query={"reason": reason})

    async def replace(self, document: Any, *, expected: int) -> Any:
        """Replace the whole document."""
        return await self._ask("PUT", "/settings", document, expected=expected)

    async def plan(self, document: Any) -> Any:
        """Say what a document would change."""
        return await self._ask("POST", "/settings/plan", document)

    async def apply(self, document: Any, *, reason: str | None) -> Any:
        """Plan a document, and apply that plan."""
        plan = await self.plan(document)
        return await self._ask("POST", f"/settings/plan/{plan['id']}/apply", query={"reason": reason})

    async def history(self, *, limit: int, before: int | None) -> Any:
        """Return revisions, the newest first."""
        return await self._ask("GET", "/settings/history", query={"limit": limit, "before": before})

    async def diff(self, start: int | None, end: int | None) -> Any:
        """Compare two revisions."""
        return await self._ask("GET", "/settings/diff", query={"from": start, "to": end})

    async def rollback(
        self, revision: int, paths: Sequence[Place], *, expected: int | None, reason: str | None
    ) -> Any:
        """Go back to a revision, or to some settings of it."""
        body = {"revision": revision, "paths": _listed(paths), "reason": reason}
        return await self._ask("POST", "/settings/rollback", body, expected=expected)

    async def reset(self, paths: Sequence[Place], *, expected: int | None, reason: str | None) -> Any:
        """Go back to defaults."""
        body = {"paths": _listed(paths), "reason": reason}
        return await self._ask("POST", "/settings/reset", body, expected=expected)

    async def export(self) -> Any:
        """Return the envelope of an export."""
        return await self._ask("GET", "/settings/export")

    async def import_file(
        self, file: bytes, *, dry_run: bool, drop_unknown: bool, expected: int | None, reason: str | None
    ) -> Any:
        """Store what a file holds."""
        query = {"dry_run": dry_run, "drop_unknown": drop_unknown, "reason": reason}
        return await self._ask("POST", "/settings/import", file, expected=expected, query=query)

    async def accounts(self) -> Any:
        """Return the exchange accounts."""
        return await self._ask("GET", "/exchange-accounts")

    async def add_account(self, exchange: str, variables: Mapping[str, str], *, is_default: bool) -> Any:
        """Open an exchange account."""
        body = {"exchange": exchange, **variables} | ({"is_default": True} if is_default else {})
        return await self._ask("POST", "/exchange-accounts", body)

    async def verify(self, account_id: int) -> Any:
        """Check the key of an exchange account."""
        return await self._ask("POST", f"/exchange-accounts/{account_id}/verify")

    async def remove_account(self, account_id: int) -> Any:
        """Close an exchange account."""
        await self._ask("DELETE", f"/exchange-accounts/{account_id}")
        return {"id": account_id, "removed": True}

    async def _ask(
        self, method: str, path: str, body: Any = None, *,
        expected: int | None = None, query: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        condition = {} if expected is None else {"If-Match": f'"{expected}"'}
        headers = {} if method == "GET" else SOURCE | condition
        return await ask(self._server, path, query, method=method, body=body, headers=headers)


class InDatabase:
    """Read and write a database that no server was asked about."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._settings = system.settings
        self._scope = system.user.scope()

    async def current(self) -> Any:
        """Return the newest settings."""
        from livermore.apps.api.settings_shapes import settings_shape

        return plain(settings_shape(await self._settings.current(self._scope)))

    async def patch(self, path: Place, value: Any, *, expected: int | None, reason: str | None) -> Any:
        """Put a value at a path."""
        from livermore.settings.patch import PathPatch

        by = self._by(reason)
        return _changed(
            await self._settings.patch(self._scope, PathPatch(path, value), by, expected=expected)
        )

    async def replace(self, document: Any, *, expected: int) -> Any:
        """Replace the whole document."""
        return _changed(await self._settings.replace(self._scope, document, self._by(), expected=expected))

    async def plan(self, document: Any) -> Any:
        """Say what a document would change."""
        from livermore.settings.drafts import replacing

        return plain(await self._system.planner.plan(self._scope, replacing(document)))

    async def apply(self, document: Any, *, reason: str | None) -> Any:
        """Plan a document, and apply that plan."""
        from livermore.apps.api.settings_shapes import applied_shape

        plan = await self.plan(document)
        applied = await self._system.planner.apply(self._scope, plan["id"], self._by(reason))
        return plain(applied_shape(applied))

    async def history(self, *, limit: int, before: int | None) -> Any:
        """Return revisions, the newest first."""
        from livermore.apps.api.settings_shapes import history_shape

        found = await self._settings.history(self._scope, before=before, limit=limit + 1)
        return plain(history_shape(found, limit))

    async def diff(self, start: int | None, end: int | None) -> Any:
        """Compare two revisions."""
        from livermore.apps.api.settings_shapes import compared

        return plain(await compared(self._settings, self._scope, start, end))

    async def rollback(
        self, revision: int, paths: Sequence[Place], *, expected: int | None, reason: str | None
    ) -> Any:
        """Go back to a revision, or to some settings of it."""
        return _changed(
            await self._settings.rollback(
                self._scope, revision, self._by(reason), paths=paths or None, expected=expected
            )
        )

    async def reset(self, paths: Sequence[Place], *, expected: int | None, reason: str | None) -> Any:
        """Go back to defaults."""
        return _changed(
            await self._settings.reset(self._scope, self._by(reason), paths=paths or None, expected=expected)
        )

    async def export(self) -> Any:
        """Return the envelope of an export."""
        return await self._settings.export(self._scope, now=self._system.clock.now())

    async def import_file(
        self, file: bytes, *, dry_run: bool, drop_unknown: bool, expected: int | None, reason: str | None
    ) -> Any:
        """Store what a file holds."""
        from livermore.apps.api.settings_shapes import imported_shape

        imported = await self._settings.import_file(
            self._scope, file, self._by(reason),
            dry_run=dry_run, drop_unknown=drop_unknown, expected=expected,
        )  # fmt: skip
        return plain(imported_shape(imported, dry_run=dry_run))

    async def accounts(self) -> Any:
        """Return the exchange accounts."""
        from livermore.apps.api.account_shapes import ExchangeAccountsShape, account_shape

        found = await self._system.exchange_accounts.all(self._scope)
        return plain(ExchangeAccountsShape(accounts=list(map(account_shape, found))))

    async def add_account(self, exchange: str, variables: Mapping[str, str], *, is_default: bool) -> Any:
        """Open an exchange account."""
        from livermore.apps.api.account_shapes import account_shape
        from livermore.settings.exchange_access import change_of

        change = change_of(variables, is_default=is_default)
        made = await self._account_settings().add(self._scope, exchange, change, self._by())
        return plain(account_shape(made))

    async def verify(self, account_id: int) -> Any:
        """Check the key of an exchange account."""
        from livermore.apps.api.account_shapes import check_shape

        return plain(check_shape(await self._system.exchange_accounts.check(self._scope, account_id)))

    async def remove_account(self, account_id: int) -> Any:
        """Close an exchange account."""
        await self._account_settings().remove(self._scope, account_id, self._by())
        return {"id": account_id, "removed": True}

    def _account_settings(self) -> AccountSettings:
        from livermore.settings.exchange_access import AccountSettings

        return AccountSettings(self._settings, self._system.exchange_accounts)

    def _by(self, reason: str | None = None) -> Authorship:
        from livermore.settings.ports import Authorship

        return Authorship(author=self._system.user.username, source="cli", reason=reason)


def read(workspace: Path, source: str | None, question: Callable[[Settings], Awaitable[Answer]]) -> Answer:
    """Put a question to the running server, else to what is stored; raise NotRunningError without both."""
    answered = _asked(workspace, source, question)
    if answered:
        return answered[0]
    stored = find_database(workspace, source)
    answer = asyncio.run(_from_database(stored.url, question))
    note(f"no server was asked: this is what {stored.name} holds")
    return answer


def write(workspace: Path, source: str | None, change: Callable[[Settings], Awaitable[Answer]]) -> Answer:
    """Put a change to the running server, else to the database, which is made when it is not there."""
    answered = _asked(workspace, source, change)
    if answered:
        return answered[0]
    return asyncio.run(_into_database(writable_database(workspace, source).url, change))


def _asked(
    workspace: Path, source: str | None, question: Callable[[Settings], Awaitable[Answer]]
) -> tuple[Answer] | None:
    """Ask the running server; None where there is none. A `source` means its database in any case."""
    server = find_server(workspace) if source is None else None
    if server is None:
        return None
    try:
        return (asyncio.run(_awaited(question(AtServer(server)))),)
    except NotRunningError:
        if "LIVERMORE_URL" in os.environ:
            raise
        return None


async def _from_database(url: str, question: Callable[[Settings], Awaitable[Answer]]) -> Answer:
    from livermore import bootstrap

    system = await bootstrap.read_only(url)
    try:
        return await question(InDatabase(system))
    finally:
        await system.stop()


async def _into_database(url: str, change: Callable[[Settings], Awaitable[Answer]]) -> Answer:
    from livermore import bootstrap

    async with bootstrap.writable(url) as system:
        return await change(InDatabase(system))


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer


def _changed(change: Any) -> Any:
    from livermore.apps.api.settings_shapes import change_shape

    return plain(change_shape(change))


def _listed(paths: Sequence[Place]) -> list[list[str | int]] | None:
    return [list(path) for path in paths] or None
