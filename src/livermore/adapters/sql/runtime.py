"""How each user's runtime should be, and was last, and which process runs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

import msgspec
from sqlalchemy import ColumnElement, Row, and_, bindparam, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.statements import insert_into, upsert_into
from livermore.adapters.sql.tables import runtimes, users
from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import ConflictError
from livermore.kernel.scope import EVERYBODY, Scope
from livermore.runtime.ports import Hosted, Lease, StoredRuntime

DEFAULT_MODE = "position-monitor"
PROJECTED = (
    update(users)
    .where(users.c.id == bindparam("whose"))
    .values(runtime_mode=bindparam("runtime_mode"), is_paused=bindparam("is_paused"))
)
OF_USERS = (users.c.id, users.c.username, users.c.identity_sub, users.c.role, users.c.settings_revision)


class SqlRuntimeBook:
    """Keep one row for each user's runtime in SQL."""

    def __init__(self, database: Database, clock: Clock, runner: str | None = None) -> None:
        """Write on behalf of a `runner`, if one is named: not what another one holds."""
        self._database = database
        self._clock = clock
        self._runner = runner

    async def get(self, scope: Scope) -> StoredRuntime | None:
        """Return the stored row."""
        query = select(runtimes).where(runtimes.c.user_id == scope.user_id)
        async with self._database.reading(scope) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _stored(row)

    async def put(self, scope: Scope, runtime: StoredRuntime) -> None:
        """Insert or replace it, and the projections in `users` with it; the time is the clock's.

        Raises ConflictError when another runner holds it.
        """
        now = self._clock.now()
        row = msgspec.structs.asdict(runtime) | {"user_id": scope.user_id, "updated_at": now}
        async with self._database.writing(scope) as connection:
            await self._need_held(connection, scope)
            await connection.execute(upsert_into(connection, runtimes, "runner", "leased_until"), row)
            await connection.execute(
                update(users).where(users.c.id == scope.user_id).values(_seen(row) | {"updated_at": now})
            )

    async def claim(self, runner: str, until: int, known: Collection[int], *, alone: bool) -> Lease:
        """Take or keep every active user's runtime that no other runner holds now, until a time (ms UTC)."""
        async with self._database.writing(EVERYBODY) as connection:
            await self._begin(connection)
            active = select(users.c.id).where(users.c.is_active)
            taking = update(runtimes).where(runtimes.c.user_id.in_(active), self._free(runner, alone))
            await connection.execute(taking.values(runner=runner, leased_until=until))
            ours = and_(runtimes.c.runner == runner, users.c.is_active)
            held = await connection.execute(_joined(runtimes.c.user_id).where(ours))
            ids = frozenset(held.scalars())
            if ids.issubset(known):
                return Lease(ids, ())
            rows = await connection.execute(_joined(*_ALL).where(ours))
            return Lease(ids, tuple(_hosted(row) for row in rows if row.user_id not in known))

    async def _need_held(self, connection: AsyncConnection, scope: Scope) -> None:
        """Refuse who may have stood still for so long that the user is another's by now."""
        query = select(runtimes.c.runner).where(runtimes.c.user_id == scope.user_id).with_for_update()
        holder = (await connection.execute(query)).scalar_one_or_none() if self._runner else None
        if holder not in (None, self._runner):
            raise ConflictError("another process runs this user's runtime by now", hint="ask once more")

    async def release(self, runner: str) -> None:
        """Let others have what a runner holds."""
        async with self._database.writing(EVERYBODY) as connection:
            letting_go = update(runtimes).where(runtimes.c.runner == runner)
            await connection.execute(letting_go.values(runner=None, leased_until=None))

    def _free(self, runner: str, alone: bool) -> ColumnElement[bool]:
        if alone:
            return true()
        mine_or_nobodys = or_(runtimes.c.runner.is_(None), runtimes.c.runner == runner)
        return or_(mine_or_nobodys, runtimes.c.leased_until < self._clock.now())

    async def _begin(self, connection: AsyncConnection) -> None:
        """Give users without a row one; whether it is to run is what their settings say."""
        without = select(users.c.id, users.c.settings).where(
            users.c.is_active, users.c.id.not_in(select(runtimes.c.user_id))
        )
        rows = [_first(row.id, row.settings) for row in await connection.execute(without)]
        if rows:
            # Another process may be doing the same.
            await connection.execute(insert_into(connection, runtimes).on_conflict_do_nothing(), rows)
            await connection.execute(PROJECTED, [{"whose": row["user_id"], **_seen(row)} for row in rows])


def _seen(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `users` shows of a row of `runtimes`."""
    return {"runtime_mode": row["mode"], "is_paused": row["desired_state"] == "paused"}


def _joined(*columns: Any) -> Any:
    return select(*columns).join_from(runtimes, users, users.c.id == runtimes.c.user_id)


_ALL = (*(column for column in runtimes.c if column.name != "updated_at"), runtimes.c.updated_at, *OF_USERS)


def _first(user_id: int, document: dict[str, Any]) -> dict[str, Any]:
    section = document.get("livermore_runtime", {})
    starts = section.get("auto_start") is True
    wanted, state = ("running", "stopped") if starts else ("paused", "paused")
    mode = section.get("mode", DEFAULT_MODE)
    return {"user_id": user_id, "desired_state": wanted, "state": state, "mode": mode}


def _stored(row: Row[Any]) -> StoredRuntime:
    stored = {name: getattr(row, name) for name in StoredRuntime.__struct_fields__}
    return StoredRuntime(**stored | {"updated_at": rfc3339(row.updated_at)})


def _hosted(row: Row[Any]) -> Hosted:
    return Hosted(
        scope=Scope(user_id=row.user_id, identity_sub=row.identity_sub), username=row.username,
        role=cast("Any", row.role), runtime=_stored(row), settings_revision=row.settings_revision,
    )  # fmt: skip
