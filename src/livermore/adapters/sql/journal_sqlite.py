"""The journal's writing to SQLite: a transaction of two statements for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import cache
from typing import Any

from livermore.adapters.sql.journal_rows import (
    ADDED,
    CHANGED,
    COLUMNS,
    facts_text,
    json_text,
    origins_of,
    values_added,
    values_changed,
)
from livermore.adapters.sql.kept_file import KeptFile
from livermore.control.audit import REFUSED, asked
from livermore.control.command import LIFETIME, Command, NewCommand, Progress
from livermore.control.lifecycle import Step, destination
from livermore.control.ports import Facts
from livermore.kernel.scope import Scope

NOTE = "INSERT INTO command_events (user_id, correlation_id, event, at, data)"
MINE = "user_id = ? AND identity_sub = ? AND correlation_id = ?"
ADD = (
    f"INSERT INTO commands ({', '.join(ADDED)}) VALUES ({', '.join('?' * len(ADDED))})"  # noqa: S608
    " ON CONFLICT (identity_sub, correlation_id) DO NOTHING RETURNING number"
)
NOTE_VALUES = f"{NOTE} VALUES (?, ?, ?, ?, ?)"
REFUSE = f"{NOTE} SELECT user_id, correlation_id, ?, ?, ? FROM commands WHERE {MINE}"  # noqa: S608
PROGRESS = f"UPDATE commands SET progress = ? WHERE {MINE} AND status = 'running'"  # noqa: S608


@cache
def _step_statement(step: Step) -> str:
    in_time = f" AND submitted_at >= ? - {LIFETIME}" if step is Step.START else " AND ? IS NOT NULL"
    return (
        f"UPDATE commands SET {CHANGED.format(*'?' * 8)} WHERE {MINE}"  # noqa: S608 - our own names
        f" AND status IN ({origins_of(step)}){in_time} RETURNING {', '.join(COLUMNS)}"
    )


class SqliteWriting:
    """Write to the journal in the database's file."""

    def __init__(self, file: KeptFile) -> None:
        self._file = file

    async def add(self, scope: Scope, command: NewCommand, stored: Command) -> int | None:
        """Insert a command with its first event; return its number, or None when its id is there already."""
        values = values_added(scope, stored)
        said = json_text(asked(scope.identity_sub, command))
        noted = (scope.user_id, stored.id, stored.status.value, stored.submitted_at, said)
        row = await self._file.run(lambda connection: _with_event(connection, ADD, values, noted))
        return None if row is None else int(row["number"])

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Mapping[str, Any] | None:
        """Take a step with its event and return the new row; None when it may not be taken."""
        values = (*values_changed(step, facts), *_mine(scope, command_id), facts.at)
        noted = (scope.user_id, command_id, destination(step).value, facts.at, facts_text(step, facts))
        statement = _step_statement(step)
        row = await self._file.run(lambda connection: _with_event(connection, statement, values, noted))
        return None if row is None else dict(row)

    async def refuse(self, scope: Scope, command: NewCommand) -> None:
        """Note that somebody used a command's id for something else."""
        said = json_text(asked(scope.identity_sub, command))
        values = (REFUSED, command.submitted_at, said, *_mine(scope, command.id))
        await self._file.run(lambda connection: connection.execute(REFUSE, values).close())

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        """Note how far a running command is."""
        values = (json_text(progress), *_mine(scope, command_id))
        await self._file.run(lambda connection: connection.execute(PROGRESS, values).close())

    async def close(self) -> None:
        """Close the connection."""
        await self._file.close()


def _with_event(
    connection: sqlite3.Connection, statement: str, values: tuple[Any, ...], noted: tuple[Any, ...]
) -> sqlite3.Row | None:
    """Change a row and, if it was changed, note the event; return the row."""
    row: sqlite3.Row | None = next(iter(connection.execute(statement, values).fetchall()), None)
    if row is not None:
        connection.execute(NOTE_VALUES, noted).close()
    return row


def _mine(scope: Scope, command_id: str) -> tuple[int, str, str]:
    return scope.user_id, scope.identity_sub, command_id
