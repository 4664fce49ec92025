"""What doors ask of the market: exchanges, symbols and candles."""

from __future__ import annotations

import msgspec

from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candle, Candles
from livermore.market.exchange import ExchangeInfo
from livermore.market.plane import MarketPlane
from livermore.market.ports import CandleStore, ExchangeBook, Series

LIMIT = 100_000


class CandlePage(msgspec.Struct, frozen=True, kw_only=True):
    """Closed candles oldest first, and the running one."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    candles: list[Candle]
    forming: Candle | None


def kept(start: int | None, end: int | None, limit: int) -> slice:
    """Say which bars a limit keeps: the newest, or with a start alone the oldest, so that pages follow."""
    return slice(limit) if start is not None and end is None else slice(-limit, None)


class MarketService:
    """Answer for the market: what is listed here, what was stored, what is running now."""

    def __init__(self, plane: MarketPlane, store: CandleStore, book: ExchangeBook) -> None:
        self._plane = plane
        self._store = store
        self._book = book

    async def exchanges(self) -> list[ExchangeInfo]:
        """Return the rows of `exchanges`, by name."""
        return await self._book.all()

    async def exchange(self, name: str) -> ExchangeInfo:
        """Return one row; raise NotFoundError with the known names."""
        info = await self._book.get(name)
        if info is None:
            known = ", ".join(row.name for row in await self._book.all())
            raise NotFoundError(f"no exchange is called {name!r}", hint=f"known exchanges: {known}")
        return info

    async def put_exchange(self, info: ExchangeInfo) -> ExchangeInfo:
        """Insert an exchange or replace its row; it takes effect at the next start."""
        await self._book.put(info)
        return info

    async def candles(
        self, exchange: str, symbol: str, timeframe: str, *,
        start: int | None = None, end: int | None = None, limit: int = 500,
    ) -> CandlePage:  # fmt: skip
        """Return closed candles that open in [start, end) ms, oldest first; `limit` keeps the newest ones.

        With a `start` and no `end` the limit keeps the oldest ones instead, so that pages follow one another.
        """
        series = await self.named(exchange, symbol, timeframe)
        if not 1 <= limit <= LIMIT:
            raise InvalidError(f"limit must lie between 1 and {LIMIT}", where="limit")
        if start is not None and end is None:
            stored = await self._oldest(series, start, limit)
        else:
            stored = await self._store.load(series, start, end, newest=limit)
        recent = self._plane.recent(series)
        part = recent.merged(stored, start, end)[kept(start, end, limit)]
        return CandlePage(
            exchange=exchange, symbol=series.symbol, timeframe=series.timeframe,
            candles=part.rows(), forming=recent.forming,
        )  # fmt: skip

    async def _oldest(self, series: Series, start: int, limit: int) -> Candles:
        """Return the oldest stored candles from a time (ms) on: years may follow, and are not read for it."""
        span = await self._store.span(series)
        first, last = (max(start, span[0]), span[1]) if span is not None else (start, start - 1)
        step, found = limit * series.timeframe.milliseconds, Candles.none()
        while first <= last and len(found) < limit:
            found = Candles.joined(found, await self._store.load(series, first, first + step))
            first += step
        return found[:limit]

    async def named(self, exchange: str, symbol: str, timeframe: str) -> Series:
        """Check the names of a series; raise NotFoundError or InvalidError with what would do."""
        await self.exchange(exchange)
        try:
            length = Timeframe(timeframe)
        except ValueError:
            known = " ".join(Timeframe)
            raise InvalidError(f"{timeframe!r} is not a timeframe", where="timeframe", hint=known) from None
        series = Series(exchange, symbol.upper(), length)
        if not self._plane.watches(series) and await self._store.span(series) is None:
            raise NotFoundError(
                f"there are no candles of {symbol} {timeframe} on {exchange}",
                hint="see what is watched with: livermore status",
            )
        return series
