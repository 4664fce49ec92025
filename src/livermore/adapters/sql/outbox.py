"""One user's alerts on their way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, select, tuple_, update

from livermore.adapters.sql import tables
from livermore.adapters.sql.statements import add_new
from livermore.adapters.sql.unit_of_work import SqlUnitOfWork
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.signals.alert import Alert
from livermore.signals.ports import WITHDRAWN

Alerts = list[Alert]

FIELDS = [tables.alerts.c[name] for name in Alert.__struct_fields__]
AGE = (tables.alerts.c.created_at, tables.alerts.c.id)
CHANGING = ("state", "attempts", "sent_at", "error", "next_attempt")


class SqlAlerts:
    """Keep one user's outbox in SQL."""

    def __init__(self, work: SqlUnitOfWork, scope: Scope) -> None:
        self._work = work
        self._scope = scope

    async def add(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Store those that are not there yet and return them."""
        first = {alert.id: alert for alert in reversed(alerts)}
        if not first:
            return []
        owner = {"user_id": self._scope.user_id}
        async with self._work.writing() as connection:
            rows = [msgspec.structs.asdict(alert) | owner for alert in first.values()]
            added = await add_new(connection, tables.alerts, rows)
        return [alert for alert in alerts if alert.id in added and alert is first[alert.id]]

    async def due(self, now: int, limit: int = 100, *, channel: str | None = None) -> list[Alert]:
        """Return pending alerts (of one channel) whose next attempt is due, oldest first."""
        query = self._query().where(tables.alerts.c.state == "pending", tables.alerts.c.next_attempt <= now)
        if channel is not None:
            query = query.where(tables.alerts.c.channel == channel)
        return await self._fetch(query.order_by(*AGE).limit(limit))

    async def mark(self, alert: Alert) -> None:
        """Store an alert's new state, attempts, error and times; raise NotFoundError when it is not there."""
        change = update(tables.alerts).where(self._mine(), tables.alerts.c.id == alert.id)
        change = change.values({name: getattr(alert, name) for name in CHANGING})
        async with self._work.writing() as connection:
            if not (await connection.execute(change)).rowcount:
                raise NotFoundError("there is no such alert", where=alert.id)

    async def revive(self, signal_ids: Sequence[str], now: int) -> int:
        """Let alerts be due at a time (ms) that were given up as withdrawn; return how many."""
        given_up = and_(tables.alerts.c.state == "failed", tables.alerts.c.error == WITHDRAWN)
        revive = update(tables.alerts).where(
            self._mine(), given_up, tables.alerts.c.signal_id.in_(signal_ids)
        )
        async with self._work.writing() as connection:
            change = revive.values(state="pending", error=None, next_attempt=now)
            return (await connection.execute(change)).rowcount

    async def list(
        self, *, limit: int = 100, before: str | None = None, state: str | None = None
    ) -> tuple[list[Alert], str | None]:
        """Return alerts newest first and the cursor of the next page."""
        query = self._query().order_by(*(column.desc() for column in AGE)).limit(limit + 1)
        if state is not None:
            query = query.where(tables.alerts.c.state == state)
        if before is not None:
            query = query.where(tuple_(*AGE) < await self._age(before))
        found = await self._fetch(query)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def _age(self, cursor: str) -> tuple[str, str]:
        found = await self._fetch(self._query().where(tables.alerts.c.id == cursor))
        if not found:
            raise InvalidError("the cursor is not known", where="before", hint="begin with the first page")
        return found[0].created_at, cursor

    async def _fetch(self, query: Select[Any]) -> Alerts:
        async with self._work.reading() as connection:
            rows = await connection.execute(query)
        return [msgspec.convert(row._mapping, Alert) for row in rows]

    def _query(self) -> Select[Any]:
        return select(*FIELDS).where(self._mine())

    def _mine(self) -> ColumnElement[bool]:
        return tables.alerts.c.user_id == self._scope.user_id
