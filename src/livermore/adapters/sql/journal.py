"""The journal of commands: written as fast as the database allows, read as its policies allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from sqlalchemy import Select, Text, cast, select, text

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.journal_postgres import PostgresWriting
from livermore.adapters.sql.journal_rows import COLUMNS, JSON, accepted, command_of, same_json
from livermore.adapters.sql.journal_sqlite import SqliteWriting
from livermore.adapters.sql.kept import KeptConnections
from livermore.adapters.sql.kept_file import KeptFile
from livermore.adapters.sql.tables import commands
from livermore.control.audit import expired
from livermore.control.command import LIFETIME, Command, Failure, NewCommand, Progress
from livermore.control.lifecycle import WAITING, Status, Step
from livermore.control.ports import Accepted, Facts, Page, Waiting
from livermore.kernel.errors import ConflictError, StorageUnavailableError
from livermore.kernel.scope import EVERYBODY, Scope

READ = [cast(commands.c[name], Text).label(name) if name in JSON else commands.c[name] for name in COLUMNS]
# Written out, so that either database sees that its index of open commands holds them all.
OPEN_ROWS = text("status IN ('accepted', 'acknowledged', 'running')")


class Writing(Protocol):
    """Write to the journal as one kind of database does it best."""

    async def add(self, scope: Scope, command: NewCommand, stored: Command) -> int | None:
        """Insert a command with its first event; return its number, or None when its id is there already."""
        ...

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Mapping[str, Any] | None:
        """Take a step with its event and return the new row; None when it may not be taken."""
        ...

    async def refuse(self, scope: Scope, command: NewCommand) -> None:
        """Note that somebody used a command's id for something else."""
        ...

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        """Note how far a running command is."""
        ...

    async def close(self) -> None:
        """Let go of what is kept open."""
        ...


class SqlJournal:
    """Keep commands in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing: Writing = (
            SqliteWriting(KeptFile(database))
            if database.file
            else PostgresWriting(KeptConnections(database.url))
        )

    async def accept(self, scope: Scope, command: NewCommand) -> Accepted:
        """Write a command down, unless its id is there; see the port."""
        command = msgspec.structs.replace(command, failure=_storable(command.failure))
        stored = accepted(command)
        number = await self._writing.add(scope, command, stored)
        if number is not None:
            return Accepted(msgspec.structs.replace(stored, number=number), repeated=False)
        return Accepted(await self._repeated(scope, command), repeated=True)

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Command | None:
        """Take a step if the table allows it; see the port."""
        facts = msgspec.structs.replace(facts, error=_storable(facts.error))
        row = await self._writing.step(scope, command_id, step, facts)
        return None if row is None else command_of(row)

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        """Note how far a running command is."""
        await self._writing.progress(scope, command_id, progress)

    async def get(self, scope: Scope, command_id: str, now: int) -> Command | None:
        """Return one command; one that is overdue has expired by then."""
        found = await self._find(scope, command_id)
        if found is None or found.status not in WAITING or not found.is_overdue(now):
            return found
        return await self._expire(scope, found, now) or await self._find(scope, command_id)

    async def history(
        self, scope: Scope, now: int, *, before: int | None = None, limit: int = 50,
        of_type: str | None = None, status: Status | None = None,
    ) -> Page:  # fmt: skip
        """Return a user's commands, newest first; those that are overdue have expired by then."""
        await self._expire_overdue(scope, now)
        query = _mine(scope).order_by(commands.c.number.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(commands.c.number < before)
        if of_type is not None:
            query = query.where(commands.c.type == of_type)
        if status is not None:
            query = query.where(commands.c.status == status.value)
        found = await self._fetch(scope, query)
        return Page(found[:limit], found[limit - 1].number if len(found) > limit else None)

    async def open(self) -> list[Waiting]:
        """Return everybody's open commands, in the order of their arrival."""
        owner = commands.c.user_id, commands.c.identity_sub
        query = select(*READ, *owner).where(OPEN_ROWS).order_by(commands.c.number)
        async with self._database.reading(EVERYBODY) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            Waiting(Scope(user_id=row["user_id"], identity_sub=row["identity_sub"]), command_of(dict(row)))
            for row in rows
        ]

    async def close(self) -> None:
        """Let go of the connections that are kept."""
        await self._writing.close()

    async def _repeated(self, scope: Scope, command: NewCommand) -> Command:
        found = await self.get(scope, command.id, command.submitted_at)
        if found is None:
            raise StorageUnavailableError("the command has just been taken away", hint="send it again")
        if found.type == command.type and same_json(found.payload, command.payload):
            return found
        await self._writing.refuse(scope, command)
        raise ConflictError(f"this id stands for another command, {found.type}", hint="make a new id")

    async def _expire(self, scope: Scope, command: Command, now: int) -> Command | None:
        facts = Facts(at=now, error=expired(now, command.submitted_at))
        return await self.step(scope, command.id, Step.EXPIRE, facts)

    async def _expire_overdue(self, scope: Scope, now: int) -> None:
        overdue = _mine(scope).where(OPEN_ROWS, commands.c.submitted_at < now - LIFETIME)
        for command in await self._fetch(scope, overdue):
            if command.status in WAITING:
                await self._expire(scope, command, now)

    async def _find(self, scope: Scope, command_id: str) -> Command | None:
        found = await self._fetch(scope, _mine(scope).where(commands.c.correlation_id == command_id))
        return found[0] if found else None

    async def _fetch(self, scope: Scope, query: Select[Any]) -> list[Command]:
        async with self._database.reading(scope) as connection:
            return [command_of(dict(row)) for row in (await connection.execute(query)).mappings()]


def _mine(scope: Scope) -> Select[Any]:
    is_mine = commands.c.user_id == scope.user_id, commands.c.identity_sub == scope.identity_sub
    return select(*READ).where(*is_mine)


def _storable(failure: Failure | None) -> Failure | None:
    """Replace what PostgreSQL takes into no text: words of an error must never keep it from being stored."""
    if failure is None:
        return None
    detail = failure.detail.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return msgspec.structs.replace(failure, detail=detail)
