"""Each user's settings document, and every revision of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.tables import settings_revisions, users
from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.ports import StoredSettings

Document = dict[str, Any]


class SqlSettingsStore:
    """Keep settings in SQL: the newest document with its user, each revision in a row of its own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def current(self, scope: Scope) -> StoredSettings:
        """Return the stored document; raise NotFoundError when the user is unknown."""
        async with self._database.reading(scope) as connection:
            return await _current(connection, scope)

    async def write(
        self, scope: Scope, document: Document, *, author: str, source: str, reason: str | None = None
    ) -> StoredSettings:
        """Store a new document as the next revision, with its difference to the one before."""
        now = self._clock.now()
        async with self._database.writing(scope) as connection:
            before = await _current(connection, scope, lock=True)
            revision = before.revision + 1
            await connection.execute(
                update(users)
                .where(users.c.id == scope.user_id)
                .values(settings=document, settings_revision=revision, updated_at=now)
            )
            row = revision_row(before.document, document, author=author, source=source, reason=reason)
            own = {"user_id": scope.user_id, "revision": revision, "created_at": now}
            await connection.execute(insert(settings_revisions), row | own)
        return StoredSettings(document=document, revision=revision, updated_at=rfc3339(now))


async def _current(connection: AsyncConnection, scope: Scope, *, lock: bool = False) -> StoredSettings:
    this = settings_revisions.c
    query = (
        select(
            users.c.settings, users.c.settings_revision, func.coalesce(this.created_at, users.c.created_at)
        )
        .outerjoin(
            settings_revisions, (this.user_id == users.c.id) & (this.revision == users.c.settings_revision)
        )
        .where(users.c.id == scope.user_id)
    )
    query = query.with_for_update(of=users) if lock else query
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFoundError("there is no such user", where=scope.identity_sub)
    document, revision, time = row
    return StoredSettings(document=document, revision=revision, updated_at=rfc3339(time))


def revision_row(
    before: Document, after: Document, *, author: str, source: str, reason: str | None = None
) -> dict[str, Any]:
    """Return what every revision records: the document, its difference, and who wrote it why."""
    diff = list(_differences(before, after))
    return {"document": after, "diff": diff, "author": author, "source": source, "reason": reason}


def _differences(before: Document, after: Document, prefix: str = "") -> Iterator[dict[str, Any]]:
    """Yield what was added, removed and changed, by dotted path in order; a list counts as one value."""
    for key in sorted(before.keys() | after.keys()):
        path = f"{prefix}{key}"
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{path}.")
        elif key not in before:
            yield {"op": "add", "path": path, "from": None, "to": new}
        elif key not in after:
            yield {"op": "remove", "path": path, "from": old, "to": None}
        elif (type(old), old) != (type(new), new):
            yield {"op": "change", "path": path, "from": old, "to": new}
