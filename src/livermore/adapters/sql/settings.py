"""Each user's settings document, and every revision of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.accounts.exchange_account import AccountEntry, account_entries
from livermore.adapters.sql.columns import write_json
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.adapters.sql.tables import settings_revisions, users
from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.diff import differences
from livermore.settings.document import SettingsDocument
from livermore.settings.edits import Edit, edits
from livermore.settings.path import Path
from livermore.settings.ports import (
    Authorship,
    Revision,
    RevisionMovedError,
    Rewrite,
    Rewriting,
    Source,
    StoredRevision,
    StoredSettings,
)
from livermore.settings.tree import MISSING
from livermore.settings.upgrade import read_settings

Document = dict[str, Any]

# Sections that `user_exchanges` mirrors.
OF_ACCOUNTS = {"exchanges", "perseus_profile"}
# More than this in one change is written as a whole document.
MOST_EDITS = 16
# SQLite finds such keys only as its own JSON writer would have escaped them.
UNQUOTABLE = re.compile(r'["\\\x00-\x1f]')


class SqlSettingsStore:
    """Keep settings in SQL: the newest document with its user, each revision in a row of its own.

    What other tables and columns mirror of a document is written in the transaction that stores it.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._accounts = SqlExchangeAccountBook(database, clock)

    async def current(self, scope: Scope) -> StoredSettings:
        """Return the stored document; raise NotFoundError when the user is unknown."""
        this = settings_revisions.c
        written = func.coalesce(this.created_at, users.c.created_at)
        revised = (this.user_id == users.c.id) & (this.revision == users.c.settings_revision)
        query = (
            select(users.c.settings, users.c.settings_revision, written)
            .outerjoin(settings_revisions, revised)
            .where(users.c.id == scope.user_id)
        )
        async with self._database.reading(scope) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise _no_user(scope)
        document, revision, time = row
        return StoredSettings(document=document, revision=revision, updated_at=rfc3339(time))

    async def newest_revision(self, scope: Scope) -> int:
        """Return the number of the newest revision; raise NotFoundError when the user is unknown."""
        query = select(users.c.settings_revision).where(users.c.id == scope.user_id)
        async with self._database.reading(scope) as connection:
            revision: int | None = (await connection.execute(query)).scalar_one_or_none()
        if revision is None:
            raise _no_user(scope)
        return revision

    async def revise(
        self, scope: Scope, rewriting: Rewriting, by: Authorship, *, expected: int | None = None
    ) -> StoredSettings | None:
        """Store what `rewriting` makes of the newest document as the next revision, unless it is None.

        Errors: NotFoundError for an unknown user, RevisionMovedError when `expected` is not the newest.
        """
        async with self._database.writing(scope) as connection:
            before = await _locked(connection, scope)
            if expected is not None and before.revision != expected:
                raise _moved(expected, before.revision)
            rewrite = rewriting(before)
            return None if rewrite is None else await self._store(connection, scope, before, rewrite, by)

    async def write(
        self, scope: Scope, document: Document, *, author: str, source: Source, reason: str | None = None
    ) -> StoredSettings:
        """Store a document of the installation's own making as the next revision; it must fit its form."""
        by = Authorship(author=author, source=source, reason=reason)
        meaning = read_settings(document)
        async with self._database.writing(scope) as connection:
            before = await _locked(connection, scope)
            diff = _plain_diff(before.document, document)
            rewrite = Rewrite(document=document, diff=diff, meaning=meaning)
            return await self._store(connection, scope, before, rewrite, by)

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        """Return the newest revisions, newest first; `before` continues behind one."""
        this = settings_revisions.c
        query = select(*(this[name] for name in Revision.__struct_fields__))
        query = query.where(this.user_id == scope.user_id).order_by(this.revision.desc()).limit(limit)
        if before is not None:
            query = query.where(this.revision < before)
        async with self._database.reading(scope) as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [Revision(**row | {"created_at": rfc3339(row["created_at"])}) for row in map(dict, rows)]

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        """Return one revision; raise NotFoundError when there is none of that number."""
        this = settings_revisions.c
        query = select(*(this[name] for name in StoredRevision.__struct_fields__))
        query = query.where(this.user_id == scope.user_id, this.revision == number)
        async with self._database.reading(scope) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"there is no revision {number}", hint="the history lists them all")
        return StoredRevision(**dict(row) | {"created_at": rfc3339(row["created_at"])})

    async def _store(
        self,
        connection: AsyncConnection,
        scope: Scope,
        before: StoredSettings,
        rewrite: Rewrite,
        by: Authorship,
    ) -> StoredSettings:
        now, revision = self._clock.now(), before.revision + 1
        found = list(edits(before.document, rewrite.document))
        values = {
            "settings": _written(connection, found, rewrite.document),
            "settings_revision": revision,
            "runtime_mode": rewrite.meaning.livermore_runtime.mode,
            "updated_at": now,
        }
        await connection.execute(update(users).where(users.c.id == scope.user_id).values(values))
        row = {
            "user_id": scope.user_id,
            "revision": revision,
            "created_at": now,
            "document": rewrite.document,
        }
        about = {"diff": rewrite.diff, "author": by.author, "source": by.source, "reason": by.reason}
        await connection.execute(insert(settings_revisions), row | about)
        if any(edit.path[0] in OF_ACCOUNTS for edit in found):
            await self._accounts.project(connection, scope, _accounts_in(rewrite.meaning))
        return StoredSettings(document=rewrite.document, revision=revision, updated_at=rfc3339(now))


def _accounts_in(document: SettingsDocument) -> list[AccountEntry]:
    primary = document.perseus_profile.primary_exchange
    return account_entries(document.plain()["exchanges"], primary)


async def _locked(connection: AsyncConnection, scope: Scope) -> StoredSettings:
    """Return the newest document, which nobody else writes before this transaction ends."""
    query = select(users.c.settings, users.c.settings_revision, users.c.updated_at)
    # Rows of other tables may go on to refer to this user meanwhile.
    query = query.where(users.c.id == scope.user_id).with_for_update(key_share=True)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise _no_user(scope)
    return StoredSettings(
        document=row.settings, revision=row.settings_revision, updated_at=rfc3339(row.updated_at)
    )


def _no_user(scope: Scope) -> NotFoundError:
    return NotFoundError("there is no such user", where=scope.identity_sub)


def _moved(expected: int, newest: int) -> RevisionMovedError:
    return RevisionMovedError(
        f"the settings are at revision {newest}, and this change was made for revision {expected}",
        hint="read them again, and make the change on what is there now",
    )


def revision_row(
    before: Document, after: Document, *, author: str, source: str, reason: str | None = None
) -> dict[str, Any]:
    """Return what every revision records: the document, its difference, and who wrote it why."""
    about = {"author": author, "source": source, "reason": reason}
    return {"document": after, "diff": _plain_diff(before, after), **about}


def _plain_diff(before: Document, after: Document) -> list[Document]:
    return [one.plain() for one in differences(before, after)]


# ---------------------------------------------------------------- writing no more than what changes


def _written(connection: AsyncConnection, found: Sequence[Edit], document: Document) -> Any:
    """Return what to store: the column with its edits, or the whole document where those are too many."""
    on_sqlite = connection.dialect.name == "sqlite"
    if len(found) > MOST_EDITS or (on_sqlite and any(map(_is_unquotable, found))):
        return document
    column: ColumnElement[Any] = users.c.settings
    for edit in found:
        column = _in_sqlite(column, edit) if on_sqlite else _in_postgres(column, edit)
    return column


def _in_postgres(column: ColumnElement[Any], edit: Edit) -> ColumnElement[Any]:
    path = literal([str(step) for step in edit.path], ARRAY(Text))
    if edit.value is MISSING:
        return column.op("#-", return_type=JSONB())(path)
    return func.jsonb_set(column, path, cast(literal(_json(edit.value)), JSONB), type_=JSONB())


def _in_sqlite(column: ColumnElement[Any], edit: Edit) -> ColumnElement[Any]:
    if edit.value is MISSING:
        return func.json_remove(column, _sqlite_path(edit.path))
    return func.json_set(column, _sqlite_path(edit.path), func.json(_json(edit.value)))


def _json(value: Any) -> str:
    try:
        return write_json(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidError("a value cannot be stored", where="settings") from error


def _sqlite_path(path: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in path)


def _is_unquotable(edit: Edit) -> bool:
    return any(isinstance(step, str) and UNQUOTABLE.search(step) for step in edit.path)
