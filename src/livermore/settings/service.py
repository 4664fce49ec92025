"""Reading a user's settings and writing them: every door's way to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from livermore.kernel.errors import ConflictError, InvalidError
from livermore.kernel.scope import Scope
from livermore.settings.attempt import Attempt
from livermore.settings.diff import Difference, differences, json_patch
from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import (
    Drafting,
    going_back,
    of_this_version,
    patching,
    replacing,
    resetting,
)
from livermore.settings.existence import Caution, unresolved
from livermore.settings.forms import UNPRINTABLE, Qualified, qualify
from livermore.settings.patch import Patch
from livermore.settings.path import Path, dotted
from livermore.settings.ports import (
    Authorship,
    Listing,
    Revision,
    SettingsStore,
    StoredRevision,
    StoredSettings,
)
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.transfer import exported, read_file, unwrapped, without_unknown
from livermore.settings.tree import MISSING, look, refuse_vast
from livermore.settings.upgrade import UpgradeReport, read_settings, upgrade_report, upgraded, version_of
from livermore.settings.verified import UnverifiedError, Verified

Document = dict[str, Any]
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The newest revision of a user's settings, upgraded and with its defaults."""

    document: SettingsDocument
    revision: int
    updated_at: str
    warnings: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a write did: before and after, and the revision that is the newest now.

    Without a difference nothing was stored.
    """

    before: SettingsDocument
    after: SettingsDocument
    diff: tuple[Difference, ...]
    revision: int
    updated_at: str
    warnings: tuple[Caution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, which keys it had to leave out, and what an upgrade added."""

    change: Change
    dropped: tuple[str, ...]
    upgrade: UpgradeReport


class SettingsService:
    """Answer what a user has chosen, and change it.

    Without a `listing` nothing new can be named; without an `environment` no variable is looked up.
    """

    def __init__(
        self,
        store: SettingsStore,
        listing: Listing | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._listing = listing
        self._environment = environment

    async def current(self, scope: Scope) -> Current:
        """Return the newest revision.

        Errors: NotFoundError for an unknown user, SettingsProblemsError, NewerFormatError.
        """
        stored = await self._store.current(scope)
        document = read_settings(stored.document)
        return Current(
            document=document, revision=stored.revision, updated_at=stored.updated_at,
            warnings=self._warnings(document),
        )  # fmt: skip

    async def newest_revision(self, scope: Scope) -> int:
        """Return the number of the newest revision; raise NotFoundError for an unknown user."""
        return await self._store.newest_revision(scope)

    async def replace(
        self, scope: Scope, document: Any, by: Authorship, *, expected: int | None = None
    ) -> Change:
        """Store a whole document. Errors: SettingsProblemsError, ConflictError when `expected` moved."""
        return await self.write(scope, replacing(document), by, expected)

    async def patch(
        self, scope: Scope, patch: Patch, by: Authorship, *, expected: int | None = None
    ) -> Change:
        """Change what a patch says, of the newest revision or of the expected one.

        Errors: SettingsProblemsError, ConflictError when `expected` moved or a JSON Patch's test fails.
        """
        return await self.write(scope, patching(patch), by, expected)

    async def reset(
        self,
        scope: Scope,
        by: Authorship,
        *,
        paths: Sequence[Path] | None = None,
        expected: int | None = None,
    ) -> Change:
        """Go back to the defaults: of some settings, or of all but `sub` and the primary exchange."""
        return await self.write(scope, resetting(paths), _through(by, "reset"), expected)

    async def rollback(
        self,
        scope: Scope,
        revision: int,
        by: Authorship,
        *,
        paths: Sequence[Path] | None = None,
        expected: int | None = None,
    ) -> Change:
        """Return to an earlier revision, or to some settings of it, as a new revision.

        Errors: NotFoundError, SettingsProblemsError when it does not fit any more, ConflictError when
        nothing would change.
        """
        earlier = upgraded((await self._store.revision(scope, revision)).document)
        readable = earlier if paths is None else _readable(earlier)
        by = _through(by, "rollback", f"back to revision {revision}")
        change = await self.write(scope, going_back(readable, paths), by, expected)
        if not change.diff:
            raise ConflictError(
                f"the settings are already those of revision {revision}", hint="choose another revision"
            )
        return change

    async def import_file(
        self,
        scope: Scope,
        file: str | bytes | Document,
        by: Authorship,
        *,
        dry_run: bool = False,
        drop_unknown: bool = False,
        expected: int | None = None,
    ) -> Imported:
        """Store the document of a file: an export or a bare one, of any version that was.

        With `drop_unknown`, keys that no setting has are left out, and so is another user's `sub`. A dry run
        tells what would happen. Errors: InvalidError for no JSON, SettingsProblemsError, ConflictError.
        """
        given = unwrapped(file if isinstance(file, dict) else read_file(file))
        refuse_vast(given)
        document, dropped = _accepted(given, scope) if drop_unknown else (given, ())
        drafting = replacing(document, complete=True)
        if dry_run:
            change = await self.preview(scope, drafting)
        else:
            change = await self.write(scope, drafting, _through(by, "import"), expected)
        upgrade = upgrade_report({**document, "version": version_of(given)})
        return Imported(change=change, dropped=dropped, upgrade=upgrade)

    async def export(self, scope: Scope, *, now: int) -> Document:
        """Return the newest settings in the envelope of an export; `now` is in ms UTC."""
        return exported((await self.current(scope)).document, now)

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        """Return the newest revisions, newest first; `before` continues behind one."""
        return await self._store.history(scope, before=before, limit=limit)

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        """Return one revision with its document as it was stored; raise NotFoundError when there is none."""
        return await self._store.revision(scope, number)

    async def diff(self, scope: Scope, start: int, end: int) -> list[Difference]:
        """Return what differs between two revisions, as they are read today."""
        return differences(*await self._both(scope, start, end))

    async def patch_between(self, scope: Scope, start: int, end: int) -> list[Document]:
        """Return the same as a JSON Patch (RFC 6902)."""
        return json_patch(*await self._both(scope, start, end))

    async def _both(self, scope: Scope, start: int, end: int) -> tuple[Document, Document]:
        before = (await self._store.revision(scope, start)).document
        after = (await self._store.revision(scope, end)).document
        return _readable(before), _readable(after)

    async def preview(self, scope: Scope, drafting: Drafting) -> Change:
        """Return the change that a write would be, checked like one; nothing is stored."""
        stored = await self._store.current(scope)
        attempt = Attempt(scope, drafting, None)
        attempt(stored)
        verified = Verified()
        try:
            verified.check(attempt.after, attempt.news())
        except UnverifiedError as error:
            await self._look_up(verified, error)
            verified.check(attempt.after, attempt.news())
        change = self._change(attempt, stored)
        return replace(change, warnings=(*change.warnings, *await self._unquoted(change)))

    async def _unquoted(self, change: Change) -> tuple[Caution, ...]:
        """Warn where the scanner would look for a quote asset that the primary exchange does not have."""
        primary, quote = _scanned(change.after)
        if self._listing is None or primary is None or (primary, quote) == _scanned(change.before):
            return ()
        quotes = await self._listing.quotes(primary)
        if not quotes or quote in quotes:
            return ()
        message = f"{primary} lists no market in {quote}, so that no scan of it will find any"
        hint = f"livermore settings set scanner.quote {quotes[0]}"
        return (Caution(path="scanner.quote", message=message, hint=hint),)

    async def write(
        self, scope: Scope, drafting: Drafting, by: Authorship, expected: int | None = None
    ) -> Change:
        """Store what a draft makes of the newest revision; errors as of `replace` and `patch`.

        What it newly names is looked up outside the transaction, then it is made again.
        """
        _refuse_reason(by.reason)
        verified = Verified()
        while True:
            attempt = Attempt(scope, drafting, verified)
            try:
                stored = await self._store.revise(scope, attempt, by, expected=expected)
            except UnverifiedError as error:
                await self._look_up(verified, error)
            else:
                return self._change(attempt, stored or attempt.stored)

    async def _look_up(self, verified: Verified, error: UnverifiedError) -> None:
        if self._listing is None:
            raise InvalidError(
                "whether an exchange and its symbols exist cannot be told here",
                where=dotted(next(iter(error.named.values()))),
                hint="change them through a running livermore",
            )
        await verified.look_up(error, self._listing)

    def _change(self, attempt: Attempt, stored: StoredSettings) -> Change:
        return Change(
            before=attempt.before, after=attempt.after, diff=tuple(attempt.diff),
            revision=stored.revision, updated_at=stored.updated_at, warnings=self._warnings(attempt.after),
        )  # fmt: skip

    def _warnings(self, document: SettingsDocument) -> tuple[Caution, ...]:
        return () if self._environment is None else unresolved(document, self._environment)


def _readable(document: Document) -> Document:
    """Return a document of any version with its defaults, or as it is when it does not fit any more."""
    try:
        return read_settings(document).plain()
    except SettingsProblemsError:
        return upgraded(document)


def _accepted(given: Any, scope: Scope) -> tuple[Document, tuple[str, ...]]:
    """Return a document without unknown keys and another's `sub`, and the paths of what is left out."""
    document, dropped = without_unknown(of_this_version(given))
    if look(document, ("sub",)) not in (MISSING, None, scope.identity_sub):
        document = {name: value for name, value in document.items() if name != "sub"}
        dropped = [*dropped, ("sub",)]
    return document, tuple(map(dotted, dropped))


def _scanned(document: SettingsDocument) -> tuple[str | None, str]:
    return document.perseus_profile.primary_exchange, document.scanner.quote


def _through(by: Authorship, source: Any, reason: str | None = None) -> Authorship:
    return msgspec.structs.replace(by, source=source, reason=by.reason or reason)


def _refuse_reason(reason: str | None) -> None:
    if reason is not None and (len(reason) > LONGEST_REASON or UNPRINTABLE.search(reason)):
        hint = f"at most {LONGEST_REASON} letters, without control characters"
        raise InvalidError("this reason cannot be stored", where="reason", hint=hint)


def watched_symbols(document: SettingsDocument) -> tuple[tuple[str, str], ...]:
    """Return the enabled watchlist as (exchange, symbol), in its order.

    Left out are symbols of an exchange that is switched off, and plain names while no primary exchange is
    chosen: no exchange is ever guessed.
    """
    primary = document.perseus_profile.primary_exchange
    off = {qualify(name, primary) for name in document.disabled_symbols}
    listed = (qualify(name, primary) for name in document.symbols)
    return tuple(
        (name.exchange, name.symbol)
        for name in listed
        if name.exchange is not None and name not in off and _is_used(document, name)
    )


def _is_used(document: SettingsDocument, name: Qualified) -> bool:
    access = document.exchanges.get(name.exchange or "")
    return access is None or access.enabled
