"""What the runtime room needs from the world: a memory of how each user's runtime should be."""

from __future__ import annotations

from typing import Protocol

import msgspec

from livermore.kernel.scope import Scope


class StoredRuntime(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a restart: the wanted state, and since when."""

    desired_state: str
    state: str
    mode: str
    pause_level: str | None = None
    pause_reason: str | None = None
    pause_until: str | None = None
    pause_by: str | None = None
    settings_applied: int | None = None
    updated_at: str | None = None


class RuntimeBook(Protocol):
    """Keep one row for each user's runtime."""

    async def get(self, scope: Scope) -> StoredRuntime | None:
        """Return the stored row."""
        ...

    async def put(self, scope: Scope, runtime: StoredRuntime) -> None:
        """Insert or replace it, and the projections in `users` with it."""
        ...
