"""Wrong guesses at passwords, counted where a restart does not forget them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.accounts.attempts import Rule, Tally, counted
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.statements import insert_into, upsert_into
from livermore.adapters.sql.tables import login_attempts
from livermore.kernel.clock import Clock

ATTEMPT = login_attempts.c
WRITE = (
    update(login_attempts)
    .where(ATTEMPT.key == bindparam("name"))
    .values(refused_until=bindparam("until"), forgotten_at=bindparam("forgotten"))
)


class _RefusedError(Exception):
    """Undo what was counted: one of the names is refused until a time (ms UTC)."""

    def __init__(self, until: int) -> None:
        self.until = until


class SqlAttemptBook:
    """Count guesses in SQL: processes that count at the same moment lose none of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, names: Sequence[bytes]) -> dict[bytes, Tally]:
        """Return what is counted under names and not yet forgotten."""
        query = select(login_attempts).where(ATTEMPT.key.in_(names), ATTEMPT.forgotten_at > self._clock.now())
        async with self._database.reading() as connection:
            return {row.key: _tally_of(row) for row in await connection.execute(query)}

    async def count(self, rules: Mapping[bytes, Rule]) -> int:
        """Count one guess under every name, or under none when one of them is refused."""
        now = self._clock.now()
        try:
            async with self._database.writing() as connection:
                for name, failures in await _one_more(connection, rules, now):
                    tally = counted(rules[name], failures, now)
                    written = {"until": tally.refused_until, "forgotten": tally.forgotten_at}
                    await connection.execute(WRITE, written | {"name": name})
                await _forget(connection, now)
        except _RefusedError as refused:
            return refused.until
        return 0

    async def succeed(self, given_back: Sequence[bytes], forgotten: bytes, known: bytes, until: int) -> None:
        """Take a guess that was right from some names, forget one, and keep `known` so long (ms UTC)."""
        fewer = update(login_attempts).where(ATTEMPT.key.in_(given_back), ATTEMPT.failures > 0)
        row = {"key": known, "failures": 0, "refused_until": 0, "forgotten_at": until}
        async with self._database.writing() as connection:
            await _lock(connection, [*given_back, forgotten, known])
            await connection.execute(fewer.values(failures=ATTEMPT.failures - 1))
            await connection.execute(delete(login_attempts).where(ATTEMPT.key == forgotten))
            await connection.execute(upsert_into(connection, login_attempts), row)


async def _one_more(
    connection: AsyncConnection, rules: Mapping[bytes, Rule], now: int
) -> list[tuple[bytes, int]]:
    """Add one to every name and return the sums; raise _RefusedError when one has to wait."""
    # Whoever comes at the same moment waits for these rows; in one order, so that nobody waits in a circle.
    rows = [
        {"key": name, "failures": 1, "refused_until": 0, "forgotten_at": now + rules[name].memory}
        for name in sorted(rules)
    ]
    remembered = case((ATTEMPT.forgotten_at > now, ATTEMPT.failures), else_=0)
    query = insert_into(connection, login_attempts).values(rows)
    query = query.on_conflict_do_update(index_elements=[ATTEMPT.key], set_={"failures": remembered + 1})
    counts = query.returning(ATTEMPT.key, ATTEMPT.failures, ATTEMPT.refused_until)
    found = (await connection.execute(counts)).all()
    until = max(rules[row.key].refuses_until(row.refused_until, now) for row in found)
    if until > now:
        raise _RefusedError(until)
    return [(row.key, row.failures) for row in found]


async def _forget(connection: AsyncConnection, now: int) -> None:
    """Delete what nobody remembers, but for rows that somebody is counting in."""
    old = select(ATTEMPT.key).where(ATTEMPT.forgotten_at <= now).with_for_update(skip_locked=True)
    await connection.execute(delete(login_attempts).where(ATTEMPT.key.in_(old)))


async def _lock(connection: AsyncConnection, names: Iterable[bytes]) -> None:
    """Hold rows in the order in which everybody takes them."""
    query = select(ATTEMPT.key).where(ATTEMPT.key.in_(list(names))).order_by(ATTEMPT.key)
    await connection.execute(query.with_for_update())


def _tally_of(row: Row[Any]) -> Tally:
    return Tally(failures=row.failures, refused_until=row.refused_until, forgotten_at=row.forgotten_at)
