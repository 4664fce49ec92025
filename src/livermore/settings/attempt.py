"""One try at a write: from what is stored, by way of a draft, to what shall be stored."""

from __future__ import annotations

from typing import Any

from livermore.kernel.scope import Scope
from livermore.settings.diff import Difference, differences
from livermore.settings.document import NEWEST_VERSION, SettingsDocument
from livermore.settings.drafts import Draft, Drafting, settled
from livermore.settings.edits import overlaid
from livermore.settings.existence import Named, named_in
from livermore.settings.path import Path
from livermore.settings.ports import Rewrite, StoredSettings
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.upgrade import read_settings, version_of
from livermore.settings.verified import Verified

Document = dict[str, Any]


class Attempt:
    """Make a rewrite of what is stored, and remember what it was; `verified` is None for a mere preview."""

    stored: StoredSettings
    before: SettingsDocument
    after: SettingsDocument
    diff: list[Difference]

    def __init__(self, scope: Scope, drafting: Drafting, verified: Verified | None) -> None:
        self._scope = scope
        self._drafting = drafting
        self._verified = verified
        self._readable = True

    def __call__(self, stored: StoredSettings) -> Rewrite | None:
        """Return what shall be stored, or None when nothing changes."""
        self.stored = stored
        draft = self._read()
        self.after = settled(self.before, draft, self._scope)
        before, after = self.before.plain(), self.after.plain()
        self.diff = differences(before, after)
        if self._verified is None or (not self.diff and self._readable):
            return None
        self._verified.check(self.after, self.news())
        return self._rewrite(before, after)

    def _read(self) -> Draft:
        """Read what is stored and make the draft; what cannot be read any more is only replaced whole."""
        try:
            self.before = read_settings(self.stored.document)
        except SettingsProblemsError:
            self.before, self._readable = read_settings({}), False
            draft = self._drafting(self.before)
            if not draft.complete:
                raise
            return draft
        return self._drafting(self.before)

    def news(self) -> dict[Named, Path]:
        """Return what the draft names and the stored document does not."""
        known = named_in(self.before)
        return {name: path for name, path in named_in(self.after).items() if name not in known}

    def _rewrite(self, before: Document, after: Document) -> Rewrite:
        """Write whole what is older or cannot be read; of anything else only what changes."""
        version = version_of(self.stored.document)
        if version < NEWEST_VERSION:
            upgrade = Difference(op="change", path=("version",), before=version, after=NEWEST_VERSION)
            self.diff.append(upgrade)
        if version < NEWEST_VERSION or not self._readable:
            document = after
        else:
            document = overlaid(self.stored.document, before, after)
        return Rewrite(document=document, diff=[one.plain() for one in self.diff], meaning=self.after)
