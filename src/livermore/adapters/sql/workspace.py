"""Preferences and workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.statements import insert_into
from livermore.adapters.sql.tables import app_settings, workspaces
from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.scope import EVERYBODY, Reach, Scope
from livermore.workspace.preference import Owner, Preference, check_room
from livermore.workspace.row import HowOpened, WorkspaceRow

TURN = text("SELECT pg_advisory_xact_lock(:room, :whose)")
ROOM = 0x70726566  # the same number in every process, so that two do not fill one owner's room at once
COLUMNS = (app_settings.c.key, app_settings.c.value, app_settings.c.updated_at)


class SqlPreferenceBook:
    """Keep preferences in SQL; a row without a user is the installation's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, scope: Scope, key: str) -> Preference | None:
        """Return a user's own preference, else the installation's."""
        owner = app_settings.c.user_id
        query = (
            select(*COLUMNS)
            .where(app_settings.c.key == key, (owner == scope.user_id) | owner.is_(None))
            .order_by(owner.is_(None))
            .limit(1)
        )
        async with self._database.reading(scope) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _preference(*row)

    async def all(self, owner: Owner) -> list[Preference]:
        """Return what an owner has, ordered by key."""
        async with self._database.reading(_reach(owner)) as connection:
            return await _all(connection, owner)

    async def put(self, owner: Owner, values: Mapping[str, str]) -> list[Preference]:
        """Set every key or, by an error, none; return what was set. Raises InvalidError without room."""
        async with self._database.writing(_reach(owner)) as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(TURN, {"room": ROOM, "whose": _user_id(owner) or 0})
            before = {one.key: one.value or "" for one in await _all(connection, owner)}
            check_room({**before, **values}.items(), self._database.place)
            return await self._put(connection, owner, values)

    async def delete(self, owner: Owner, key: str) -> bool:
        """Delete a preference; say whether it was there."""
        statement = delete(app_settings).where(_of(owner), app_settings.c.key == key)
        async with self._database.writing(_reach(owner)) as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def _put(
        self, connection: AsyncConnection, owner: Owner, values: Mapping[str, str]
    ) -> list[Preference]:
        now, user_id = self._clock.now(), _user_id(owner)
        insert = insert_into(connection, app_settings)
        replaced = {name: insert.excluded[name] for name in ("value", "updated_at")}
        if user_id is None:
            upsert = insert.on_conflict_do_update(
                index_elements=["key"], index_where=app_settings.c.user_id.is_(None), set_=replaced
            )
        else:
            upsert = insert.on_conflict_do_update(index_elements=["user_id", "key"], set_=replaced)
        stamped = {"user_id": user_id, "updated_at": now}
        rows = [{"key": key, "value": values[key]} | stamped for key in sorted(values)]
        await connection.execute(upsert, rows)
        return [_preference(key, values[key], now) for key in values]


class SqlWorkspaceBook:
    """Keep the rows of `workspaces`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, row: WorkspaceRow) -> None:
        """Insert the row of a folder or replace it."""
        async with self._database.writing() as connection:
            insert = insert_into(connection, workspaces)
            replaced = {name: insert.excluded[name] for name in ("name", "last_opened", "config")}
            upsert = insert.on_conflict_do_update(index_elements=["project_dir"], set_=replaced)
            await connection.execute(upsert, _written(row))

    async def all(self) -> list[WorkspaceRow]:
        """Return every row, opened last first."""
        fields = [workspaces.c[name] for name in WorkspaceRow.__struct_fields__]
        newest = workspaces.c.last_opened.desc().nulls_last()
        async with self._database.reading() as connection:
            rows = await connection.execute(select(*fields).order_by(newest, workspaces.c.project_dir))
            return [_workspace(row._mapping) for row in rows]


async def _all(connection: AsyncConnection, owner: Owner) -> list[Preference]:
    rows = await connection.execute(select(*COLUMNS).where(_of(owner)))
    # Databases order texts by their own languages; code points are the same everywhere.
    return sorted((_preference(*row) for row in rows), key=lambda one: one.key)


def _preference(key: str, value: str, updated_at: int) -> Preference:
    return Preference(key=key, value=value, updated_at=rfc3339(updated_at))


def _user_id(owner: Owner) -> int | None:
    return owner.user_id if isinstance(owner, Scope) else None


def _of(owner: Owner) -> ColumnElement[bool]:
    # SQLAlchemy writes IS NULL for None.
    return app_settings.c.user_id == _user_id(owner)


def _reach(owner: Owner) -> Reach:
    """Return whose rows a transaction must reach: what is nobody's is written on behalf of everybody."""
    return owner if isinstance(owner, Scope) else EVERYBODY


def _written(row: WorkspaceRow) -> dict[str, Any]:
    config = None if row.config is None else msgspec.json.encode(row.config).decode()
    return msgspec.structs.asdict(row) | {"config": config}


def _workspace(row: Any) -> WorkspaceRow:
    config = None if row["config"] is None else msgspec.json.decode(row["config"], type=HowOpened)
    return WorkspaceRow(**{**row, "config": config})
