"""What the settings room needs from the world: a place for documents, and somebody who knows what exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from livermore.kernel.errors import ConflictError
from livermore.kernel.scope import Scope
from livermore.settings.document import SettingsDocument

Source = Literal["ui", "api", "cli", "import", "reset", "rollback", "command", "system"]


class StoredSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A user's document as stored (not upgraded, defaults not filled in) and the revision that it is."""

    document: dict[str, Any]
    revision: int
    updated_at: str


class Authorship(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes, through which door, and why."""

    author: str
    source: Source
    reason: str | None = None


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One stored change; `diff` holds `{op, path, from, to}`."""

    revision: int
    author: str
    source: str
    reason: str | None
    created_at: str
    diff: list[dict[str, Any]]


class StoredRevision(Revision, frozen=True, kw_only=True):
    """The same with the document as it was stored then."""

    document: dict[str, Any]


class Rewrite(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be stored: the document, how it differs for people, and its meaning for what mirrors it."""

    document: dict[str, Any]
    diff: list[dict[str, Any]]
    meaning: SettingsDocument


class RevisionMovedError(ConflictError):
    """The settings have moved on."""


Rewriting = Callable[[StoredSettings], Rewrite | None]


class SettingsStore(Protocol):
    """Keep each user's document with every revision of it."""

    async def current(self, scope: Scope) -> StoredSettings:
        """Return the stored document; raise NotFoundError when the user is unknown."""
        ...

    async def newest_revision(self, scope: Scope) -> int:
        """Return the number of the newest revision; raise NotFoundError when the user is unknown."""
        ...

    async def revise(
        self, scope: Scope, rewriting: Rewriting, by: Authorship, *, expected: int | None = None
    ) -> StoredSettings | None:
        """Ask for a rewrite of the newest document, and store it as the next revision in one transaction.

        Nobody else writes in between. None from `rewriting` stores nothing, and so does an error.
        Errors: NotFoundError for an unknown user, RevisionMovedError when `expected` is not the newest.
        """
        ...

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        """Return the newest revisions, newest first; `before` continues behind one."""
        ...

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        """Return one revision; raise NotFoundError when there is none of that number."""
        ...


class Unlisted(NamedTuple):
    """Why a symbol cannot be watched, and which was probably meant."""

    reason: str
    suggestion: str | None = None


class Listing(Protocol):
    """Somebody who knows which exchanges there are, and what they list."""

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        """Return the timeframes of every exchange that is known, by its name."""
        ...

    async def unlisted(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, Unlisted]:
        """Return those of the symbols that cannot be watched, each with the reason.

        Errors: ExchangeUnreachableError when nobody can tell.
        """
        ...

    async def sharing(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, str]:
        """Return those of the symbols that share the order book of another market, each with its name.

        No exchange is asked: it is said as far as it is known.
        """
        ...

    async def quotes(self, exchange: str) -> Sequence[str]:
        """Return the quote assets of an exchange's markets, the most frequent first; none if nobody tells."""
        ...
