"""What a listing does not tell of a market and an exchange must be asked for: its age, and its spread."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from livermore.kernel.errors import ExchangeUnreachableError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.listing import ListedSymbol
from livermore.market.listings import Asking
from livermore.market.ports import Exchange
from livermore.market.scanner import Filters, Reason
from livermore.market.symbol import Ticker

DAY = Timeframe.D1.milliseconds
BARS = 30
"""So many bars are looked at before the day in question: a thin market does not trade every day."""


class Quotes(Protocol):
    """Ask for the quote of one market."""

    async def quote(self, exchange: str, symbol: str) -> Ticker:
        """Return one market's price with its best bid and ask."""
        ...


class Openings:
    """Remember at which times markets were open, and at which they were not yet (ms UTC)."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], int] = {}
        self._not_yet: dict[tuple[str, str], int] = {}

    def was_open(self, exchange: str, market: ListedSymbol, time: int) -> bool | None:
        """Say whether a market was open at a time; None when that is not known."""
        if market.symbol.opened_at is not None:
            return market.symbol.opened_at <= time
        key = exchange, market.name
        if min(market.first_seen_at, self._open.get(key, time + 1)) <= time:
            return True
        return False if self._not_yet.get(key, time - 1) >= time else None

    def note(self, exchange: str, symbol: str, time: int, *, was_open: bool) -> None:
        """Take note of what an exchange has told."""
        known = self._open if was_open else self._not_yet
        best = min if was_open else max
        known[exchange, symbol] = best(time, known.get((exchange, symbol), time))


class Sifted(NamedTuple):
    """Why a market is not proposed, if so, and its spread, if that was asked for."""

    reason: Reason | None
    spread_percent: float | None = None


class Sieve:
    """Ask an exchange about one market after the other, for one scan; `close` lets go of the exchange."""

    def __init__(
        self, exchange: str, filters: Filters, openings: Openings, quotes: Quotes, adapter: Asking
    ) -> None:
        self._name = exchange
        self._days = filters.minimum_age_days
        self._spread = filters.maximum_spread_percent
        self._openings = openings
        self._quotes = quotes
        self._adapter = adapter
        self._day: int | None = None
        self._exchange: Exchange | None = None

    @property
    def asks(self) -> bool:
        """Say whether anything has to be asked for at all."""
        return self._days is not None or self._spread is not None

    async def sifted(self, market: ListedSymbol) -> Sifted:
        """Say whether a market is old enough and its spread narrow enough, as far as that matters.

        What nobody can tell is not so. Errors: those of the exchange.
        """
        if self._days is not None and not await self._is_old_enough(market, self._days):
            return Sifted(Reason.AGE)
        if self._spread is None:
            return Sifted(None)
        spread = await self._spread_of(market)
        is_narrow = spread is not None and 0 <= spread <= self._spread
        return Sifted(None if is_narrow else Reason.SPREAD, spread)

    async def close(self) -> None:
        """Let go of the exchange, if it was asked."""
        if self._exchange is not None:
            await self._exchange.close()

    async def _is_old_enough(self, market: ListedSymbol, days: int) -> bool:
        day = await self._ago(days)
        known = self._openings.was_open(self._name, market, day)
        if known is None:
            known = await self._traded(market.name, day)
            self._openings.note(self._name, market.name, day, was_open=known)
        return known

    async def _ago(self, days: int) -> int:
        """Return the day (ms) so many days ago; a market of our own making has a time of its own."""
        if self._day is None:
            self._day = (await (await self._opened()).server_time() - days * DAY) // DAY * DAY
        return self._day

    async def _traded(self, symbol: str, day: int) -> bool:
        """Ask for candles of a day, and of some before it."""
        exchange = await self._opened()
        offered = exchange.info.timeframes()
        timeframe = Timeframe.D1 if Timeframe.D1 in offered else offered[-1]
        end = timeframe.bucket(day) + timeframe.milliseconds
        try:
            candles = await exchange.history(symbol, timeframe, end - BARS * timeframe.milliseconds, end)
        except NotFoundError:
            return False
        return len(candles) > 0

    async def _spread_of(self, market: ListedSymbol) -> float | None:
        try:
            return (await self._quotes.quote(self._name, market.name)).spread_percent
        except NotFoundError:
            return None

    async def _opened(self) -> Exchange:
        """Return the exchange, through one adapter for the whole scan."""
        if self._exchange is None:
            self._exchange = await self._adapter(self._name)
        if self._exchange is None:
            hint = f"switch it on with: livermore exchanges edit {self._name} --active"
            raise ExchangeUnreachableError(f"{self._name} is switched off", hint=hint)
        return self._exchange
