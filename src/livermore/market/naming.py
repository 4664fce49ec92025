"""Which symbol somebody means who types a name: one of an exchange, or one of a watchlist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from string import whitespace
from typing import NamedTuple

from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.market.judging import sharing
from livermore.market.listing import Listing
from livermore.market.lookup import find, folded
from livermore.settings.forms import EXCHANGE_NAME, Qualified
from livermore.settings.watchlist import Entry

JOINTS = str.maketrans("", "", "/-_")
HINT = "name one, such as coinbase, or choose one: livermore settings set perseus_profile.primary_exchange"


class Listed(NamedTuple):
    """A line of the watchlist that somebody means; `note` says what was resolved."""

    entry: Entry
    note: str | None = None

    @property
    def name(self) -> Qualified:
        """Return the exchange and its own name."""
        return self.entry.name


def named(text: str, exchange: str | None) -> Qualified:
    """Read a name as people write it: `exchange:SYMBOL`, the exchange in any case, or one of `exchange`."""
    text = text.strip(whitespace)
    before, colon, symbol = text.partition(":")
    # Unicode has letters that become ASCII ones in another case: these are no exchange's.
    if colon and symbol and before.isascii() and EXCHANGE_NAME.fullmatch(before.lower()):
        return Qualified(before.lower(), symbol)
    return Qualified(exchange, text)


def named_once(text: str, exchange: str | None, primary: str | None) -> Qualified:
    """Read a name whose exchange may be said beside it, too; raise InvalidError where the two differ."""
    name = named(text, exchange)
    if exchange is not None and name.exchange != exchange:
        what = f"the symbol is one of {name.exchange}, and {exchange[:50]} is named beside it"
        raise InvalidError(what, where="payload.exchange", hint="name the exchange once")
    return name if name.exchange is not None else Qualified(primary, name.symbol)


def no_exchange(where: str) -> InvalidError:
    """Say that nobody knows which exchange is meant."""
    return InvalidError("no exchange is named, and no primary one is chosen", where=where, hint=HINT)


class Lines:
    """The lines of a watchlist, found by what their symbols are called."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._named = {entry.name: entry for entry in entries}
        self._books: dict[str, Mapping[str, Entry]] = {}
        self._alike: defaultdict[Qualified, list[Entry]] = defaultdict(list)
        for name, entry in self._named.items():
            self._alike[_in_capitals(name)].append(entry)

    def of(self, name: Qualified) -> Entry | None:
        """Return the line of a symbol under its exchange's own name."""
        return self._named.get(name)

    def meant(self, name: Qualified, listing: Listing | None) -> Listed | None:
        """Return the line that is for a symbol already; a name of the exchange's own goes before any other.

        Without a listing only the case of its letters may differ: another market may be meant.
        """
        exact = self.of(name)
        if exact is not None:
            return Listed(exact)
        if listing is None:
            same = self._alike.get(_in_capitals(name), [])
            return Listed(same[0]) if len(same) == 1 else None
        found = find(listing, name.symbol)
        entry = None if found is None else self.of(Qualified(name.exchange, found.symbol.name))
        return None if found is None or entry is None else Listed(entry, found.note)

    def of_book(self, name: Qualified, listing: Listing) -> Listed | None:
        """Return the line that shares the order book of a market under another name."""
        exchange = listing.exchange
        if exchange not in self._books:
            own = [one.symbol for one in self._named if one.exchange == exchange]
            books = sharing(listing, own)
            # The first line of a book is the one that is told.
            self._books[exchange] = {
                books[symbol]: self._named[Qualified(exchange, symbol)]
                for symbol in reversed(own)
                if symbol in books
            }
        entry = self._books[exchange].get(name.symbol)
        if entry is None:
            return None
        return Listed(entry, f"{entry.name.symbol} shares the order book of {name.symbol}")


def on_the_list(entries: Sequence[Entry], name: Qualified, listing: Listing | None) -> Listed:
    """Return the line of a watchlist that a name means; no exchange need list the symbol any more.

    Raises NotFoundError naming the nearest, InvalidError for a name that means two of them.
    """
    own = [entry for entry in entries if entry.name.exchange == name.exchange]
    for reading in (_same, folded):
        meant = _like(own, name, reading)
        if len(meant) == 1:
            return Listed(meant[0])
    found = None if listing is None else Lines(own).meant(name, listing)
    if found is not None:
        return found
    meant = _like(own, name, _joined)
    if len(meant) > 1:
        both = " or ".join(entry.name.symbol for entry in meant)
        raise InvalidError(f"this may be {both}", where="payload.symbol", hint="write it as it is listed")
    if not meant:
        raise _absent(entries, name)
    return Listed(meant[0])


def _like(own: Iterable[Entry], name: Qualified, reading: Callable[[str], str]) -> list[Entry]:
    wanted = reading(name.symbol)
    return [entry for entry in own if reading(entry.name.symbol) == wanted]


def _in_capitals(name: Qualified) -> Qualified:
    return Qualified(name.exchange, folded(name.symbol))


def _same(text: str) -> str:
    return text


def _joined(text: str) -> str:
    return folded(text).translate(JOINTS)


def _absent(entries: Sequence[Entry], name: Qualified) -> NotFoundError:
    written = {_joined(entry.name.symbol): entry for entry in entries}
    near = get_close_matches(_joined(name.symbol[:100]), written, n=1)
    hint = "see the watchlist with: livermore symbols list"
    if near:
        entry = written[near[0]]
        said = entry.written if entry.name.exchange == name.exchange else _in_full(entry.name)
        hint = f"did you mean {said}? {hint[0].upper()}{hint[1:]}"
    shown = name.symbol[:100]
    return NotFoundError(f"{shown} is not on the watchlist", where="payload.symbol", hint=hint)


def _in_full(name: Qualified) -> str:
    return name.symbol if name.exchange is None else f"{name.exchange}:{name.symbol}"
