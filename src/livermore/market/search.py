"""Searching a listing while somebody types: what is meant most likely comes first."""

from __future__ import annotations

from math import inf
from string import punctuation, whitespace
from typing import NamedTuple

from livermore.market.listing import ListedSymbol, Listing
from livermore.market.lookup import find, folded
from livermore.market.once import for_each_listing

# What people put between base and quote says nothing about which market is meant.
_JOINTS = str.maketrans("", "", punctuation + whitespace)


class Entry(NamedTuple):
    """A market as it is searched: its name, and its base and quote joined."""

    listed: ListedSymbol
    name: str
    joined: str

    def place(self, wanted: str) -> int | None:
        """Return how well it fits: its name begins so, its base does, its name has it; None: not at all."""
        if self.name.startswith(wanted):
            return 1
        if self.joined.startswith(wanted):
            return 2
        return 3 if wanted in self.name or wanted in self.joined else None


def search(listing: Listing, text: str, limit: int) -> list[ListedSymbol]:
    """Return at most so many open or halted markets that fit an input, the best first.

    First what the input names, then names that begin so, then markets of a base, then names that have it
    within; among equals the larger market. Nothing typed fits all.
    """
    wanted = _bare(text)
    places: tuple[list[ListedSymbol], ...] = ([], [], [], [])
    if not wanted and text.strip(whitespace):
        return []
    exact = find(listing, text)
    for entry in entries_of(listing):
        place = entry.place(wanted)
        if exact is not None and entry.listed is exact.symbol:
            place = 0
        if place is not None:
            places[place].append(entry.listed)
    return [listed for each in places for listed in each][: max(limit, 0)]


@for_each_listing
def entries_of(listing: Listing) -> list[Entry]:
    """Return the markets of a listing that are not gone, the largest first."""
    there = [one for one in listing.symbols.values() if one.delisted_at is None]
    there.sort(key=lambda one: (one.rank if one.rank is not None else inf, one.name))
    return [_entry(one) for one in there]


def _entry(listed: ListedSymbol) -> Entry:
    symbol = listed.symbol
    return Entry(listed, _bare(symbol.name), _bare(symbol.base) + _bare(symbol.quote))


def _bare(text: str) -> str:
    """Return what remains of an input when case and joints are left aside."""
    capitals = folded(text)
    return capitals if capitals.isalnum() else capitals.translate(_JOINTS)
