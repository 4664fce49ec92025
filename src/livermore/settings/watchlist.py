"""The watchlist of a document: what is on it, and the drafts that add to it, remove from it and switch it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import Draft
from livermore.settings.forms import Qualified, qualify


class Entry(NamedTuple):
    """One line of a watchlist: as it is written, whose symbol it is, and whether it is switched on."""

    written: str
    name: Qualified
    enabled: bool


def entries_of(document: SettingsDocument) -> tuple[Entry, ...]:
    """Return the whole watchlist in its order, also what is switched off."""
    primary = document.perseus_profile.primary_exchange
    off = {qualify(name, primary) for name in document.disabled_symbols}
    listed = ((written, qualify(written, primary)) for written in document.symbols)
    return tuple(Entry(written, name, name not in off) for written, name in listed)


def written(name: Qualified, primary: str | None) -> str:
    """Write a symbol as the watchlist does: plain for the primary exchange, else `exchange:SYMBOL`."""
    # A plain name that reads like another exchange's would change its meaning.
    if qualify(name.symbol, primary) == name:
        return name.symbol
    return f"{name.exchange}:{name.symbol}"


class Adding:
    """Append symbols that are not there; `added` are those of them that the newest draft has appended."""

    def __init__(self, names: Sequence[Qualified]) -> None:
        self._names = names
        self.added: tuple[Qualified, ...] = ()

    def __call__(self, before: SettingsDocument) -> Draft:
        """Make the draft."""
        known = {entry.name for entry in entries_of(before)}
        self.added = tuple(name for name in dict.fromkeys(self._names) if name not in known)
        primary = before.perseus_profile.primary_exchange
        plain = before.plain()
        return Draft(plain | {"symbols": plain["symbols"] + [written(one, primary) for one in self.added]})


class Removing:
    """Take a symbol off the watchlist, also where it is switched off; `found` says whether it was there."""

    def __init__(self, name: Qualified) -> None:
        self._name = name
        self.found = False

    def __call__(self, before: SettingsDocument) -> Draft:
        """Make the draft."""
        self.found = any(entry.name == self._name for entry in entries_of(before))
        primary = before.perseus_profile.primary_exchange
        kept = {
            "symbols": _without(before.symbols, self._name, primary),
            "disabled_symbols": _without(before.disabled_symbols, self._name, primary),
        }
        return Draft(before.plain() | kept)


class Switching:
    """Switch a symbol of the watchlist on or off; `found` says whether it was there."""

    def __init__(self, name: Qualified, enabled: bool) -> None:
        self._name = name
        self._enabled = enabled
        self.found = False

    def __call__(self, before: SettingsDocument) -> Draft:
        """Make the draft; one that is so already stays as it is written."""
        listed = [entry for entry in entries_of(before) if entry.name == self._name]
        self.found = bool(listed)
        primary = before.perseus_profile.primary_exchange
        off = _without(before.disabled_symbols, self._name, primary)
        if listed and not self._enabled:
            off = list(before.disabled_symbols) + [entry.written for entry in listed if entry.enabled]
        return Draft(before.plain() | {"disabled_symbols": off})


def _without(names: Collection[str], name: Qualified, primary: str | None) -> list[str]:
    return [one for one in names if qualify(one, primary) != name]
