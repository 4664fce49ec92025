"""Finding what somebody means in a listing, however they join base and quote, and never by looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from string import ascii_lowercase, ascii_uppercase, whitespace
from typing import NamedTuple

from livermore.market.listing import ListedSymbol, Listing
from livermore.market.once import for_each_listing

JOINTS = ("", "/", "-", "_")
_JOINTLESS = str.maketrans("", "", "".join(JOINTS))
# Only these letters have two cases here: the rules of Unicode make one letter of several that look alike.
_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)


class Found(NamedTuple):
    """What a listing has for an input; `note` says what was resolved that the input does not say."""

    symbol: ListedSymbol
    note: str | None


class Names(NamedTuple):
    """The own names of a listing, folded, and every way of joining their parts to mean one market."""

    own: dict[str, ListedSymbol | None]
    joined: dict[str, ListedSymbol | None]


def find(listing: Listing, text: str) -> Found | None:
    """Return the market that an input names; None where no market, or more than one, is called so.

    It may be the exchange's own name, also without its joints, or base and quote joined by nothing, `/`, `-`
    or `_`, in any case. Bases and quotes come from the listing. A market that shares the order book of
    another is resolved to that.
    """
    names = names_of(listing)
    named = listing.symbols.get(text.strip(whitespace))
    wanted = folded(text)
    found = named or names.own.get(wanted) or names.joined.get(wanted)
    return None if found is None else _resolved(listing, found)


def folded(text: str) -> str:
    """Return an input without the white space around it and with its ASCII letters in capitals."""
    stripped = text.strip(whitespace)
    return stripped.upper() if stripped.isascii() else stripped.translate(_UPPER)


@for_each_listing
def names_of(listing: Listing) -> Names:
    """Return what the markets of a listing may be called; one that is there goes before one that is gone.

    What would name two of them names none.
    """
    there = [one for one in listing.symbols.values() if one.delisted_at is None]
    gone = [one for one in listing.symbols.values() if one.delisted_at is not None]
    own = _named(gone, _own_name) | _named(there, _own_name)
    return Names(own, _named(gone, _spellings) | _named(there, _spellings))


def _named(
    symbols: Iterable[ListedSymbol], names: Callable[[ListedSymbol], Iterable[str]]
) -> dict[str, ListedSymbol | None]:
    found: dict[str, ListedSymbol | None] = {}
    for one in symbols:
        for name in names(one):
            found[name] = None if found.get(name, one) is not one else one
    return found


def _own_name(listed: ListedSymbol) -> tuple[str]:
    return (folded(listed.name),)


def _spellings(listed: ListedSymbol) -> Iterable[str]:
    """Join base and quote; other programs also write an own name that is more than these without joints."""
    base, quote = folded(listed.symbol.base), folded(listed.symbol.quote)
    joined = [f"{base}{joint}{quote}" for joint in JOINTS]
    return joined if listed.name.isalnum() else [*joined, folded(listed.name).translate(_JOINTLESS)]


def shared_by(listing: Listing, one: ListedSymbol) -> ListedSymbol | None:
    """Return the market whose order book another one shares; None where it has its own."""
    meant = listing.symbols.get(one.symbol.alias) if one.symbol.alias else None
    return None if meant is None or meant.delisted_at is not None or meant is one else meant


def _resolved(listing: Listing, found: ListedSymbol) -> Found:
    """Follow an alias to the market whose order book it shares."""
    meant = shared_by(listing, found)
    if meant is None:
        return Found(found, None)
    return Found(meant, f"{found.name} shares the order book of {meant.name}, which is watched in its place")
