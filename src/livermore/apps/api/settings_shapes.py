"""The JSON of settings: the document, what a write did to it, and what was done before."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from livermore.kernel.scope import Scope
from livermore.settings.diff import Difference
from livermore.settings.existence import Caution
from livermore.settings.path import dotted
from livermore.settings.plan import Applied, Verdict
from livermore.settings.ports import Revision, StoredRevision
from livermore.settings.service import Change, Current, Imported, SettingsService
from livermore.settings.upgrade import UpgradeReport


class SettingsShape(msgspec.Struct, frozen=True, kw_only=True):
    """The newest settings with their defaults filled in, and what is to be said about them."""

    settings: dict[str, Any]
    revision: int
    updated_at: str
    warnings: tuple[Caution, ...]


class DifferenceShape(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One place that differs; of a watchlist, one symbol that was added or removed."""

    op: Literal["add", "remove", "change"]
    path: str
    from_: Any
    to: Any


class ChangeShape(SettingsShape, frozen=True, kw_only=True):
    """The settings after a write, and what it changed; without a difference nothing was stored."""

    diff: list[DifferenceShape]


class AppliedShape(ChangeShape, frozen=True, kw_only=True):
    """The same of a plan, and whether what was saved holds."""

    verdict: Verdict


class ImportedShape(ChangeShape, frozen=True, kw_only=True):
    """The same of an import, with the keys that were left out and those that an upgrade added."""

    dry_run: bool
    dropped: tuple[str, ...]
    upgrade: UpgradeReport


class HistoryShape(msgspec.Struct, frozen=True, kw_only=True):
    """Revisions, the newest first; `next` is for `before`, where there are older ones."""

    revisions: list[Revision]
    next: int | None


class RevisionShape(Revision, frozen=True, kw_only=True):
    """One revision, and the settings as they were stored then."""

    settings: dict[str, Any]


class DiffShape(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What differs between two revisions as they are read today; `patch` is the same as a JSON Patch."""

    from_: int
    to: int
    diff: list[DifferenceShape]
    patch: list[dict[str, Any]]


class ExportShape(msgspec.Struct, frozen=True, kw_only=True):
    """Settings in the envelope in which they travel."""

    exportedAt: str  # noqa: N815 - the word on the wire
    exportVersion: str  # noqa: N815 - the word on the wire
    settings: dict[str, Any]


def settings_shape(current: Current) -> SettingsShape:
    """Write the newest settings."""
    return SettingsShape(
        settings=current.document.plain(), revision=current.revision, updated_at=current.updated_at,
        warnings=current.warnings,
    )  # fmt: skip


def change_shape(change: Change) -> ChangeShape:
    """Write what a write did."""
    return ChangeShape(**_after(change))


def applied_shape(applied: Applied) -> AppliedShape:
    """Write what applying a plan did."""
    return AppliedShape(**_after(applied.change), verdict=applied.verdict)


def imported_shape(imported: Imported, *, dry_run: bool) -> ImportedShape:
    """Write what an import did."""
    return ImportedShape(
        **_after(imported.change), dry_run=dry_run, dropped=imported.dropped, upgrade=imported.upgrade
    )


def history_shape(found: list[Revision], limit: int) -> HistoryShape:
    """Write a page of history of at most `limit`; one more than that was asked for."""
    page = found[:limit]
    return HistoryShape(revisions=page, next=page[-1].revision if len(found) > limit else None)


def revision_shape(stored: StoredRevision) -> RevisionShape:
    """Write one revision."""
    about = {name: getattr(stored, name) for name in Revision.__struct_fields__}
    return RevisionShape(**about, settings=stored.document)


async def compared(settings: SettingsService, scope: Scope, start: int | None, end: int | None) -> DiffShape:
    """Compare two revisions: the newest with the one before it, where they are not named."""
    if end is None:
        end = await settings.newest_revision(scope)
    if start is None:
        start = max(1, end - 1)
    found = await settings.diff(scope, start, end)
    patch = await settings.patch_between(scope, start, end)
    return DiffShape(from_=start, to=end, diff=list(map(_difference, found)), patch=patch)


def _after(change: Change) -> dict[str, Any]:
    return {
        "settings": change.after.plain(),
        "revision": change.revision,
        "updated_at": change.updated_at,
        "warnings": change.warnings,
        "diff": list(map(_difference, change.diff)),
    }


def _difference(one: Difference) -> DifferenceShape:
    return DifferenceShape(op=one.op, path=dotted(one.path), from_=one.before, to=one.after)
