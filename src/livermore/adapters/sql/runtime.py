"""How each user's runtime should be, and was last."""

from __future__ import annotations

import msgspec
from sqlalchemy import select, update

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.statements import upsert_into
from livermore.adapters.sql.tables import runtimes, users
from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.scope import Scope
from livermore.runtime.ports import StoredRuntime


class SqlRuntimeBook:
    """Keep one row for each user's runtime in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, scope: Scope) -> StoredRuntime | None:
        """Return the stored row."""
        query = select(runtimes).where(runtimes.c.user_id == scope.user_id)
        async with self._database.reading(scope) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        stored = {name: getattr(row, name) for name in StoredRuntime.__struct_fields__}
        return StoredRuntime(**stored | {"updated_at": rfc3339(row.updated_at)})

    async def put(self, scope: Scope, runtime: StoredRuntime) -> None:
        """Insert or replace it, and the projections in `users` with it; the time is the clock's."""
        now = self._clock.now()
        row = msgspec.structs.asdict(runtime) | {"user_id": scope.user_id, "updated_at": now}
        projection = {"runtime_mode": runtime.mode, "is_paused": runtime.desired_state == "paused"}
        async with self._database.writing(scope) as connection:
            await connection.execute(upsert_into(connection, runtimes), row)
            await connection.execute(
                update(users).where(users.c.id == scope.user_id).values(projection | {"updated_at": now})
            )
