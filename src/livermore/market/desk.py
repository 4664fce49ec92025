"""One exchange as this process watches it: its stream, its series, and what happens when bars close."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from itertools import groupby
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.service import Health
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import Backfill, explicit
from livermore.market.candle import BarUpdate, Candle, Candles, CandleSource, CandleState
from livermore.market.feed import REST_DELAY, REST_KNOWS, Feed, columns_of
from livermore.market.ledger import Ledger
from livermore.market.ports import CandleStore, Cause, ClosedBars, Exchange, Series, Stream
from livermore.market.reconnect import FIRST_DELAY, LONGEST_DELAY, keep_connected
from livermore.market.recorder import Recorder
from livermore.market.rollup import Rollup
from livermore.market.series import SeriesTable
from livermore.market.symbol import Symbol

TICK = 0.1
REPAIR_AGAIN = 30.0
BEHIND_AGAIN = 1.0
GATHERED = 0.2
PRICES = ("open", "high", "low", "close", "volume")
AT_ONCE = 4
FEWEST_FOR_OUTAGE = 3
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

    def closed(self, bars: ClosedBars) -> None:
        """Take bars that closed at one instant; must not wait."""
        ...


class Desk:
    """Watch symbols of one exchange: connect, load, close bars, tell the listener, record."""

    def __init__(
        self, exchange: Exchange, table: SeriesTable, store: CandleStore, recorder: Recorder,
        listener: SeriesListener, clock: Clock, *, first_delay: float = FIRST_DELAY,
    ) -> None:  # fmt: skip
        self.name = f"exchange {exchange.info.name}"
        self.info = exchange.info
        self.table = table
        self.feed = Feed(table.base, clock, self)
        self.rollup = Rollup(table)
        self.ledger = Ledger(exchange.info.name, table.base, recorder)
        self.state: ExchangeState = "connecting"
        self.detail: str | None = None
        self.connected_at: int | None = None
        self.heard_at: float | None = None
        self.reconnects = 0
        self.loaded: set[str] = set()
        self.symbols: list[str] = []
        self.listing: dict[str, Symbol] = {}
        self.unlisted: list[str] = []
        self._lacking: set[str] = set()
        self._exchange = exchange
        self._store = store
        self._recorder = recorder
        self._listener = listener
        self._clock = clock
        self._first_delay = first_delay
        self._backfill = Backfill(exchange, store, clock, table.timeframes)
        self._stream: Stream | None = None
        self._silent: set[str] = set()
        self._longer: dict[str, BarUpdate] = {}
        self._few = asyncio.Semaphore(AT_ONCE)
        # One hand at a time on a lane: loading, repair and revision each set where it goes on.
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._frames_seen = 0
        self._trouble: str | None = None

    def watch(self, symbols: Iterable[str]) -> None:
        """Add symbols to what is watched from the next connection on."""
        for symbol in symbols:
            if symbol not in self.symbols:
                self.symbols.append(symbol)
                self.feed.watch(symbol, self.table.add(symbol))

    async def start(self) -> None:
        """Connect and stay connected."""
        self._spawn(keep_connected(self._session, self._clock, self._lost, first_delay=self._first_delay))
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Disconnect, and put what has closed on its way to the store."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush()
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
        self.listing = {symbol.name: symbol for symbol in await self._exchange.listing()}
        wanted = [symbol for symbol in self.symbols if symbol in self.listing]
        self._note_unlisted()
        stream = await self._exchange.connect()
        try:
            self.feed.connected(await self._exchange.server_time())
            running = asyncio.create_task(stream.run(self.feed))
            try:
                await stream.subscribe(wanted)
                self.feed.subscribed()
                self._stream = stream
                self._arrived(wanted)
                await running
            finally:
                self._stream = None
                running.cancel()
                with suppress(asyncio.CancelledError, LivermoreError):
                    await running
        finally:
            await stream.close()

    def _arrived(self, symbols: list[str]) -> None:
        self.state = "connected"
        self.detail = f"not listed: {', '.join(self.unlisted)}" if self.unlisted else None
        self.connected_at, self.heard_at = self._clock.now(), self._clock.monotonic()
        log.info("connected", exchange=self.info.name, symbols=len(symbols))
        for symbol in symbols:
            if symbol not in self.loaded:
                self._spawn(self._load(symbol))

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

    # -- loading and repair -------------------------------------------------------------------------

    async def _load(self, symbol: str) -> None:
        """Bring a symbol up to now and let it go live; what fails for the moment is tried again."""
        delay = self._first_delay
        while symbol not in self.loaded:
            try:
                async with self._changing[symbol], self._few:
                    if symbol not in self.loaded:
                        await self._bring_up(symbol)
                        self.loaded.add(symbol)
                        self._lacking.discard(symbol)
            except TransientError as error:
                self._say(symbol, f"{symbol} waits for its history", error)
                await self._clock.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)
            except LivermoreError as error:
                self._say(symbol, f"{symbol} could not be loaded", error)
                return

    def _say(self, symbol: str, what: str, error: LivermoreError) -> None:
        self._lacking.add(symbol)
        self.detail = f"{what}: {error}"
        log.error(what, exchange=self.info.name, error=str(error), hint=error.hint or CAUSES)

    async def _bring_up(self, symbol: str) -> None:
        until = await self._known_until(symbol)
        await self._backfill.fill(symbol, until)
        await self._adopt(symbol, until)

    async def _known_until(self, symbol: str) -> int:
        """Return the base bucket up to which REST knows everything, or up to which it is stored already."""
        base = self.table.base
        market_time = max(self.feed.market_time, await self._exchange.server_time())
        span = await self._store.span(Series(self.info.name, symbol, base))
        stored = span[1] + base.milliseconds if span is not None else 0
        return max(base.bucket(market_time - REST_DELAY), stored)

    async def _adopt(self, symbol: str, until: int) -> None:
        """Take the stored candles of a symbol into the series, and let its lane begin at `until`."""
        histories: dict[Timeframe, Candles] = {}
        for timeframe in self.table.timeframes:
            histories[timeframe] = await self._history(Series(self.info.name, symbol, timeframe))
        day = await self._store.load(
            Series(self.info.name, symbol, self.table.base), Timeframe.D1.bucket(until), until
        )
        await self._listener.loaded(symbol, histories, max(self.feed.market_time, until))
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

    async def _repair(self, symbol: str, start: int, end: int) -> None:
        """Read a range from REST once it can know it, and hand it to the feed, or mend what went on without it."""
        await self._told(end)
        async with self._changing[symbol]:
            told = await self._read(symbol, start, end)
            if self.feed.behind(symbol, told, start, end):
                await self._clock.sleep(BEHIND_AGAIN)
                raise ExchangeUnreachableError("REST does not know yet what was traded")
            if self.feed.waits_for(symbol, start):
                self.feed.repaired(symbol, told, start, end)
            elif any(hole.start == start for hole in self.ledger.open_holes(symbol)):
                await self._mend(symbol, told, start, end)
            log.info(
                "repaired", exchange=self.info.name, symbol=symbol, start=start, end=end, traded=len(told)
            )
            self.ledger.close(symbol, start, end, self.feed.market_time)
        self._flush()
        self._look_again(symbol, told, start, end)

    async def _mend(self, symbol: str, told: Candles, start: int, end: int) -> None:
        """Put what REST tells in the place of buckets that were given up as missing."""
        if self.feed.next_open(symbol) < end:
            raise ExchangeUnreachableError("the buckets around it are being loaded")
        self._flush()
        held = self.table.held(self.table.row(symbol, self.table.base), start)
        price = held["close"] if held is not None else 1.0
        corrected = explicit(told, self.table.base, start, end, price)
        if len(corrected):
            await self._revise(symbol, corrected)

    def _look_again(self, symbol: str, told: Candles, start: int, end: int) -> None:
        """Ask once more, a minute after the close, for buckets that REST did not tell; explain them if all lack them."""
        length = self.table.base.milliseconds
        absent = np.setdiff1d(np.arange(start, end, length), told.time)
        if not len(absent):
            return
        self._explain_outage(absent)
        young = absent[absent + length + REST_KNOWS > self.feed.market_time]
        if len(young):
            first, last = int(young[0]), int(young[-1]) + length
            self._spawn(
                self._until_done(
                    symbol, "is to be asked for again",
                    lambda: self._compare(symbol, first, last, Cause.LATE, REST_KNOWS),
                )
            )  # fmt: skip

    def _explain_outage(self, absent: NDArray[np.int64]) -> None:
        """Enter buckets in which REST knows no trade of any watched symbol as an outage of the exchange."""
        columns = [self.table.columns[symbol] for symbol in self.loaded]
        if len(columns) < FEWEST_FOR_OUTAGE:
            return
        base = self.table.row(self.table.symbols[0], self.table.base)
        for time in absent.tolist():
            slot = time // int(self.table.lengths[base]) % self.table.ring
            fields = {name: self.table.fields[name][0, slot, columns] for name in ("time", "state", "source")}
            if (
                (fields["time"] == time)
                & (fields["state"] == CandleState.QUIET)
                & (fields["source"] == CandleSource.REST)
            ).all():
                for symbol in self.loaded:
                    end = time + self.table.base.milliseconds
                    self.ledger.note(symbol, time, end, Cause.EXCHANGE_OUTAGE, self.feed.market_time)

    async def _compare(
        self, symbol: str, start: int, end: int, cause: Cause, delay: int = REST_DELAY
    ) -> None:
        """Read closed buckets from REST, and revise those that it tells differently."""
        await self._told(end, delay)
        async with self._changing[symbol]:
            told = await self._read(symbol, start, end)
            self._flush()
            wrong = told[np.array([self._differs(symbol, candle) for candle in told.rows()], np.bool_)]
            if not len(wrong):
                return
            first, last = int(wrong.time[0]), int(wrong.time[-1]) + self.table.base.milliseconds
            self.ledger.note(symbol, first, last, cause, self.feed.market_time)
            if cause is Cause.LATE:
                self.feed.deaf(symbol)
                self.silent(symbol)
            # All at once: what the half of a correction would say is nothing that anybody should be told.
            await self._revise(symbol, wrong)

    async def _told(self, end: int, delay: int = REST_DELAY) -> None:
        """Wait until REST can know the buckets that opened before a time (ms)."""
        began = self._clock.monotonic()
        while self.feed.market_time < end + delay and self._clock.monotonic() - began < 2 * delay / 1000:
            await self._clock.sleep(TICK / 2)

    async def _read(self, symbol: str, start: int, end: int) -> Candles:
        async with self._few:
            return await self._backfill.history(symbol, self.table.base, start, end)

    # -- what the feed asks -------------------------------------------------------------------------

    def bars_ready(self) -> None:
        """Process closed bars as soon as the frames at hand are read."""
        asyncio.get_running_loop().call_soon(self._flush)

    def repair_wanted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Enter a hole and repair it in the background."""
        self.ledger.open(symbol, start, end, cause)
        self._spawn(self._until_done(symbol, "waits for a repair", lambda: self._repair(symbol, start, end)))

    def gave_up(self, symbol: str, start: int, end: int) -> None:
        """Say that a series goes on without some buckets; their repair goes on too."""
        log.error(
            "goes on with holes", exchange=self.info.name, symbol=symbol, start=start, end=end, hint=CAUSES
        )

    def doubted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Compare closed buckets with REST in the background."""
        self._spawn(
            self._until_done(symbol, "is to be compared", lambda: self._compare(symbol, start, end, cause))
        )

    def proven(self, symbol: str, start: int, end: int) -> None:
        """Mark closed buckets as confirmed, here and in the store."""
        self._flush()
        row = self.table.row(symbol, self.table.base)
        self.table.confirm(row, start, end)
        self._recorder.again(self.table, row, self.table.candles(row).between(start, end))

    def silent(self, symbol: str) -> None:
        """Subscribe a symbol again, together with others that fell silent."""
        if not self._silent:
            self._spawn(self._subscribe_again())
        self._silent.add(symbol)

    async def _subscribe_again(self) -> None:
        await self._clock.sleep(GATHERED)
        symbols, self._silent = sorted(self._silent), set()
        if self._stream is None:
            return
        log.warning("subscribing again", exchange=self.info.name, symbols=symbols)
        with suppress(LivermoreError):  # a connection that is lost tells so itself
            await self._stream.unsubscribe(symbols)
            await self._stream.subscribe(symbols)
        self.feed.subscribed(symbols)

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Compare a longer bar with ours once the exchange has begun the next one, or corrects an older one."""
        newest = self._longer.get(update.symbol)
        if newest is None or update.time >= newest.time:
            self._longer[update.symbol] = update
        if newest is not None and update.time != newest.time:
            self._cross_check(timeframe, min(newest, update, key=lambda bar: bar.time))

    def _cross_check(self, timeframe: Timeframe, told: BarUpdate) -> None:
        """Doubt our bars where the exchange's own longer one knows of more."""
        end = told.time + timeframe.milliseconds
        if told.symbol not in self.loaded or self.feed.next_open(told.symbol) < end:
            return
        self._flush()
        ours = self.table.candles(self.table.row(told.symbol, self.table.base)).between(told.time, end)
        ours = ours[ours.state == CandleState.TRADED]
        if len(ours) and told.high <= ours.high.max() and told.low >= ours.low.min():
            if told.volume <= ours.volume.sum() * (1 + 1e-9):
                return
        log.warning("the exchange's longer bar knows of more", exchange=self.info.name, symbol=told.symbol)
        self.doubted(told.symbol, told.time, end, Cause.SEQUENCE_GAP)

    def correction(self, symbol: str, update: BarUpdate) -> None:
        """Revise a closed bar that the exchange tells differently now."""
        self._flush()
        if self._differs(symbol, update):
            self._spawn(
                self._until_done(symbol, "waits for a revision", lambda: self._correct(symbol, update))
            )

    async def _until_done(
        self, symbol: str, what: str, work: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        while True:
            try:
                await work()
                self._lacking.discard(symbol)
                return
            except LivermoreError as error:
                self._say(symbol, f"{symbol} {what}", error)
                await self._clock.sleep(REPAIR_AGAIN)

    def _differs(self, symbol: str, told: BarUpdate | Candle) -> bool:
        """Say whether a bucket is told otherwise than it was closed, and not merely earlier."""
        held = self.table.held(self.table.row(symbol, self.table.base), told.time)
        if held is None or told.volume == held["volume"] == 0:
            return False
        if isinstance(told, BarUpdate) and not told.closed and told.volume < held["volume"]:
            return False
        return any(getattr(told, name) != held[name] for name in PRICES)

    async def _correct(self, symbol: str, update: BarUpdate) -> None:
        async with self._changing[symbol]:
            if self._differs(symbol, update):
                values = ([getattr(update, name)] for name in ("time", *PRICES))
                corrected = Candles.of(*values, source=CandleSource.STREAM, confirmed=update.closed)
                await self._revise(symbol, corrected)

    async def _revise(self, symbol: str, corrected: Candles) -> None:
        """Store corrected bars and all that follows from them, and derive the symbol's series again."""
        time, until = int(corrected.time[0]), self.feed.pause(symbol)
        self._flush()
        await self._recorder.flush()
        # What rests on the old bars goes first: a crash in between leaves nothing that contradicts the store.
        await self._listener.revised(symbol, time)
        await self._backfill.revise(symbol, corrected, until)
        log.info("revised", exchange=self.info.name, symbol=symbol, time=time, bars=len(corrected))
        await self._adopt(symbol, until)

    # -- closing ------------------------------------------------------------------------------------

    def _flush(self) -> None:
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
            self._spawn(self._load_again(symbol, time))

    async def _load_again(self, symbol: str, time: int) -> None:
        await self._clock.sleep(REPAIR_AGAIN)
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

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._trouble = f"a task has ended: {error!r}"
            log.error("a task has ended", exchange=self.info.name, error=repr(error))
