"""One user's signals, and the transaction in which they are stored with rule states and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from livermore.adapters.sql import tables
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.outbox import SqlAlerts
from livermore.adapters.sql.rule_states import SqlRuleStates
from livermore.adapters.sql.statements import add_new
from livermore.adapters.sql.unit_of_work import SqlUnitOfWork
from livermore.kernel.errors import InvalidError
from livermore.kernel.events import EventBus
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.signals.ports import AlertRepository, RuleStateRepository, SignalRepository
from livermore.signals.signal import KINDS, Signal

Signals = list[Signal]

RANK = {kind: rank for rank, kind in enumerate(KINDS)}
# What orders signals of one instant; the id is there so that no two are equal.
WITHIN_INSTANT = (
    tables.signals.c.length,
    case(RANK, value=tables.signals.c.kind),
    func.coalesce(tables.signals.c.level, 0),
    tables.signals.c.id,
)
AMENDED = (
    "price", "macdv", "signal", "histogram", "stage", "bias", "complete", "low_confidence", "withdrawn_at",
    "evidence",
)  # fmt: skip
FIELDS = [tables.signals.c[name] for name in Signal.__struct_fields__]


class SqlSignalWork(SqlUnitOfWork):
    """Store a user's signals, rule states and alerts together."""

    def __init__(self, database: Database, bus: EventBus, scope: Scope) -> None:
        super().__init__(database, bus, scope)
        self.signals: SignalRepository = SqlSignals(self, scope)
        self.states: RuleStateRepository = SqlRuleStates(self, scope)
        self.alerts: AlertRepository = SqlAlerts(self, scope)


class SqlSignals:
    """Keep one user's signals in SQL."""

    def __init__(self, work: SqlUnitOfWork, scope: Scope) -> None:
        self._work = work
        self._scope = scope

    async def add(self, signals: Sequence[Signal]) -> list[Signal]:
        """Store those that are not there yet and return them; one that exists stays as it is."""
        first = {signal.id: signal for signal in reversed(signals)}
        if not first:
            return []
        async with self._work.writing() as connection:
            added = await add_new(
                connection, tables.signals, [self._row(signal) for signal in first.values()]
            )
        return [signal for signal in signals if signal.id in added and signal is first[signal.id]]

    async def withdraw(self, ids: Sequence[str], at: str) -> None:
        """Mark signals that a revision removed; one withdrawn before keeps its time."""
        if not ids:
            return
        mark = (
            update(tables.signals)
            .where(
                self._mine(),
                tables.signals.c.id == bindparam("wanted"),
                tables.signals.c.withdrawn_at.is_(None),
            )
            .values(withdrawn_at=at)
        )
        async with self._work.writing() as connection:
            await connection.execute(mark, [{"wanted": each} for each in ids])

    async def amend(self, signals: Sequence[Signal]) -> None:
        """Let stored signals stand as they are given here: with what their bars say now."""
        if not signals:
            return
        change = (
            update(tables.signals)
            .where(self._mine(), tables.signals.c.id == bindparam("wanted"))
            .values({name: bindparam(f"new_{name}") for name in AMENDED})
        )
        rows = [
            {"wanted": signal.id, **{f"new_{name}": getattr(signal, name) for name in AMENDED}}
            for signal in signals
        ]
        async with self._work.writing() as connection:
            await connection.execute(change, rows)

    async def get(self, signal_id: str) -> Signal | None:
        """Return one."""
        found = await self._fetch(self._query().where(tables.signals.c.id == signal_id))
        return found[0] if found else None

    async def list(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        exchange: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        kind: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> tuple[list[Signal], str | None]:
        """Return signals whose bar opened in [start, end), newest first, and the cursor of the next page."""
        query = self._query().order_by(tables.signals.c.close_time.desc(), *WITHIN_INSTANT).limit(limit + 1)
        wanted = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "kind": kind}
        query = query.filter_by(**{name: value for name, value in wanted.items() if value is not None})
        if start is not None:
            query = query.where(tables.signals.c.time >= start)
        if end is not None:
            query = query.where(tables.signals.c.time < end)
        if before is not None:
            query = query.where(_behind(await self._last_seen(before)))
        found = await self._fetch(query)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def _last_seen(self, cursor: str) -> Signal:
        signal = await self.get(cursor)
        if signal is None:
            raise InvalidError("the cursor is not known", where="before", hint="begin with the first page")
        return signal

    async def _fetch(self, query: Select[Any]) -> Signals:
        async with self._work.reading() as connection:
            rows = await connection.execute(query)
        return [msgspec.convert(row._mapping, Signal) for row in rows]

    def _query(self) -> Select[Any]:
        return select(*FIELDS).where(self._mine())

    def _mine(self) -> ColumnElement[bool]:
        return tables.signals.c.user_id == self._scope.user_id

    def _row(self, signal: Signal) -> dict[str, Any]:
        length = Timeframe(signal.timeframe).milliseconds
        more = {"user_id": self._scope.user_id, "close_time": signal.time + length, "length": length}
        return msgspec.structs.asdict(signal) | more


def _behind(last: Signal) -> ColumnElement[bool]:
    """Pick what is listed after a signal."""
    length = Timeframe(last.timeframe).milliseconds
    close = tables.signals.c.close_time
    place = map(literal, (length, RANK[last.kind], last.level or 0, last.id))
    same_instant = and_(close == last.time + length, tuple_(*WITHIN_INSTANT) > tuple_(*place))
    return or_(close < last.time + length, same_instant)
