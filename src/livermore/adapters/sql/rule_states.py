"""One user's rule states: how far each series was judged, and where it stood then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, select

from livermore.adapters.sql.statements import upsert_into
from livermore.adapters.sql.tables import series, signal_state
from livermore.adapters.sql.unit_of_work import SqlUnitOfWork
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series
from livermore.signals.ports import StoredState

Earlier = tuple[tuple[int, bytes], ...]


class SqlRuleStates:
    """Keep one user's rule states in SQL."""

    def __init__(self, work: SqlUnitOfWork, scope: Scope) -> None:
        self._work = work
        self._scope = scope

    async def put(self, states: Sequence[StoredState]) -> None:
        """Insert or replace."""
        if not states:
            return
        known = self._work.database.series
        async with self._work.writing() as connection:
            keys = await known.settle(connection, {state.series for state in states})
            rows = [self._row(state, keys[state.series]) for state in states]
            await connection.execute(upsert_into(connection, signal_state), rows)
        self._work.after_commit(partial(known.remember, keys))

    async def all(self, exchange: str) -> list[StoredState]:
        """Return every state on an exchange."""
        query = (
            select(signal_state, series.c.exchange, series.c.symbol, series.c.timeframe)
            .join(series)
            .where(signal_state.c.user_id == self._scope.user_id, series.c.exchange == exchange)
            .order_by(series.c.symbol, series.c.timeframe)
        )
        async with self._work.reading() as connection:
            rows = await connection.execute(query)
        return [_state(row) for row in rows]

    async def drop(self, exchange: str, symbols: Sequence[str]) -> None:
        """Forget symbols that are no longer watched."""
        await self._delete(series.c.exchange == exchange, series.c.symbol.in_(symbols))

    async def keep(self, exchanges: Collection[str]) -> None:
        """Forget every symbol of any other exchange."""
        await self._delete(series.c.exchange.not_in(exchanges))

    async def _delete(self, *which: ColumnElement[bool]) -> None:
        mine, keys = signal_state.c.user_id == self._scope.user_id, select(series.c.id).where(*which)
        async with self._work.writing() as connection:
            await connection.execute(delete(signal_state).where(mine, signal_state.c.series_id.in_(keys)))

    def _row(self, state: StoredState, key: int) -> dict[str, Any]:
        return {
            "user_id": self._scope.user_id,
            "series_id": key,
            "evaluated_to": state.evaluated_to,
            "state": state.state,
            "earlier": msgspec.msgpack.encode(state.earlier),
        }


def _state(row: Row[Any]) -> StoredState:
    name = Series(row.exchange, row.symbol, Timeframe(row.timeframe))
    return StoredState(name, row.evaluated_to, row.state, msgspec.msgpack.decode(row.earlier, type=Earlier))
