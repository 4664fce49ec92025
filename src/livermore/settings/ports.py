"""What the settings room needs from the world: a place for documents and their revisions."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from livermore.kernel.scope import Scope


class StoredSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A user's document as stored (not upgraded, defaults not filled in) and the revision that it is."""

    document: dict[str, Any]
    revision: int
    updated_at: str


class SettingsStore(Protocol):
    """Keep each user's document with every revision of it."""

    async def current(self, scope: Scope) -> StoredSettings:
        """Return the stored document; raise NotFoundError when the user is unknown."""
        ...

    async def write(
        self, scope: Scope, document: dict[str, Any], *, author: str, source: str, reason: str | None = None
    ) -> StoredSettings:
        """Store a new document as the next revision, with its difference to the one before."""
        ...
