"""What the market room needs from the world: an exchange, and a place to keep candles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate, Candles
from livermore.market.exchange import ExchangeInfo
from livermore.market.listing import Listing
from livermore.market.symbol import Symbol, Ticker


class Series(NamedTuple):
    """Name one series of candles."""

    exchange: str
    symbol: str
    timeframe: Timeframe


class StreamSink(Protocol):
    """Take what a stream delivers; every method returns at once and never raises."""

    def wire(self) -> StreamSink:
        """Return a sink for one connection of several: each has its own time and its own gaps."""
        ...

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Take the newest state of a base bucket; `event_time` is the exchange's, in ms."""
        ...

    def ticker(self, ticker: Ticker) -> None:
        """Take a price."""
        ...

    def beat(self, event_time: int) -> None:
        """Take a sign of life that carries the exchange's time (ms) and nothing else."""
        ...

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Take a bar of a longer timeframe as the exchange tells it, to hold ours against."""
        ...

    def gap(self) -> None:
        """Take note that frames of this connection were lost: what they told of is not known."""
        ...

    def skipped(self, kind: str, detail: str) -> None:
        """Take note of a frame that could not be read."""
        ...


class Stream(Protocol):
    """One open connection to an exchange's market data."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for base candles and tickers of more symbols, at the pace the exchange allows."""
        ...

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Ask no longer for some."""
        ...

    async def run(self, sink: StreamSink) -> None:
        """Deliver until the connection ends: returns when it ended in good order, else raises.

        Errors: TransientError when connecting again may help, TerminalError when it will not.
        """
        ...

    async def close(self) -> None:
        """Close the connection; `run` returns."""
        ...


class Usage(NamedTuple):
    """What was asked of a host within its window, and what we allow ourselves."""

    used: int
    limit: int


class Forecast(NamedTuple):
    """What some requests will cost: how many they are, and after how many seconds the last has its turn."""

    requests: int
    seconds: float


class RequestBudget(Protocol):
    """How much may be asked of one host: shared by all who ask it, whatever for and for whomever."""

    async def spend(self, weight: int = 1) -> None:
        """Wait for our turn and book the weight; raise RateLimitedError if that would take too long."""
        ...

    def told_limit(self, limit: int) -> None:
        """Take the limit of a window that the exchange itself tells; documentation and row stay ceilings."""
        ...

    def told_used(self, used: int) -> None:
        """Take what the exchange has counted, which others on this address may have spent."""
        ...

    def hold_off(self, seconds: float) -> None:
        """Let nobody ask anything for so long, and longer each time that it is said again soon after."""
        ...

    def usage(self) -> Usage:
        """Return what was spent within the window, and the limit."""
        ...

    def forecast(self, weights: Iterable[int]) -> Forecast:
        """Say what requests of these weights will cost, behind all that wait already."""
        ...


class Exchange(Protocol):
    """One exchange, behind its own protocol. Only base candles are streamed; see `history` for the rest."""

    info: ExchangeInfo

    @property
    def budget(self) -> RequestBudget:
        """Return what is shared by all who ask this exchange's host."""
        ...

    async def listing(self) -> list[Symbol]:
        """Return every market that the exchange lists."""
        ...

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        """Return the candles that open in [start, end) (ms), oldest first, in as many pages as it takes.

        As the exchange tells them: an interval without trades may be a flat zero-volume candle or absent.
        The caller sees to it that `end` is not past the open of the running bucket.
        Errors: NotFoundError for an unknown symbol, RateLimitedError, ExchangeUnreachableError,
        ExchangeRefusedError.
        """
        ...

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        """Return the latest price and the rolling day of some symbols."""
        ...

    async def days(self) -> list[Ticker]:
        """Return the latest price and the rolling day of every market, in as few requests as it takes."""
        ...

    async def quote(self, symbol: str) -> Ticker:
        """Return one market's price and rolling day, with its best bid and ask and its count of trades.

        Errors: NotFoundError for an unknown symbol, and those of `history`.
        """
        ...

    async def server_time(self) -> int:
        """Return the exchange's clock in ms UTC."""
        ...

    async def connect(self) -> Stream:
        """Open a stream. Errors: TransientError or TerminalError."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...

    def pages(self, buckets: int) -> list[int]:
        """Return the weights of the requests that a history of so many buckets takes, for a forecast."""
        ...


class CandleBatch(Sequence[tuple[Series, Candles]]):
    """Candles of many series laid end to end, for a store that takes them so; else a run for each."""

    def __init__(self, series: Sequence[Series], starts: NDArray[np.intp], candles: Candles) -> None:
        self.series = series
        self.candles = candles
        self.counts = np.diff(starts, append=len(candles))
        self._starts = starts

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self.series)

    @overload
    def __getitem__(self, place: int) -> tuple[Series, Candles]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[Series, Candles]]: ...
    def __getitem__(self, place: int | slice) -> Any:
        """Return a series with its candles."""
        if isinstance(place, slice):
            return [self[one] for one in range(len(self))[place]]
        start = self._starts[place]
        return self.series[place], self.candles[start : start + self.counts[place]]


class Checkpoint(NamedTuple):
    """An indicator's whole state after the bar that opened at `time`, as opaque bytes."""

    series: Series
    time: int
    state: bytes


class ClosedBars(NamedTuple):
    """Bars of one exchange that closed at one instant: equally long arrays, one entry a series.

    `rows` are row numbers of the exchange's `SeriesTable`, ascending; `time` is each bar's open (ms);
    `instant` is their common close (ms); `decided` is the exchange's time (ms) at which each was closed.
    """

    exchange: str
    instant: int
    rows: NDArray[np.intp]
    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    state: NDArray[np.int8]
    source: NDArray[np.int8]
    confirmed: NDArray[np.bool_]
    decided: NDArray[np.int64]


class Cause(StrEnum):
    """Why buckets were not known when they should have been."""

    DISCONNECTED = "disconnected"
    SEQUENCE_GAP = "sequence_gap"
    LATE = "late"
    EXCHANGE_OUTAGE = "exchange_outage"
    PAUSED = "paused"


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """Base buckets [start, end) (ms) of a symbol that were missing, until `repaired_at` (ms, market time).

    `series` is the symbol's base series; a hole in it is one in every longer bucket that it touches.
    """

    series: Series
    start: int
    end: int
    cause: Cause
    repaired_at: int | None = None


class Counts(NamedTuple):
    """How many stored buckets of a span were traded, quiet and missing."""

    traded: int
    quiet: int
    missing: int


class CandleStore(Protocol):
    """Keep candles, checkpoints and the ledger of holes; reading never waits for writing to end."""

    async def save(
        self, batch: Sequence[tuple[Series, Candles]], checkpoints: Sequence[Checkpoint] = (),
        holes: Sequence[Hole] = (),
    ) -> None:  # fmt: skip
        """Insert or replace all of it in one transaction; a hole replaces what it covers of others."""
        ...

    async def replace(self, batch: Sequence[tuple[Series, Candles]]) -> int:
        """Put candles in the place of all that is kept of their series: candles, checkpoints and holes.

        All of it in one transaction; return how many candles went.
        """
        ...

    async def holes(self, series: Series, start: int, end: int) -> list[Hole]:
        """Return the holes of a base series that touch [start, end) (ms), oldest first."""
        ...

    async def counts(self, series: Series, start: int, end: int) -> Counts:
        """Count the stored candles of a series that open in [start, end) (ms), by state."""
        ...

    async def load(
        self, series: Series, start: int | None = None, end: int | None = None, *, newest: int | None = None
    ) -> Candles:
        """Return stored candles that open in [start, end), oldest first, of which `newest` keeps the last."""
        ...

    async def span(self, series: Series) -> tuple[int, int] | None:
        """Return the open times of the oldest and the newest stored candle."""
        ...

    async def spans(self, exchange: str, symbols: Collection[str]) -> dict[Series, tuple[int, int]]:
        """Return the same of every series of some symbols of which a candle is stored."""
        ...

    async def checkpoint(self, series: Series, at_or_before: int) -> Checkpoint | None:
        """Return the newest checkpoint that is not younger than a bar's open time."""
        ...

    async def first_checkpoint(self, series: Series) -> Checkpoint | None:
        """Return the oldest checkpoint."""
        ...

    async def forget_checkpoints(self, series: Series, since: int) -> None:
        """Delete the checkpoints of bars that opened at or after a time."""
        ...

    async def prune(self, timeframe: Timeframe, before: int) -> int:
        """Delete candles of a timeframe that opened before a time; checkpoints stay. Return how many."""
        ...


class ListingStore(Protocol):
    """Keep what each exchange lists, for the time when it cannot be asked."""

    async def load(self, exchange: str) -> Listing | None:
        """Return what was stored last; None when nothing was."""
        ...

    async def save(self, listing: Listing) -> Listing:
        """Store a listing in the place of an older one, in one transaction, and return what is stored then.

        That is `agreed` of both, or what another process has asked for later.
        """
        ...


class ExchangeBook(Protocol):
    """Keep the rows of `exchanges`."""

    async def all(self) -> list[ExchangeInfo]:
        """Return every row by name."""
        ...

    async def get(self, name: str) -> ExchangeInfo | None:
        """Return one row."""
        ...

    async def put(self, info: ExchangeInfo) -> None:
        """Insert a row or replace the one of that name."""
        ...

    async def seed(self, infos: Sequence[ExchangeInfo]) -> None:
        """Insert the rows that are not there; leave the others as their users edited them."""
        ...
