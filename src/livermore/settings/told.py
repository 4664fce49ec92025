"""A store of settings that tells of every write, whichever door it came through."""

from __future__ import annotations

from collections.abc import Callable

from livermore.kernel.scope import Scope
from livermore.settings.ports import (
    Authorship,
    Revision,
    Rewriting,
    SettingsStore,
    StoredRevision,
    StoredSettings,
)


class ToldStore:
    """Keep settings in another store, and tell `written` whose were written, after the commit."""

    def __init__(self, store: SettingsStore, written: Callable[[Scope], None]) -> None:
        self._store = store
        self._written = written

    async def current(self, scope: Scope) -> StoredSettings:
        """Return the stored document; raise NotFoundError when the user is unknown."""
        return await self._store.current(scope)

    async def newest_revision(self, scope: Scope) -> int:
        """Return the number of the newest revision; raise NotFoundError when the user is unknown."""
        return await self._store.newest_revision(scope)

    async def revise(
        self, scope: Scope, rewriting: Rewriting, by: Authorship, *, expected: int | None = None
    ) -> StoredSettings | None:
        """Store a rewrite as the next revision, and tell of it; errors as of any store."""
        stored = await self._store.revise(scope, rewriting, by, expected=expected)
        if stored is not None:
            self._written(scope)
        return stored

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        """Return the newest revisions, newest first; `before` continues behind one."""
        return await self._store.history(scope, before=before, limit=limit)

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        """Return one revision; raise NotFoundError when there is none of that number."""
        return await self._store.revision(scope, number)
