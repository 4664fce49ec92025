"""What the runtime room needs from the world: how each user's runtime should be, and who runs it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

import msgspec

from livermore.kernel.role import Role
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


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """A user whose runtime is this process's: who it is, how it should be, and the newest settings."""

    scope: Scope
    username: str
    role: Role
    runtime: StoredRuntime
    settings_revision: int


class Lease(NamedTuple):
    """Whose runtimes this process may run: all of them by id, and those that are new to it."""

    held: frozenset[int]
    new: tuple[Hosted, ...]


class RuntimeBook(Protocol):
    """Keep one row for each user's runtime, and who runs it."""

    async def get(self, scope: Scope) -> StoredRuntime | None:
        """Return the stored row."""
        ...

    async def put(self, scope: Scope, runtime: StoredRuntime) -> None:
        """Insert or replace it, and the projections in `users` with it; who runs it stays.

        Raises ConflictError when another process runs it.
        """
        ...

    async def claim(self, runner: str, until: int, known: Collection[int], *, alone: bool) -> Lease:
        """Take or keep every active user's runtime that no other runner holds now, until a time (ms UTC).

        A user without a row gets one: wanted is what `auto_start` says. Who is `alone` takes those of other
        runners too: they are gone. Users whose ids are `known` are not told of again.
        """
        ...

    async def release(self, runner: str) -> None:
        """Let others have what a runner holds."""
        ...
