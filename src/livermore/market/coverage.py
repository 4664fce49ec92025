"""How much of what should be known is known: of one series in full, of all watched ones at a glance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from livermore.kernel.clock import Clock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState, Times
from livermore.market.desk import Desk
from livermore.market.freshness import LATELY, WINDOW, Freshness, FreshnessRow, freshness, glances
from livermore.market.gaps import Gap, gaps_of, upwards
from livermore.market.plane import MarketPlane
from livermore.market.ports import CandleStore, Cause, Counts, Hole, Series
from livermore.market.service import MarketService
from livermore.market.wire import GRACE, GRACE_WALL

LOOKBACK = 7 * LATELY
SOON = 2.0
AT_ONCE = 20
PIECE = 10_000
ALWAYS = 2**62


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the buckets of a series that open in [start, end) (ms) and have closed.

    Each bucket is exactly one of traded, quiet and missing, and each missing one lies in an open gap.
    """

    series: Series
    start: int
    end: int
    counts: Counts
    gaps: list[Gap]


class Part(NamedTuple):
    """The closed buckets of a series in [start, end) (ms): stored ones, and behind them `newer` ones."""

    series: Series
    start: int
    end: int
    stored_until: int
    newer: Candles

    def every(self) -> Times:
        """Return the open (ms) of every bucket."""
        return np.arange(self.start, self.end, self.series.timeframe.milliseconds, dtype=np.int64)

    def pieces(self) -> Iterator[Part]:
        """Cut it into pieces of which each is read in a moment."""
        step = PIECE * self.series.timeframe.milliseconds
        for start in range(self.start, self.end, step):
            end = min(start + step, self.end)
            yield self._replace(start=start, end=end, newer=self.newer.between(start, end))


class Remembered(NamedTuple):
    """The repaired holes of a symbol as stored: at which version of the ledger, and when to ask again."""

    repaired: list[Hole]
    opened: list[Hole]
    version: int
    again_at: float


class Pace(NamedTuple):
    """How fast the market's time goes against ours, as seen between two looks."""

    seen_at: float
    market_time: int
    speed: float = 1.0


class CoverageService:
    """Answer for what is known, what is not, and why."""

    def __init__(self, plane: MarketPlane, store: CandleStore, market: MarketService, clock: Clock) -> None:
        self._plane = plane
        self._store = store
        self._market = market
        self._clock = clock
        self._remembered: dict[tuple[str, str], Remembered] = {}
        self._paces: dict[str, Pace] = {}

    # -- one series ---------------------------------------------------------------------------------

    async def of(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None = None, end: int | None = None
    ) -> Coverage:
        """Return the coverage of the closed buckets of a series that open in [start, end) ms.

        Without a start from its first candle on, without an end up to the last bucket that has closed.
        Errors: NotFoundError and InvalidError, as for candles.
        """
        series = await self._market.named(exchange, symbol, timeframe)
        part = await self._part(series, start, end)
        counts, missing = await self._count(part)
        opened = self._opened(exchange, series.symbol)
        holes = joined(await self._stored_holes(part), opened)
        span, untold = (part.start, part.end), self._untold(exchange)
        gaps = gaps_of(series.timeframe, span, holes, opened, missing, untold=untold)
        return Coverage(series=series, start=part.start, end=part.end, counts=counts, gaps=gaps)

    async def _part(self, series: Series, start: int | None, end: int | None) -> Part:
        length = series.timeframe.milliseconds
        span = await self._store.span(series)
        stored_until = span[1] + length if span is not None else 0
        newer = self._plane.recent(series).candles.between(stored_until, ALWAYS)
        known = int(newer.time[-1]) + length if len(newer) else stored_until
        closed = max(known, self._due(series))
        first = span[0] if span is not None else int(newer.time[0]) if len(newer) else closed
        begin = first if start is None else max(first, upwards(start, length))
        stop = closed if end is None else min(closed, upwards(end, length))
        begin = min(begin, closed)
        return Part(series, begin, max(begin, stop), stored_until, newer.between(begin, stop))

    def _due(self, series: Series) -> int:
        """Return up to which time (ms) the buckets of a series should have closed; 0 if nobody watches it."""
        if not self._plane.watches(series):
            return 0
        desk = self._plane.desks[series.exchange]
        return series.timeframe.bucket(self._plane.now(desk.info.name) - self._allowance(desk) - GRACE)

    def _allowance(self, desk: Desk) -> int:
        """Return how much longer (ms) a bucket may take in a market that runs faster than our clock.

        A feed waits a quarter of a second of our time, whatever that is in the market's.
        """
        wall, market_time = self._clock.monotonic(), desk.feed.market_time
        pace = self._paces.setdefault(desk.info.name, Pace(wall, market_time))
        if wall - pace.seen_at >= GRACE_WALL:
            speed = (market_time - pace.market_time) / 1000 / (wall - pace.seen_at)
            pace = self._paces[desk.info.name] = Pace(wall, market_time, speed)
        return int(max(pace.speed - 1, 0) * 2 * GRACE_WALL * 1000)

    async def _count(self, part: Part) -> tuple[Counts, Times]:
        """Count the buckets by state, and name those that are missing."""
        counts, missing = Counts(0, 0, 0), [np.zeros(0, np.int64)]
        for piece in part.pieces():
            found, lacking = await self._count_piece(piece)
            counts = Counts(*map(sum, zip(counts, found, strict=True)))
            missing.append(lacking)
        return counts, np.concatenate(missing)

    async def _count_piece(self, part: Part) -> tuple[Counts, Times]:
        """Count what is there; only where that is not all, candles are read to see which are missing."""
        stored_end = min(part.end, part.stored_until)
        stored, newer = await self._store.counts(part.series, part.start, stored_end), tally(part.newer)
        counts = Counts(stored.traded + newer.traded, stored.quiet + newer.quiet, 0)
        every = part.every()
        if sum(counts) == len(every):
            return counts, every[:0]
        held = Candles.joined(await self._store.load(part.series, part.start, stored_end), part.newer)
        missing = np.setdiff1d(every, held.time[held.state != CandleState.MISSING])
        return tally(held)._replace(missing=len(missing)), missing

    async def _stored_holes(self, part: Part) -> list[Hole]:
        """Return the stored holes that touch a part: of the base series, whichever that is."""
        exchange, symbol, timeframe = part.series
        shorter = [one for one in Timeframe if one.milliseconds <= timeframe.milliseconds]
        return [
            hole
            for base in shorter
            for hole in await self._store.holes(Series(exchange, symbol, base), part.start, part.end)
        ]

    def _opened(self, exchange: str, symbol: str) -> list[Hole]:
        desk = self._plane.desks.get(exchange)
        return desk.ledger.open_holes(symbol) if desk is not None else []

    def _untold(self, exchange: str) -> Cause:
        """Say why a bucket is missing that no hole tells of: they are entered when a connection is back."""
        desk = self._plane.desks.get(exchange)
        return Cause.DISCONNECTED if desk is not None and desk.state == "disconnected" else Cause.LATE

    # -- all of them --------------------------------------------------------------------------------

    async def grid(self) -> list[FreshnessRow]:
        """Say how fresh every watched series is.

        From memory; the store is asked for the holes of symbols at first and when the ledger has changed.
        """
        await self._remember()
        return [row for desk in self._plane.desks.values() for row in self._rows(desk)]

    async def stored_row(self, exchange: str, symbol: str, timeframes: Sequence[str]) -> FreshnessRow:
        """Say what the stored series of a symbol lack; nobody watches them, so none is fresh."""
        cells = {}
        for timeframe in timeframes:
            whole = await self.of(exchange, symbol, timeframe)
            newest = whole.end - whole.series.timeframe.milliseconds
            since = whole.end - WINDOW * whole.series.timeframe.milliseconds
            lately = await self.of(exchange, symbol, timeframe, start=since)
            cells[timeframe] = Freshness(
                state="hole" if lately.counts.missing else "waiting", newest=newest, age_ms=None,
                missing=lately.counts.missing, holes=len(lately.gaps),
            )  # fmt: skip
        return FreshnessRow(exchange=exchange, symbol=symbol, cells=cells)

    def _rows(self, desk: Desk) -> list[FreshnessRow]:
        now, allowance, seen = self._plane.now(desk.info.name), self._allowance(desk), glances(desk.table)
        settled = {*desk.loaded, *desk.unlisted}
        rows = []
        for symbol in desk.symbols:
            column, holes = desk.table.columns[symbol], self._recent_holes(desk, symbol)
            is_loading = desk.connected_at is not None and symbol not in settled
            cells = {
                str(one.timeframe): freshness(
                    one.timeframe, one.newest[column], one.missing[column], holes, now,
                    is_loading=is_loading, allowance=allowance,
                )
                for one in seen
            }  # fmt: skip
            rows.append(FreshnessRow(exchange=desk.info.name, symbol=symbol, cells=cells))
        return rows

    def _recent_holes(self, desk: Desk, symbol: str) -> list[Hole]:
        remembered = self._remembered.get((desk.info.name, symbol))
        return [*(remembered.repaired if remembered else []), *self._opened(desk.info.name, symbol)]

    async def _remember(self) -> None:
        """Ask the store for the holes of symbols that may have changed, the likeliest first."""
        overdue = []
        for desk in self._plane.desks.values():
            for symbol in desk.symbols:
                known = self._remembered.get((desk.info.name, symbol))
                if known is None or known.opened != desk.ledger.open_holes(symbol):
                    await self._ask(desk, symbol)
                elif known.version != desk.ledger.version or known.again_at <= self._clock.monotonic():
                    overdue.append((desk, symbol))
        for desk, symbol in overdue[:AT_ONCE]:
            await self._ask(desk, symbol)

    async def _ask(self, desk: Desk, symbol: str) -> None:
        name, ledger = (desk.info.name, symbol), desk.ledger
        known, version, opened = self._remembered.get(name), ledger.version, ledger.open_holes(symbol)
        # What has just been entered reaches the store a moment later.
        is_settled = known is not None and known.version == version and known.opened == opened
        again_at = math.inf if is_settled else self._clock.monotonic() + SOON
        base = Series(desk.info.name, symbol, desk.table.base)
        stored = await self._store.holes(base, self._plane.now(desk.info.name) - LOOKBACK, ALWAYS)
        repaired = [hole for hole in stored if hole.repaired_at is not None]
        self._remembered[name] = Remembered(repaired, opened, version, again_at)


def tally(candles: Candles) -> Counts:
    """Count candles by state."""
    quiet, traded, missing = np.bincount(candles.state, minlength=3).tolist()
    return Counts(traded, quiet, missing)


def joined(stored: Sequence[Hole], opened: Sequence[Hole]) -> list[Hole]:
    """Put holes that are open now in the places of those of the same series and start."""
    return list({(hole.series, hole.start): hole for hole in (*stored, *opened)}.values())
