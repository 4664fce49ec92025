"""One exchange as this process watches it: its series, who follows them, and what happens when bars close.

The parts of a desk have files of their own: its connection (`session`), how a symbol gets its history
(`loading`), what the stream left open (`repairs`), and what is done in the background (`works`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.service import Health
from livermore.market.backfill import WARM_UP, Backfill
from livermore.market.budget import forecast_histories
from livermore.market.candle import Candles
from livermore.market.closed import columns_of
from livermore.market.feed import Feed
from livermore.market.ledger import Ledger
from livermore.market.listener import SeriesListener, onwards
from livermore.market.loading import Begun, Loading
from livermore.market.ports import CandleStore, ClosedBars, Exchange, Forecast
from livermore.market.reconnect import FIRST_DELAY
from livermore.market.recorder import Recorder
from livermore.market.repairs import Repairs
from livermore.market.rollup import Rollup
from livermore.market.series import SeriesTable
from livermore.market.session import AskedAtOnce, Markets, Session
from livermore.market.symbol import Symbol
from livermore.market.works import Work, Works

TICK = 0.1
ExchangeState = Literal["connecting", "connected", "degraded", "disconnected", "paused"]
log = logger("market")


class Desk:
    """Watch symbols of one exchange: connect, load, close bars, tell the listener, record."""

    def __init__(
        self, exchange: Exchange, table: SeriesTable, store: CandleStore, recorder: Recorder,
        listener: SeriesListener, clock: Clock, *, first_delay: float = FIRST_DELAY,
        listings: Markets | None = None,
    ) -> None:  # fmt: skip
        self.name = f"exchange {exchange.info.name}"
        self.info = exchange.info
        self.table = table
        self.state: ExchangeState = "connecting"
        self.detail: str | None = None
        self.connected_at: int | None = None
        self.heard_at: float | None = None
        self.reconnects = 0
        self.loaded: set[str] = set()
        self.begun: dict[str, Begun] = {}
        self.symbols: list[str] = []
        self.listing: dict[str, Symbol] = {}
        self.unlisted: list[str] = []
        self.at_rest: set[str] = set()
        self._exchange = exchange
        self._recorder = recorder
        self._listener = listener
        self._clock = clock
        # One hand at a time on a lane: loading, repair and revision each set where it goes on.
        self.changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._choosing = asyncio.Lock()
        self._frames_seen = 0
        backfill = Backfill(exchange, store, clock, table.timeframes, first_retry=min(1.0, first_delay))
        # Six times as long as a lost connection waits at first: half a minute of a real exchange.
        self.works = Works(self, clock, 6 * first_delay)
        self.session = Session(self, exchange, clock, first_delay, listings or AskedAtOnce())
        self.loading = Loading(self, store, backfill, listener, clock, first_delay)
        self.repairs = Repairs(self, backfill, clock)
        self.feed = Feed(table.base, clock, self.repairs)
        self.rollup = Rollup(table)
        self.ledger = Ledger(exchange.info.name, table.base, recorder)

    @property
    def exchange(self) -> Exchange:
        """Return whom this desk asks."""
        return self._exchange

    @property
    def market_time(self) -> int:
        """Return the exchange's time (ms): as it was heard, or as it should be since the dial; 0 before."""
        return max(self.feed.market_time, self.feed.expected())

    def watch(self, symbols: Iterable[str]) -> None:
        """Add symbols to what is watched from the next connection on."""
        for symbol in symbols:
            if symbol not in self.symbols:
                self.symbols.append(symbol)
                self.feed.watch(symbol, self.table.add(symbol))

    async def add(self, symbols: Iterable[str]) -> None:
        """Watch more symbols from now on; each goes live when it is subscribed and its history is there."""
        async with self._choosing:
            self.watch(symbols)
            self.works.spawn(self.session.take_in())

    async def remove(self, symbols: Iterable[str]) -> None:
        """Watch some symbols no more: what has closed is stored, the rest is forgotten.

        Raises LivermoreError when it cannot be stored; those that could not leave are then watched on.
        """
        async with self._choosing:
            gone = [symbol for symbol in symbols if symbol in self.table.columns]
            # While nothing can be stored, nobody is sent away to be taken in again.
            await self.write()
            self.symbols = [symbol for symbol in self.symbols if symbol not in gone]
            for symbol in gone:
                self.feed.forget(symbol)
            # Also one that comes back at once is subscribed anew: nothing is known of what it missed.
            self.session.leave(gone)
            self.works.spawn(self.session.take_in())
            await self.works.leave_off(gone)
            try:
                await self.write()
                for symbol in gone:
                    await self._forget(symbol)
            except BaseException:
                self._take_back([symbol for symbol in gone if symbol in self.table.columns])
                raise

    async def start(self) -> None:
        """Connect and stay connected."""
        self.works.spawn(self.session.keep())
        self.works.spawn(self._tick())
        self.works.spawn(self.session.poll())

    async def stop(self) -> None:
        """Disconnect, and put what has closed on its way to the store."""
        await self.works.stop()
        self.flush()
        self.state = "disconnected"
        await self._exchange.close()

    def health(self) -> Health:
        """Say whether the stream is up, no symbol lacks bars and every bar found its way."""
        if self.works.trouble is not None:
            return Health(state="failed", detail=self.works.trouble)
        whole = self.state == "connected" and not self.works.lacking
        return Health() if whole else Health(state="degraded", detail=self.detail)

    def requests(self) -> dict[str, int]:
        """Return the request weight used of the exchange's limit."""
        return self._exchange.budget.usage()._asdict()

    async def write(self) -> None:
        """Store all that has closed."""
        self.flush()
        await self._recorder.flush()

    @property
    def streamed(self) -> Collection[str]:
        """Return what the exchange streams to us now."""
        return self.session.subscribed

    async def follow(self, listing: dict[str, Symbol]) -> None:
        """Go by a newer listing at once, and tell the connection of what that changes."""
        if await self.go_by(listing):
            self.works.spawn(self.session.take_in())

    async def go_by(self, listing: dict[str, Symbol]) -> bool:
        """Go by a newer listing; return whether it makes a difference to what is watched.

        A symbol that is listed no more rests with its history until it is listed again.
        """
        async with self._choosing:
            gone = [name for name in self.symbols if name in self.listing and name not in listing]
            came = [name for name in self.symbols if name in listing and name not in self.listing]
            self.listing = listing
            self.session.learn(listing)
            await self._lay_to_rest(gone)
            self.session.note_unlisted()
            return bool(gone or came)

    async def _lay_to_rest(self, symbols: Sequence[str]) -> None:
        """Close no more bars of symbols, and do nothing for them, until they are loaded again."""
        self.flush()
        self.loaded.difference_update(symbols)
        self.at_rest.update(symbols)
        for symbol in symbols:
            self.feed.forget(symbol)
            self.feed.watch(symbol, self.table.columns[symbol])
            self.repairs.forget(symbol)
        self.session.leave(list(symbols))
        await self.works.leave_off(symbols)

    def _take_back(self, symbols: Sequence[str]) -> None:
        """Watch symbols again that could not leave, and load what they missed meanwhile."""
        self.loaded.difference_update(symbols)
        self.watch(symbols)
        self.works.spawn(self.session.take_in())

    async def _forget(self, symbol: str) -> None:
        await self.loading.forget(symbol)
        self.ledger.forget(symbol)
        self.repairs.forget(symbol)
        self.loaded.discard(symbol)
        self.at_rest.discard(symbol)
        self.begun.pop(symbol, None)
        self.changing.pop(symbol, None)
        self.unlisted = [name for name in self.unlisted if name != symbol]
        self.works.lacks_nothing(symbol)

    def not_listed(self) -> str | None:
        """Say which watched symbols the exchange does not list."""
        return f"not listed: {', '.join(self.unlisted)}" if self.unlisted else None

    async def revisit(self, symbol: str) -> None:
        """Tell a symbol's history again, for a listener that has come; what closes meanwhile waits."""
        await self.loading.revisit(symbol)

    def forecast(self) -> Forecast:
        """Say what loading the symbols that wait for their history will cost."""
        waiting = sum(symbol not in self.loaded and symbol not in self.unlisted for symbol in self.symbols)
        return forecast_histories(self._exchange, waiting, [WARM_UP] * len(self.table.timeframes))

    def same_book(self, symbols: Iterable[str]) -> list[str]:
        """Return symbols with all watched ones whose order book they share."""
        books = {self._book(symbol) for symbol in symbols}
        return [symbol for symbol in self.symbols if self._book(symbol) in books]

    def _book(self, symbol: str) -> str:
        listed = self.listing.get(symbol)
        return listed.alias if listed is not None and listed.alias else symbol

    def held(self, symbol: str, time: int) -> dict[str, Any] | None:
        """Return the closed base bar of a symbol that opened at a time (ms); None when it is too old."""
        return self.table.held(self.table.row(symbol, self.table.base), time)

    def bars(self, symbol: str, start: int, end: int) -> Candles:
        """Return the closed base bars that are held and open in [start, end) (ms)."""
        return self.table.candles(self.table.row(symbol, self.table.base)).between(start, end)

    def confirm(self, symbol: str, times: NDArray[np.int64]) -> None:
        """Mark the closed base bars that opened at some times (ms) as proven, here and in the store."""
        if len(times):
            held = self.bars(symbol, int(times[0]), int(times[-1]) + 1)
            self.prove(symbol, held[np.isin(held.time, times)])

    def prove(self, symbol: str, bars: Candles) -> None:
        """Mark closed base bars, held or only stored any more, as proven."""
        if len(bars):
            row = self.table.row(symbol, self.table.base)
            self.table.confirm(row, bars.time)
            self._recorder.again(self.table, row, replace(bars, confirmed=np.ones(len(bars), np.bool_)))

    def bars_ready(self) -> None:
        """Process closed bars as soon as the frames at hand are read."""
        asyncio.get_running_loop().call_soon(self.flush)

    def work(self, symbol: str, what: str, work: Callable[[], Work]) -> None:
        """Do something for a symbol in the background, again and again until it is done."""
        self.works.spawn(self.works.until_done(symbol, what, work), symbol)

    # -- closing ------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Carry closed base bars through roll-up, series and listener, instant by instant."""
        taken = self.feed.take()
        try:
            for time, bars in groupby(taken, key=lambda bar: bar.time):
                columns, candles, decided = columns_of(bars)
                self._closed(
                    self.rollup.close(columns, candles, time + self.table.base.milliseconds, decided)
                )
        except Exception as error:
            log.exception("bars could not be processed", exchange=self.info.name)
            self.works.trouble = f"bars could not be processed: {error!r}"
            self._start_over({self.table.symbols[bar.column] for bar in taken}, taken[0].time)

    def _start_over(self, symbols: set[str], time: int) -> None:
        """Load symbols again after a fault of ours: a bar that was not processed must not be skipped."""
        for symbol in symbols:
            self.feed.pause(symbol)
            self.loaded.discard(symbol)
            self.works.lacking.add(symbol)
            self.works.spawn(self._load_again(symbol, time), symbol)

    async def _load_again(self, symbol: str, time: int) -> None:
        await self._clock.sleep(self.works.again)
        await self.works.until_done(symbol, "is to be loaded again", lambda: self._let_go(symbol, time))
        await self.loading.load(symbol)
        self.works.trouble = None

    async def _let_go(self, symbol: str, time: int) -> None:
        """Have all that was closed written, and forget what was derived from the bar at a time (ms) on."""
        await self._recorder.flush()
        await self._listener.revised(symbol, onwards(self.table.timeframes, time))

    def _closed(self, bars: ClosedBars) -> None:
        self.table.write(bars)
        self._recorder.take(self.table, bars)
        self._listener.closed(bars)

    async def _tick(self) -> None:
        """Let market time close buckets, and notice when something was heard."""
        while True:
            await self._clock.sleep(TICK)
            self.feed.tick()
            if self.feed.frames != self._frames_seen:
                self._frames_seen = self.feed.frames
                self.heard_at = self._clock.monotonic()
