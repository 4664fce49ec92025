"""What became of a watchlist between the revision that held and the one that is to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from livermore.kernel.errors import LivermoreError
from livermore.kernel.scope import Scope
from livermore.settings.ports import Revision, StoredRevision
from livermore.settings.service import Current, watched_symbols
from livermore.settings.upgrade import read_settings

PAGE = 500
DECIDING = ("symbols", "disabled_symbols", "exchanges", "perseus_profile")
"""These settings decide what is watched."""


class History(Protocol):
    """The revisions of the settings."""

    async def history(
        self, scope: Scope, *, before: int | None = None, limit: int = 50
    ) -> Sequence[Revision]:
        """Return the newest revisions, newest first; `before` continues behind one."""
        ...

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        """Return one revision with its document as it was stored."""
        ...


async def off_meanwhile(
    history: History, scope: Scope, held: int, current: Current
) -> frozenset[tuple[str, str]]:
    """Return what is watched, as (exchange, symbol), and was not by some revision since the one that held.

    Whoever takes a symbol off and puts it back wants it to begin anew, however little time lies between.
    """
    watched = frozenset(watched_symbols(current.document))
    off: frozenset[tuple[str, str]] = frozenset()
    async for number in _deciding(history, scope, held, current.revision):
        stored = await history.revision(scope, number)
        # Of one that cannot be read any more nothing is known, and it cannot have held either.
        with suppress(LivermoreError):
            off |= watched.difference(watched_symbols(read_settings(stored.document)))
        if off == watched:
            break
    return off


async def _deciding(history: History, scope: Scope, held: int, newest: int) -> AsyncIterator[int]:
    """Yield the revisions between two that may have ended a watch, newest first."""
    before = newest
    while before > held + 1:
        page = await history.history(scope, before=before, limit=min(PAGE, before - held - 1))
        for revision in page:
            if any(map(_may_end, revision.diff)):
                yield revision.revision
        before = page[-1].revision if page else held


def _may_end(difference: dict[str, Any]) -> bool:
    """Say whether a difference may end the watch of something; another symbol on the list does not."""
    path: str = difference["path"]
    return path.startswith(DECIDING) and (path, difference["op"]) != ("symbols", "add")
