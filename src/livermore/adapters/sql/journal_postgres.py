"""The journal's writing to PostgreSQL: a single statement and a single round trip for each."""

from __future__ import annotations

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
from livermore.adapters.sql.kept import KeptConnections
from livermore.control.audit import REFUSED, asked
from livermore.control.command import LIFETIME, Command, NewCommand, Progress
from livermore.control.lifecycle import Step
from livermore.control.ports import Facts
from livermore.kernel.scope import Scope

NOTE = "INSERT INTO command_events (user_id, correlation_id, event, at, data)"
# A plan is made once for each connection, often while the table is empty and every way to a row costs as
# much. What is written so that no other index fits leaves the one way that stays fast: by the unique id.
MINE = "user_id + 0 = $1 AND identity_sub = $2 AND correlation_id = $3"
ADD = f"""
WITH added AS (
    INSERT INTO commands ({", ".join(ADDED)})
    VALUES ({", ".join(f"${at}" for at in range(1, len(ADDED) + 1))})
    ON CONFLICT (identity_sub, correlation_id) DO NOTHING
    RETURNING number, user_id, correlation_id, status, submitted_at
), noted AS (
    {NOTE} SELECT user_id, correlation_id, status, submitted_at, ${len(ADDED) + 1}::json FROM added
)
SELECT number FROM added
"""  # noqa: S608 - our own names
# Lest the command is taken away by retention at this very moment.
REFUSE = f"{NOTE} SELECT user_id, correlation_id, $4, $5, $6::json FROM commands WHERE {MINE} FOR KEY SHARE"  # noqa: S608
PROGRESS = f"UPDATE commands SET progress = $4 WHERE {MINE} AND status || '' = 'running'"  # noqa: S608


@cache
def _step_statement(step: Step) -> str:
    changed = CHANGED.format(*(f"${at}" for at in range(6, 14)))
    in_time = f" AND submitted_at >= $4::bigint - {LIFETIME}" if step is Step.START else ""
    return f"""
    WITH stepped AS (
        UPDATE commands SET {changed} WHERE {MINE} AND status || '' IN ({origins_of(step)}){in_time}
        RETURNING user_id, {", ".join(COLUMNS)}
    ), noted AS (
        {NOTE} SELECT user_id, correlation_id, status, $4::bigint, $5::json FROM stepped
    )
    SELECT {", ".join(COLUMNS)} FROM stepped
    """  # noqa: S608 - our own names and integers


class PostgresWriting:
    """Write to the journal on connections that are kept."""

    def __init__(self, kept: KeptConnections) -> None:
        self._kept = kept

    async def add(self, scope: Scope, command: NewCommand, stored: Command) -> int | None:
        """Insert a command with its first event; return its number, or None when its id is there already."""
        said = json_text(asked(scope.identity_sub, command))
        row = await self._kept.fetch_row(ADD, *values_added(scope, stored), said)
        return None if row is None else int(row["number"])

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Mapping[str, Any] | None:
        """Take a step with its event and return the new row; None when it may not be taken."""
        values = facts.at, facts_text(step, facts), *values_changed(step, facts)
        row: Mapping[str, Any] | None = await self._kept.fetch_row(
            _step_statement(step), *_mine(scope, command_id), *values
        )
        return row

    async def refuse(self, scope: Scope, command: NewCommand) -> None:
        """Note that somebody used a command's id for something else."""
        said = json_text(asked(scope.identity_sub, command))
        values = (*_mine(scope, command.id), REFUSED, command.submitted_at, said)
        await self._kept.fetch_row(REFUSE, *values)

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        """Note how far a running command is."""
        await self._kept.fetch_row(PROGRESS, *_mine(scope, command_id), json_text(progress))

    async def close(self) -> None:
        """Close the connections."""
        await self._kept.close()


def _mine(scope: Scope, command_id: str) -> tuple[int, str, str]:
    return scope.user_id, scope.identity_sub, command_id
