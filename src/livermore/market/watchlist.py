"""What a user watches, as it stands, and what of other names could be watched beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from livermore.kernel.errors import NotFoundError
from livermore.kernel.scope import Scope
from livermore.market.desk import Desk
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.naming import Lines, Listed, named, no_exchange
from livermore.market.plane import MarketPlane
from livermore.market.symbol import Symbol, Ticker
from livermore.market.verdict import Fitness, Judgement
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import Qualified
from livermore.settings.service import SettingsService, watched_symbols
from livermore.settings.watchlist import Entry, entries_of

WatchState = Literal[
    "live", "loading", "disabled", "paused", "halted", "delisted", "unlisted", "disconnected", "off"
]


class WatchedSymbol(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a watchlist; volume is in quote units, `last_candle_age_ms` is in market time.

    `state` is the first of these that is true:

    - `disabled`: its user has switched it off
    - `delisted`: its exchange lists it no more
    - `unlisted`: its exchange does not list it, and never did as far as is known
    - `paused`: its user's runtime is paused
    - `off`: nothing watches it: nothing runs here, or its exchange is switched off, or none is chosen
    - `halted`: its exchange lists it, and does not trade it now
    - `disconnected`: its exchange cannot be reached
    - `loading`: it is not streamed yet, or its history is not there yet
    - `live`: it is streamed, computed and judged

    Base and quote are None while no listing of its exchange is known, the numbers while nobody has told them.
    """

    symbol: str
    exchange: str | None
    base: str | None
    quote: str | None
    enabled: bool
    state: WatchState
    price: float | None
    change_24h_percent: float | None
    quote_volume_24h: float | None
    last_candle_age_ms: int | None


class Listings(Protocol):
    """What exchanges list, as far as the watchlist wants to know it."""

    def known(self, exchange: str) -> Listing | None:
        """Return the newest listing that is in memory; None without one."""
        ...

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        """Return the timeframes of every exchange that is known, by its name."""
        ...

    async def judged(self, exchange: str, inputs: Sequence[str]) -> list[Judgement]:
        """Say of each input whether it can be watched, in order."""
        ...


class Kept(Protocol):
    """Where listings are kept for the time when no exchange was asked yet."""

    async def load(self, exchange: str) -> Listing | None:
        """Return what was stored last; None when nothing was."""
        ...


class Holding(Protocol):
    """The runtimes of users, as far as they follow watchlists."""

    def rests(self, scope: Scope) -> Literal["paused", "off"] | None:
        """Say whether a user's runtime is paused, or runs not at all here; None while it watches."""
        ...

    def applied(self, scope: Scope) -> SettingsDocument | None:
        """Return the settings that hold for a user; None before any do, and where nothing runs."""
        ...


class _Place(NamedTuple):
    """How a user's symbols stand in common: what rests, what is applied, and which exchanges are used."""

    rests: Literal["paused", "off"] | None
    used: frozenset[tuple[str, str]]
    applied: frozenset[tuple[str, str]]


class Watchlist:
    """Tell of watchlists; neither reading nor judging one changes anything."""

    def __init__(
        self, settings: SettingsService, listings: Listings, kept: Kept, plane: MarketPlane, holding: Holding
    ) -> None:
        self._settings = settings
        self._listings = listings
        self._kept = kept
        self._plane = plane
        self._holding = holding

    async def rows(self, scope: Scope) -> list[WatchedSymbol]:
        """Return a user's whole watchlist in its order; no exchange is asked or waited for.

        Errors: those of reading the settings.
        """
        document = (await self._settings.current(scope)).document
        entries = entries_of(document)
        listings = {name: await self._listing(name) for name in _exchanges(entries)}
        applied = self._holding.applied(scope)
        place = _Place(
            self._holding.rests(scope),
            frozenset(watched_symbols(document)),
            frozenset(() if applied is None else watched_symbols(applied)),
        )
        return [self._row(entry, listings.get(entry.name.exchange or ""), place) for entry in entries]

    async def validated(
        self, scope: Scope, inputs: Sequence[str], exchange: str | None = None
    ) -> list[Judgement]:
        """Say of each input whether a user could add it, in order; only what is not watched is asked about.

        An input is qualified, or of `exchange`, else of the primary one. One of an exchange that nobody knows
        is `unknown`. Raises InvalidError (where `exchange`) for plain ones of no exchange, NotFoundError for
        an `exchange` that nobody knows.
        """
        document = (await self._settings.current(scope)).document
        lines, names = Lines(entries_of(document)), _named(inputs, exchange, document)
        known = await self._listings.exchanges()
        if exchange is not None and exchange not in known:
            raise unknown_exchange(exchange, known)
        judged: dict[int, Judgement] = {}
        asked: defaultdict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            verdict = self._without_asking(inputs[place], name, lines, known)
            if verdict is not None:
                judged[place] = verdict
            else:
                asked[name.exchange or ""].append(place)
        for one, places in asked.items():
            found = await self._listings.judged(one, [names[place].symbol for place in places])
            for place, judgement in zip(places, found, strict=True):
                said = replace(judgement, input=inputs[place])
                judged[place] = _against(lines, said, self._listings.known(one))
        return _once([judged[place] for place in range(len(inputs))])

    def _without_asking(
        self, text: str, name: Qualified, lines: Lines, known: Collection[str]
    ) -> Judgement | None:
        """Judge what no exchange need be asked about."""
        if name.exchange is None or name.exchange not in known:
            detail = str(unknown_exchange(name.exchange or "", known).what)
            return Judgement(input=text, verdict=Fitness.UNKNOWN, detail=detail)
        found = lines.meant(name, self._listings.known(name.exchange))
        return None if found is None else _duplicate(text, found)

    async def _listing(self, exchange: str) -> Listing | None:
        """Return what is known of an exchange's listing, however old."""
        return self._listings.known(exchange) or await self._kept.load(exchange)

    def _row(self, entry: Entry, listing: Listing | None, place: _Place) -> WatchedSymbol:
        exchange, symbol = entry.name
        desk = self._plane.desks.get(exchange or "")
        listed = None if listing is None else listing.symbols.get(symbol)
        named_by = _symbol(symbol, listed, desk)
        ticker = None if desk is None else desk.feed.tickers.get(symbol)
        price, change, volume = _day(ticker, listed)
        return WatchedSymbol(
            symbol=symbol, exchange=exchange, enabled=entry.enabled,
            base=None if named_by is None else named_by.base,
            quote=None if named_by is None else named_by.quote,
            state=_state(entry, listing, desk, place),
            price=price, change_24h_percent=change, quote_volume_24h=volume,
            last_candle_age_ms=None if desk is None or place.rests else self._age(desk, symbol),
        )  # fmt: skip

    def _age(self, desk: Desk, symbol: str) -> int | None:
        """Return how long ago (ms of market time) the newest candle of a symbol closed."""
        table = desk.table
        if symbol not in table.columns:
            return None
        newest = int(table.newest[table.row(symbol, table.base)])
        if newest < 0:
            return None
        return max(self._plane.now(desk.info.name) - newest - table.base.milliseconds, 0)


def unknown_exchange(exchange: str, known: Collection[str]) -> NotFoundError:
    """Say that nobody knows an exchange, and which ones are known."""
    names = ", ".join(sorted(known))
    return NotFoundError(
        f"no exchange {exchange[:50]!r} is known here; known are {names}", where="exchange",
        hint="see all with: livermore exchanges list",
    )  # fmt: skip


def _named(inputs: Sequence[str], exchange: str | None, document: SettingsDocument) -> list[Qualified]:
    primary = exchange or document.perseus_profile.primary_exchange
    names = [named(text, primary) for text in inputs]
    if any(name.exchange is None for name in names):
        raise no_exchange("exchange")
    return names


def _exchanges(entries: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.name.exchange for entry in entries if entry.name.exchange is not None))


def _against(lines: Lines, judgement: Judgement, listing: Listing | None) -> Judgement:
    """Call a symbol that can be watched, and is, by its right name, or by that of the same order book."""
    if judgement.verdict is not Fitness.OK:
        return judgement
    name = Qualified(judgement.exchange, judgement.symbol or "")
    entry = lines.of(name)
    if entry is not None:
        return _duplicate(judgement.input, Listed(entry, judgement.detail))
    shared = None if listing is None else lines.of_book(name, listing)
    return judgement if shared is None else _duplicate(judgement.input, shared)


def _once(judgements: list[Judgement]) -> list[Judgement]:
    """Let a symbol fit the first time that it comes."""
    seen: dict[tuple[str | None, str | None], str] = {}
    for place, one in enumerate(judgements):
        name = one.exchange, one.symbol
        if one.verdict is Fitness.OK and name in seen:
            detail = f"it is {one.symbol}, which stands there already as {seen[name]}"
            judgements[place] = replace(one, verdict=Fitness.DUPLICATE, detail=detail)
        seen.setdefault(name, one.input)
    return judgements


def _duplicate(text: str, found: Listed) -> Judgement:
    entry = found.entry
    detail = duplicate(entry) if found.note is None else f"{found.note}; {duplicate(entry)}"
    exchange, symbol = entry.name
    return Judgement(input=text, exchange=exchange, symbol=symbol, verdict=Fitness.DUPLICATE, detail=detail)


def duplicate(entry: Entry) -> str:
    """Say that a symbol is on the watchlist already, and how to have it watched where it is not."""
    if entry.enabled:
        return f"{entry.name.symbol} is on the watchlist already"
    how = f"switch it on with: livermore symbols enable {entry.written}"
    return f"{entry.name.symbol} is on the watchlist already, switched off; {how}"


def _symbol(name: str, listed: ListedSymbol | None, desk: Desk | None) -> Symbol | None:
    """Return what is known of a market: by the listing, or by what its desk has read."""
    if listed is not None:
        return listed.symbol
    return None if desk is None else desk.listing.get(name)


def _day(
    ticker: Ticker | None, listed: ListedSymbol | None
) -> tuple[float | None, float | None, float | None]:
    """Return price, change and volume of a day: as they stream, and else as they were listed."""
    price = change = volume = None
    if listed is not None:
        price, change, volume = listed.price, listed.change_24h_percent, listed.quote_volume_24h
    if ticker is not None:
        price = ticker.price
        change = ticker.change_24h_percent if ticker.change_24h_percent is not None else change
        volume = ticker.quote_volume_24h if ticker.quote_volume_24h is not None else volume
    return price, change, volume


def _state(entry: Entry, listing: Listing | None, desk: Desk | None, place: _Place) -> WatchState:
    """Return the state of a line, as `WatchedSymbol` defines it."""
    exchange, symbol = entry.name
    listed = None if listing is None else listing.symbols.get(symbol)
    if not entry.enabled:
        return "disabled"
    if listed is not None and listed.state == "delisted":
        return "delisted"
    if (listing is not None and listed is None) or (desk is not None and symbol in desk.unlisted):
        return "unlisted"
    if place.rests is not None:
        return place.rests
    if (exchange, symbol) not in place.used:
        return "off"
    if listed is not None and listed.state == "halted":
        return "halted"
    return _of_desk(exchange or "", symbol, desk, place)


def _of_desk(exchange: str, symbol: str, desk: Desk | None, place: _Place) -> WatchState:
    if (exchange, symbol) not in place.applied:
        return "loading"
    if desk is None:
        return "off"
    if desk.state == "disconnected":
        return "disconnected"
    return "live" if symbol in desk.loaded and desk.state != "connecting" else "loading"
