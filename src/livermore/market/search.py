"""Searching a listing while somebody types: what is meant most likely comes first."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from string import punctuation, whitespace
from typing import NamedTuple

from livermore.market.listing import ListedSymbol, Listing
from livermore.market.lookup import find, folded, shared_by
from livermore.market.once import for_each_listing
from livermore.market.symbol import Symbol

# What people put between base and quote says nothing about which market is meant.
_JOINTS = str.maketrans("", "", punctuation + whitespace)


class Match(NamedTuple):
    """A market that fits, and under which other names its order book is listed as well."""

    listed: ListedSymbol
    aliases: tuple[str, ...] = ()


class Entry(NamedTuple):
    """A market as it is searched: its name, and its base and quote joined; `others` are its aliases so."""

    match: Match
    name: str
    joined: str
    others: tuple[Entry, ...]

    def place(self, wanted: str) -> int | None:
        """Return how well it fits: its name begins so, its base does, its name has it; None: not at all.

        Of several names the one counts that fits best.
        """
        if self.others:
            places = [
                place for one in (self._replace(others=()), *self.others) if (place := one.place(wanted))
            ]
            return min(places, default=None)
        if self.name.startswith(wanted):
            return 1
        if self.joined.startswith(wanted):
            return 2
        return 3 if wanted in self.name or wanted in self.joined else None


def search(listing: Listing, text: str, limit: int) -> list[Match]:
    """Return at most so many open or halted markets that fit an input, the best first.

    First what the input names, then names that begin so, then markets of a base, then names that have it
    within; among equals the larger market. Nothing typed fits all. What shares the order book of another
    market is that market under one more name.
    """
    wanted = _bare(text)
    places: tuple[list[Match], ...] = ([], [], [], [])
    if not wanted and text.strip(whitespace):
        return []
    exact = find(listing, text)
    for entry in entries_of(listing):
        place = entry.place(wanted)
        if exact is not None and entry.match.listed is exact.symbol:
            place = 0
        if place is not None:
            places[place].append(entry.match)
    return [match for each in places for match in each][: max(limit, 0)]


@for_each_listing
def entries_of(listing: Listing) -> list[Entry]:
    """Return the markets of a listing that are not gone and have an order book, the largest first."""
    there = [one for one in listing.symbols.values() if one.delisted_at is None]
    there.sort(key=lambda one: (one.rank if one.rank is not None else inf, one.name))
    sharing: dict[str, list[ListedSymbol]] = {}
    alone: list[ListedSymbol] = []
    for one in there:
        book = _book(listing, one) if one.symbol.alias else one
        if book is one:
            alone.append(one)
        else:
            sharing.setdefault(book.name, []).append(one)
    return [_under_all_names(one, sharing.get(one.name, ())) for one in alone]


def _book(listing: Listing, one: ListedSymbol) -> ListedSymbol:
    """Return the market whose order book it is; two that name each other have one each."""
    meant = shared_by(listing, one)
    return one if meant is None or shared_by(listing, meant) is not None else meant


def _under_all_names(listed: ListedSymbol, others: Sequence[ListedSymbol]) -> Entry:
    match = Match(listed, tuple([one.name for one in others]))
    return _entry(match, listed.symbol, tuple([_entry(match, one.symbol) for one in others]))


def _entry(match: Match, symbol: Symbol, others: tuple[Entry, ...] = ()) -> Entry:
    return Entry(match, _bare(symbol.name), _bare(symbol.base) + _bare(symbol.quote), others)


def _bare(text: str) -> str:
    """Return what remains of an input when case and joints are left aside."""
    capitals = folded(text)
    return capitals if capitals.isalnum() else capitals.translate(_JOINTS)
