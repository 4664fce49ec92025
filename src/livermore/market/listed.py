"""Making a listing of what an exchange says, and of what was known before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from livermore.market.listing import ListedSymbol, Listing, MarketState
from livermore.market.ranks import ranked
from livermore.market.symbol import Symbol, Ticker

REMEMBERED = 365 * 86_400_000  # a market that is gone is forgotten after so long (ms)


class StateChange(NamedTuple):
    """A market that is not in the state in which it was."""

    symbol: str
    state: MarketState
    previous: MarketState


def listed(exchange: str, symbols: Iterable[Symbol], before: Listing | None, now: int) -> Listing:
    """Return what an exchange lists now (ms UTC); prices and days stay those that were known."""
    known: Mapping[str, ListedSymbol] = {} if before is None else before.symbols
    there = {symbol.name: _seen(symbol, known.get(symbol.name), now) for symbol in symbols}
    gone = {name: _gone(one, now) for name, one in _remembered(known, now).items() if name not in there}
    return Listing(exchange=exchange, asked_at=now, symbols=there | gone)


def agreed(stored: Listing | None, newer: Listing) -> Listing:
    """Return what is to be stored in the place of a listing that perhaps another process has stored.

    When a market's state began is said by whoever stored it in that state first. A market of which the newer
    one says nothing stays as it is.
    """
    if stored is None:
        return newer
    known = stored.symbols
    told = {
        name: _agreed(known[name], one, stored.asked_at, newer.asked_at) if name in known else one
        for name, one in newer.symbols.items()
    }
    return replace(newer, symbols=_remembered(known, newer.asked_at) | told)


def turned(before: Listing | None, after: Listing) -> list[ListedSymbol]:
    """Return the markets whose state began at another time than was known."""
    known: Mapping[str, ListedSymbol] = {} if before is None else before.symbols
    return [
        one
        for name, one in after.symbols.items()
        if one.state_since is not None and (name not in known or known[name].state_since != one.state_since)
    ]


def with_days(listing: Listing, days: Iterable[Ticker]) -> Listing:
    """Return a listing with the prices and days of its markets, and their places by value."""
    told = {day.symbol: day for day in days}
    symbols = {name: _on(one, told.get(name)) for name, one in listing.symbols.items()}
    return replace(listing, symbols=ranked(symbols))


def doubt(before: Listing | None, symbols: Sequence[Symbol]) -> str | None:
    """Say why what an exchange says it lists cannot be believed; None where it can.

    Nobody closes most of their markets at once: such a listing is a fault of whoever sends it.
    """
    if not symbols:
        return "it says that it lists nothing"
    known = set() if before is None else {one.name for one in before.symbols.values() if _is_there(one)}
    lost = len(known.difference(symbol.name for symbol in symbols))
    if lost * 2 <= len(known):
        return None
    return f"it says that {lost} of its {len(known)} markets are gone at once"


def changes(before: Listing | None, after: Listing) -> list[StateChange]:
    """Return the markets that were known and are in another state now."""
    if before is None:
        return []
    known = before.symbols
    return [
        StateChange(name, one.state, known[name].state)
        for name, one in after.symbols.items()
        if name in known and known[name].state != one.state
    ]


def markets_of(listing: Listing) -> dict[str, Symbol]:
    """Return the markets that are there, by name."""
    return {name: one.symbol for name, one in listing.symbols.items() if _is_there(one)}


def _seen(symbol: Symbol, known: ListedSymbol | None, now: int) -> ListedSymbol:
    if known is None:
        return ListedSymbol(symbol=symbol, first_seen_at=now)
    return _since(replace(known, symbol=symbol, delisted_at=None), known.state, now)


def _gone(known: ListedSymbol, now: int) -> ListedSymbol:
    if not _is_there(known):
        return known
    return _since(replace(known, rank=None, delisted_at=now), known.state, now)


def _since(one: ListedSymbol, before: MarketState, now: int) -> ListedSymbol:
    """Return a market that was in a state before, with the time if that is another one."""
    return one if one.state == before else replace(one, state_since=now, state_before=before)


def _agreed(stored: ListedSymbol, newer: ListedSymbol, stored_at: int, now: int) -> ListedSymbol:
    """Return a market with the beginning of its state as whoever stored it first has said."""
    since, before = stored.state_since, stored.state_before
    if stored.state != newer.state:
        own = newer.state_since
        since, before = own if own is not None and own > stored_at else now, stored.state
    gone = None if newer.delisted_at is None else since or newer.delisted_at
    first = stored.first_seen_at
    return replace(newer, first_seen_at=first, state_since=since, state_before=before, delisted_at=gone)


def _remembered(known: Mapping[str, ListedSymbol], now: int) -> dict[str, ListedSymbol]:
    """Return the markets that are there, or are gone not too long ago."""
    return {name: one for name, one in known.items() if now - (one.delisted_at or now) < REMEMBERED}


def _on(listed: ListedSymbol, day: Ticker | None) -> ListedSymbol:
    """Return a market with its day; of what trades no more, or was not told, nothing is made up."""
    if day is None:
        return replace(listed, price=None, change_24h_percent=None, quote_volume_24h=None, rank=None)
    return replace(
        listed, price=day.price, change_24h_percent=day.change_24h_percent,
        quote_volume_24h=day.quote_volume_24h,
    )  # fmt: skip


def _is_there(listed: ListedSymbol) -> bool:
    return listed.delisted_at is None
