"""One exchange as this process watches it: its stream, its series, and what happens when bars close."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, NotFoundError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.service import Health
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import WARM_UP, Backfill
from livermore.market.budget import Purpose, asking, forecast_histories
from livermore.market.candle import Candles
from livermore.market.closed import columns_of
from livermore.market.feed import REST_DELAY, Feed
from livermore.market.ledger import Ledger
from livermore.market.ports import CandleStore, Cause, ClosedBars, Exchange, Forecast, Hole, Series
from livermore.market.reconnect import FIRST_DELAY, LONGEST_DELAY, keep_connected
from livermore.market.recorder import Recorder
from livermore.market.repairs import Repairs
from livermore.market.rollup import Rollup
from livermore.market.series import SeriesTable
from livermore.market.symbol import Symbol

TICK = 0.1
POLL, AWAY = 30.0, 180.0
AT_ONCE = 4
CAUSES = "look for causes with: livermore doctor"
ExchangeState = Literal["connecting", "connected", "degraded", "disconnected", "paused"]
log = logger("market")


class SeriesListener(Protocol):
    """Follow the series of an exchange: loaded once, then bar by bar."""

    async def since(self, series: Series, newest: int) -> int | None:
        """Say from which bar (ms) on stored candles are needed; None for all there are."""
        ...

    async def loaded(self, symbol: str, histories: dict[Timeframe, Candles], market_time: int) -> None:
        """Take the stored candles of every timeframe of a symbol, up to one instant."""
        ...

    async def revised(self, symbol: str, time: int) -> None:
        """Forget what was derived from the bar that opened at a time on; `loaded` follows."""
        ...

    async def dropped(self, symbol: str) -> None:
        """Store what there is to store of a symbol, and forget it: nobody watches it any more."""
        ...

    def closed(self, bars: ClosedBars) -> None:
        """Take bars that closed at one instant; must not wait."""
        ...


class Begun(NamedTuple):
    """The bucket (ms) in which this run began to watch a symbol, and whether nobody ever had before."""

    bucket: int
    new: bool


class Desk:
    """Watch symbols of one exchange: connect, load, close bars, tell the listener, record."""

    def __init__(
        self, exchange: Exchange, table: SeriesTable, store: CandleStore, recorder: Recorder,
        listener: SeriesListener, clock: Clock, *, first_delay: float = FIRST_DELAY,
    ) -> None:  # fmt: skip
        self.name = f"exchange {exchange.info.name}"
        self.info = exchange.info
        self.table = table
        self._backfill = Backfill(exchange, store, clock, table.timeframes, first_retry=min(1.0, first_delay))
        self.repairs = Repairs(self, self._backfill, clock)
        self.feed = Feed(table.base, clock, self.repairs)
        self.rollup = Rollup(table)
        self.ledger = Ledger(exchange.info.name, table.base, recorder)
        self.state: ExchangeState = "connecting"
        self.detail: str | None = None
        self.connected_at: int | None = None
        self.heard_at: float | None = None
        self.reconnects = 0
        self.loaded: set[str] = set()
        self.begun: dict[str, Begun] = {}
        self.recalled: set[str] = set()
        self.symbols: list[str] = []
        self.listing: dict[str, Symbol] = {}
        self.unlisted: list[str] = []
        self._lacking: set[str] = set()
        self._told: set[str] = set()
        self._exchange = exchange
        self._store = store
        self._recorder = recorder
        self._listener = listener
        self._clock = clock
        self._first_delay = first_delay
        # Six times as long as a lost connection waits at first: half a minute of a real exchange.
        self._again = 6 * first_delay
        self._few = asyncio.Semaphore(AT_ONCE)
        self._mending = asyncio.Semaphore(2 * AT_ONCE)
        # One hand at a time on a lane: loading, repair and revision each set where it goes on.
        self.changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._choosing = asyncio.Lock()
        self._subscribing = asyncio.Lock()
        self._subscribed: set[str] = set()
        self._left: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._works: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)
        self._frames_seen = 0
        self._trouble: str | None = None

    @property
    def exchange(self) -> Exchange:
        """Return whom this desk asks."""
        return self._exchange

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
            self._spawn(self._take_in())

    async def remove(self, symbols: Iterable[str]) -> None:
        """Watch some symbols no more: what has closed is stored, the rest is forgotten.

        Raises LivermoreError when it cannot be stored; those that could not leave are then watched on.
        """
        async with self._choosing:
            gone = [symbol for symbol in symbols if symbol in self.table.columns]
            # While nothing can be stored, nobody is sent away to be taken in again.
            await self._write()
            self.symbols = [symbol for symbol in self.symbols if symbol not in gone]
            for symbol in gone:
                self.feed.forget(symbol)
            # Also one that comes back at once is subscribed anew: nothing is known of what it missed.
            self._left.update(gone)
            self._spawn(self._take_in())
            await self._leave_off(gone)
            try:
                await self._write()
                for symbol in gone:
                    await self._forget(symbol)
            except BaseException:
                self._take_back([symbol for symbol in gone if symbol in self.table.columns])
                raise

    async def start(self) -> None:
        """Connect and stay connected."""
        self._spawn(keep_connected(self._session, self._clock, self._lost, first_delay=self._first_delay))
        self._spawn(self._tick())
        self._spawn(self._poll())

    async def stop(self) -> None:
        """Disconnect, and put what has closed on its way to the store."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.flush()
        self.state = "disconnected"
        await self._exchange.close()

    def health(self) -> Health:
        """Say whether the stream is up, no symbol lacks bars and every bar found its way."""
        if self._trouble is not None:
            return Health(state="failed", detail=self._trouble)
        whole = self.state == "connected" and not self._lacking
        return Health() if whole else Health(state="degraded", detail=self.detail)

    def requests(self) -> dict[str, int]:
        """Return the request weight used of the exchange's limit."""
        return self._exchange.budget.usage()._asdict()

    # -- the connection -----------------------------------------------------------------------------

    async def _session(self) -> None:
        """Hold one connection from dial to loss."""
        self.state = "connecting" if self.connected_at is None else self.state
        await self._look_up()
        self._note_unlisted()
        stream = await self._exchange.connect()
        try:
            self.feed.connected(await self._exchange_time())
            running = asyncio.create_task(stream.run(self.feed))
            try:
                self._subscribed.clear()
                self._left.clear()
                self.repairs.stream = stream
                await self._subscribe()
                self._arrived()
                await running
            finally:
                self.repairs.stream = None
                running.cancel()
                with suppress(asyncio.CancelledError, LivermoreError):
                    await running
        finally:
            await stream.close()

    async def _look_up(self) -> None:
        """Read the listing; while REST is away and the stream is not, the last one will do."""
        try:
            await self._read_listing()
        except TransientError as error:
            if not self.listing:
                raise
            log.warning("the listing is an old one", exchange=self.info.name, error=str(error))

    async def _read_listing(self) -> None:
        self.listing = {symbol.name: symbol for symbol in await self._exchange.listing()}

    async def _exchange_time(self) -> int:
        """Ask the exchange for its time (ms); while REST is away, go by what was heard last."""
        try:
            return await self._exchange.server_time()
        except TransientError:
            if self.heard_at is None or not self.feed.market_time:
                raise
            return self.feed.market_time + int((self._clock.monotonic() - self.heard_at) * 1000)

    async def _take_in(self) -> None:
        """Follow a change of what is watched, again and again until the exchange has taken it.

        A connection that is not there does so when it comes.
        """
        delay = self._first_delay
        while self.repairs.stream is not None:
            try:
                if not self.listing.keys() >= set(self.symbols):
                    await self._read_listing()
                    self._note_unlisted()
                await self._subscribe()
                return
            except LivermoreError as error:
                for symbol in set(self.symbols) - self._subscribed:
                    self._say(symbol, f"{symbol} is not subscribed yet", error)
                await self._clock.sleep(delay if isinstance(error, TransientError) else LONGEST_DELAY)
                delay = min(delay * 2, LONGEST_DELAY)

    async def _subscribe(self) -> None:
        """Bring what the connection is subscribed to in step with what is watched, and load what is new."""
        async with self._subscribing:
            stream = self.repairs.stream
            if stream is None:
                return
            wanted = [symbol for symbol in self.symbols if symbol in self.listing]
            left = set(self._left)
            gone = sorted(self._subscribed.difference(wanted) | (self._subscribed & left))
            if gone:
                await stream.unsubscribe(gone)
            self._left.difference_update(left)
            self._subscribed.difference_update(gone)
            new = [symbol for symbol in wanted if symbol not in self._subscribed]
            if new:
                await stream.subscribe(new)
                self._subscribed.update(new)
                self.feed.subscribed(new)
            for symbol in new:
                if symbol in self.symbols and symbol not in self.loaded:
                    self._spawn(self._load(symbol), symbol)

    def _arrived(self) -> None:
        self.state = "connected"
        self.detail = self._not_listed()
        self.connected_at, self.heard_at = self._clock.now(), self._clock.monotonic()
        log.info("connected", exchange=self.info.name, symbols=len(self._subscribed))

    async def revisit(self, symbol: str) -> None:
        """Tell a symbol's history again, for a listener that has come; what closes meanwhile waits."""
        async with self.changing[symbol]:
            if symbol not in self.loaded:
                return
            until = self.feed.pause(symbol)
            try:
                await self._write()
                await self._adopt(symbol, until)
            except BaseException:
                self.feed.go_on(symbol)
                raise

    async def _leave_off(self, symbols: Iterable[str]) -> None:
        """Cancel all that is being done for some symbols."""
        works = [work for symbol in symbols for work in self._works.pop(symbol, ())]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def _write(self) -> None:
        """Store all that has closed."""
        self.flush()
        await self._recorder.flush()

    def _take_back(self, symbols: Sequence[str]) -> None:
        """Watch symbols again that could not leave, and load what they missed meanwhile."""
        self.loaded.difference_update(symbols)
        self.watch(symbols)
        self._spawn(self._take_in())

    async def _forget(self, symbol: str) -> None:
        await self._listener.dropped(symbol)
        column = self.table.columns[symbol]
        self.rollup.start(column, Candles.none(), 0)
        self.table.drop(symbol)
        self.ledger.forget(symbol)
        self.repairs.forget(symbol)
        self.recalled.discard(symbol)
        self.loaded.discard(symbol)
        self.begun.pop(symbol, None)
        self.changing.pop(symbol, None)
        self.unlisted = [name for name in self.unlisted if name != symbol]
        self._lacks_nothing(symbol)

    def _lost(self, error: LivermoreError | None, wait: float) -> None:
        self.reconnects += 1
        self.state = "disconnected" if error is not None else "degraded"
        self.detail = str(error) if error is not None else "renewing the connection"
        hint = (error.hint or CAUSES) if error is not None else None
        tell = log.warning if error is None else log.error
        tell(
            "connection lost", exchange=self.info.name, error=self.detail, hint=hint, again_in=round(wait, 1)
        )

    def _note_unlisted(self) -> None:
        """Go on without watched symbols that the exchange does not list, and say so once."""
        unlisted = [symbol for symbol in self.symbols if symbol not in self.listing]
        for symbol in unlisted:
            if symbol not in self.unlisted:
                log.error("symbol is not listed", exchange=self.info.name, symbol=symbol)
        self.unlisted = unlisted
        for symbol in unlisted:
            self._lacks_nothing(symbol)

    # -- loading and repair -------------------------------------------------------------------------

    async def _load(self, symbol: str) -> None:
        """Bring a symbol up to now and let it go live; what fails for the moment is tried again."""
        delay = self._first_delay
        while symbol not in self.loaded:
            try:
                async with self.changing[symbol], self._few:
                    if symbol not in self.loaded:
                        with asking(Purpose.WARM_UP):
                            await self._bring_up(symbol)
                        self.loaded.add(symbol)
                        self._lacks_nothing(symbol)
            except NotFoundError as error:
                self._say(symbol, f"{symbol} could not be loaded", error)
                return
            except LivermoreError as error:
                self._say(symbol, f"{symbol} waits for its history", error)
                # One refusal is no verdict: the exchange may have been out of order.
                await self._clock.sleep(delay if isinstance(error, TransientError) else LONGEST_DELAY)
                delay = min(delay * 2, LONGEST_DELAY)

    def _say(self, symbol: str, what: str, error: LivermoreError) -> None:
        """Tell of a symbol's trouble; what many have in common, such as REST being away, is told once."""
        self._lacking.add(symbol)
        others = len(self._lacking) - 1
        self.detail = f"{what}{f', as do {others} more' if others else ''}: {error}"
        tell = log.debug if str(error) in self._told else log.error
        self._told.add(str(error))
        tell(what, exchange=self.info.name, error=str(error), hint=error.hint or CAUSES)

    def _lacks_nothing(self, symbol: str) -> None:
        self._lacking.discard(symbol)
        if not self._lacking:
            self._told.clear()
            self.detail = self._not_listed() if self.state == "connected" else self.detail

    def _not_listed(self) -> str | None:
        return f"not listed: {', '.join(self.unlisted)}" if self.unlisted else None

    async def _bring_up(self, symbol: str) -> None:
        """Fill what the store lacks of a symbol, and go on from there; what nobody watched is so entered."""
        base = self.table.base
        span = await self._store.span(Series(self.info.name, symbol, base))
        stored = span[1] + base.milliseconds if span is not None else 0
        market_time = max(self.feed.market_time, await self._exchange_time())
        until = max(base.bucket(market_time - REST_DELAY), stored)
        self.begun[symbol] = Begun(base.bucket(market_time), new=not stored)
        left = await self._recall(symbol, until)
        away = 0 < stored < until
        holes = self.ledger.found(symbol, stored, until, Cause.PAUSED, market_time) if away else []
        await self._backfill.fill(symbol, until, holes)
        self.ledger.keep(holes)
        since = until - 2 * base.milliseconds
        since = min(since, stored) if away else since
        await self._adopt(symbol, until)
        self.repairs.look_again(symbol, since, until)
        if stored:
            self.repairs.doubt_unproven(symbol, stored)
        for hole in left:
            self.repairs.mend(symbol, hole.start, hole.end)

    async def _recall(self, symbol: str, until: int) -> list[Hole]:
        """Take over what earlier runs have entered of a symbol; return the holes that they left open."""
        if symbol not in self.recalled:
            holes = await self._store.holes(Series(self.info.name, symbol, self.table.base), 0, until)
            self.ledger.recall(symbol, holes)
            self.recalled.add(symbol)
        return [hole for hole in self.ledger.open_holes(symbol) if hole.end <= until]

    async def _adopt(self, symbol: str, until: int) -> None:
        """Take the stored candles of a symbol into the series, and let its lane begin at `until`."""
        histories: dict[Timeframe, Candles] = {}
        for timeframe in self.table.timeframes:
            histories[timeframe] = await self._history(Series(self.info.name, symbol, timeframe))
        day = await self._store.load(
            Series(self.info.name, symbol, self.table.base), Timeframe.D1.bucket(until), until
        )
        # Nothing may have been heard yet, and loading takes its time: what is judged now is as late as that.
        market_time = max(self.feed.market_time, self.feed.expected(), until)
        await self._listener.loaded(symbol, histories, market_time)
        for timeframe, candles in histories.items():
            self.table.load(self.table.row(symbol, timeframe), candles)
        self.rollup.start(self.table.columns[symbol], day, until)
        base = histories[self.table.base]
        self.feed.begin(symbol, until, float(base.close[-1]) if len(base) else float("nan"))

    async def _history(self, series: Series) -> Candles:
        span = await self._store.span(series)
        if span is None:
            return Candles.none()
        return await self._store.load(series, await self._listener.since(series, span[1]))

    async def read(self, symbol: str, start: int, end: int) -> Candles:
        """Read base buckets that open in [start, end) (ms) from REST, when it is our turn."""
        with asking(Purpose.REPAIR):
            async with self._mending:
                return await self._backfill.history(symbol, self.table.base, start, end)

    async def revise(self, symbol: str, corrected: Candles, holes: Sequence[Hole] = ()) -> None:
        """Store corrected bars and all that follows from them, and derive the symbol's series again."""
        time, until = int(corrected.time[0]), self.feed.pause(symbol)
        await self._write()
        # What rests on the old bars goes first: a crash in between leaves nothing that contradicts the store.
        await self._listener.revised(symbol, time)
        await self._backfill.revise(symbol, corrected, until, holes)
        log.info("revised", exchange=self.info.name, symbol=symbol, time=time, bars=len(corrected))
        await self._adopt(symbol, until)

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
        if not len(times):
            return
        row = self.table.row(symbol, self.table.base)
        self.table.confirm(row, times)
        proven = self.bars(symbol, int(times[0]), int(times[-1]) + 1)
        self._recorder.again(self.table, row, proven[np.isin(proven.time, times)])

    def bars_ready(self) -> None:
        """Process closed bars as soon as the frames at hand are read."""
        asyncio.get_running_loop().call_soon(self.flush)

    def work(self, symbol: str, what: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do something for a symbol in the background, again and again until it is done."""
        self._spawn(self._until_done(symbol, what, work), symbol)

    async def _until_done(
        self, symbol: str, what: str, work: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        delay = self._again
        while True:
            try:
                await work()
                self._lacks_nothing(symbol)
                return
            except LivermoreError as error:
                self._say(symbol, f"{symbol} {what}", error)
                await self._clock.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)

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
            self._trouble = f"bars could not be processed: {error!r}"
            self._start_over({self.table.symbols[bar.column] for bar in taken}, taken[0].time)

    def _start_over(self, symbols: set[str], time: int) -> None:
        """Load symbols again after a fault of ours: a bar that was not processed must not be skipped."""
        for symbol in symbols:
            self.feed.pause(symbol)
            self.loaded.discard(symbol)
            self._lacking.add(symbol)
            self._spawn(self._load_again(symbol, time), symbol)

    async def _load_again(self, symbol: str, time: int) -> None:
        await self._clock.sleep(self._again)
        await self._until_done(symbol, "is to be loaded again", lambda: self._let_go(symbol, time))
        await self._load(symbol)
        self._trouble = None

    async def _let_go(self, symbol: str, time: int) -> None:
        """Have all that was closed written, and forget what was derived from the bar at a time (ms) on."""
        await self._recorder.flush()
        await self._listener.revised(symbol, time)

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

    async def _poll(self) -> None:
        """Ask REST for what closes while the stream cannot be had, so that bars come late and not never."""
        while True:
            await self._clock.sleep(POLL)
            away = self._clock.monotonic() - (self.heard_at or 0.0)
            if self.state == "disconnected" and self.loaded and away > AWAY:
                with suppress(LivermoreError):
                    self.feed.dark(await self._exchange.server_time())

    def _spawn(self, work: Coroutine[None, None, None], symbol: str | None = None) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if symbol is not None:
            works = self._works[symbol]
            works.add(task)
            task.add_done_callback(works.discard)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._trouble = f"a task has ended: {error!r}"
            log.error("a task has ended", exchange=self.info.name, error=repr(error))
