"""What the stream left open is asked of REST: holes, doubts and corrections, each answered in its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import REST_KNOWS, Backfill, explicit
from livermore.market.candle import BarUpdate, Candle, Candles, CandleSource, CandleState
from livermore.market.feed import REST_DELAY
from livermore.market.ports import Cause, Hole, Stream

if TYPE_CHECKING:
    from livermore.market.desk import Desk

STEP, LONG_STEP = 0.05, 1.0
BEHIND_AGAIN = 1.0
BEHIND_LONGEST = 16.0
GATHERED = 0.2
FEWEST_FOR_OUTAGE = 3
# So long (ms) after its close a bucket is asked for again: it may come late, and REST may mend its own holes.
LOOKS = (REST_KNOWS, 600_000, 3_600_000)
BUSY = 60
FOR_EVER = 2**62
UNPROVEN = 60
PRICES = ("open", "high", "low", "close", "volume")
log = logger("market")


class Repairs:
    """Act on what the feed of a desk finds out."""

    def __init__(self, desk: Desk, backfill: Backfill, clock: Clock) -> None:
        self._desk = desk
        self._backfill = backfill
        self._clock = clock
        self._silent: set[str] = set()
        self._correcting: defaultdict[str, set[int]] = defaultdict(set)
        self._longer: dict[str, BarUpdate] = {}
        self.stream: Stream | None = None

    # -- what the feed tells ------------------------------------------------------------------------

    def bars_ready(self) -> None:
        """Have closed bars processed as soon as the frames at hand are read."""
        self._desk.bars_ready()

    def repair_wanted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Enter a hole and repair it in the background; what ended before the watch began is paused."""
        begun = self._desk.begun.get(symbol)
        if begun is None or end > begun.bucket:
            self._desk.ledger.open(symbol, start, end, cause)
        elif not begun.new:
            self._desk.ledger.open(symbol, start, end, Cause.PAUSED)
        self.mend(symbol, start, end)

    def mend(self, symbol: str, start: int, end: int) -> None:
        """Repair a hole that is entered already."""
        self._desk.work(symbol, "waits for a repair", lambda: self.repair(symbol, start, end))

    def gave_up(self, symbol: str, start: int, end: int) -> None:
        """Enter that a series goes on without some buckets; their repair goes on too."""
        self._desk.ledger.open(symbol, start, end, Cause.LATE)
        span = {"start": rfc3339(start), "end": rfc3339(end)}
        log.warning("goes on with a hole", exchange=self._desk.info.name, symbol=symbol, **span)

    def doubted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Compare closed buckets with REST in the background."""
        self._desk.work(symbol, "is to be compared", lambda: self._settle(symbol, start, end, cause))

    def doubt_unproven(self, symbol: str, end: int) -> None:
        """Doubt the newest bars before a time (ms) that an earlier run closed and did not live to prove."""
        length = self._desk.table.base.milliseconds
        bars = self._desk.bars(symbol, end - UNPROVEN * length, end)
        unproven = bars.time[~bars.confirmed & (bars.state != CandleState.MISSING)]
        if len(unproven):
            self.doubted(symbol, int(unproven[0]), int(unproven[-1]) + length, Cause.SEQUENCE_GAP)

    def proven(self, symbol: str, start: int, end: int) -> None:
        """Mark closed buckets as confirmed; one that is about to be corrected is not."""
        self._desk.flush()
        times = self._desk.bars(symbol, start, end).time
        self._desk.confirm(symbol, times[~np.isin(times, list(self._correcting[symbol]))])

    def silent(self, symbol: str) -> None:
        """Subscribe a symbol again, together with others that fell silent at the same time."""
        if not self._silent:
            self._desk.work(symbol, "is to be subscribed again", self._subscribe_again)
        self._silent.add(symbol)

    def correction(self, symbol: str, update: BarUpdate) -> None:
        """Revise a closed bar that the exchange tells differently now."""
        self._desk.flush()
        if self._differs(symbol, update):
            self._correcting[symbol].add(update.time)
            self._desk.work(symbol, "waits for a revision", lambda: self._correct(symbol, update))

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Check a longer bar once the exchange has begun the next one, or corrects one before it."""
        newest = self._longer.get(update.symbol)
        if newest is None or update.time >= newest.time:
            self._longer[update.symbol] = update
        if newest is not None and update.time != newest.time:
            self._cross_check(timeframe, min(newest, update, key=lambda bar: bar.time))

    def forget(self, symbol: str) -> None:
        """Hold nothing of a symbol any more."""
        self._correcting.pop(symbol, None)
        self._longer.pop(symbol, None)
        self._silent.discard(symbol)

    # -- holes ----------------------------------------------------------------------------------------

    async def repair(self, symbol: str, start: int, end: int) -> None:
        """Read a hole from REST once it can know it, and fill it."""
        await self._known_at_rest(end, REST_DELAY)
        wait = BEHIND_AGAIN
        while not await self._filled(symbol, start, end):
            await self._clock.sleep(wait)
            wait = min(2 * wait, BEHIND_LONGEST)

    async def _filled(self, symbol: str, start: int, end: int) -> bool:
        """Hand what REST tells to the feed, or mend what went on; return False where REST is behind."""
        desk = self._desk
        async with desk.changing[symbol]:
            # An answer may be long on its way, and tells what was known when it was asked for at best.
            asked = desk.feed.market_time
            told = await desk.loading.read(symbol, start, end)
            if desk.feed.behind(symbol, told, start, end, asked):
                return False
            if desk.feed.waits_for(symbol, start):
                desk.feed.repaired(symbol, told, start, end, asked)
            elif desk.ledger.lacks(symbol, start, end):
                await self._mend(symbol, told, start, end, asked)
            desk.ledger.close(symbol, start, end, desk.feed.market_time)
        log.info("repaired", exchange=desk.info.name, symbol=symbol, start=start, end=end, traded=len(told))
        desk.flush()
        self.look_again(symbol, start, end)
        return True

    async def _mend(self, symbol: str, told: Candles, start: int, end: int, asked: int) -> None:
        """Put what REST tells in the place of buckets that were given up as missing."""
        if self._desk.feed.next_open(symbol) < end:
            raise ExchangeUnreachableError("the buckets around a hole are not there yet")
        self._desk.flush()
        held = self._desk.held(symbol, start)
        price = held["close"] if held is not None else 1.0
        corrected = explicit(told, self._desk.table.base, start, end, price, asked)
        if len(corrected):
            await self._revise(symbol, corrected)

    def look_again(self, symbol: str, start: int, end: int) -> None:
        """Ask again for buckets in [start, end) (ms) that are quiet because REST did not tell of them.

        A minute after the close, and where the symbol is traded in most buckets twice more, much later.
        """
        absent = self._absent(symbol, start, end)
        if len(absent):
            self._explain_outage(absent)
        length = self._desk.table.base.milliseconds
        young = absent[absent + length + LOOKS[0] > self._desk.feed.market_time]
        odd = absent if self._is_busy(symbol) else young
        if len(odd):
            first, last = int(odd[0]), int(odd[-1]) + length
            self._desk.work(symbol, "is to be asked for again", lambda: self._looked(symbol, first, last))

    async def _looked(self, symbol: str, start: int, end: int) -> None:
        for delay in LOOKS:
            await self._compare(symbol, start, end, Cause.LATE, delay)
            if not len(self._absent(symbol, start, end)) or not self._is_busy(symbol):
                return

    def _absent(self, symbol: str, start: int, end: int) -> NDArray[np.int64]:
        """Return the buckets (ms) of [start, end) that are quiet by REST's word."""
        bars = self._desk.bars(symbol, start, end)
        by_rest = bars[(bars.state == CandleState.QUIET) & (bars.source == CandleSource.REST)]
        return by_rest.time

    def _is_busy(self, symbol: str) -> bool:
        """Say whether a symbol is traded in most buckets."""
        states = self._desk.bars(symbol, 0, FOR_EVER).state[-BUSY:]
        return bool((states == CandleState.TRADED).sum() * 2 > len(states))

    def _explain_outage(self, absent: NDArray[np.int64]) -> None:
        """Enter buckets in which REST knows of no trade in any symbol as an outage of the exchange."""
        desk, length = self._desk, self._desk.table.base.milliseconds
        columns = [desk.table.columns[symbol] for symbol in desk.loaded]
        if len(columns) < FEWEST_FOR_OUTAGE:
            return
        dead = [time for time in absent.tolist() if self._is_dead(time, columns)]
        for start, end in runs(dead, length):
            for symbol in desk.loaded:
                desk.ledger.explain(symbol, start, end, Cause.EXCHANGE_OUTAGE, desk.feed.market_time)

    def _is_dead(self, time: int, columns: list[int]) -> bool:
        """Say whether a bucket (ms) is quiet by REST's word in all of some columns."""
        bars = self._desk.table.base_bars(time, columns)
        quiet = (bars["state"] == CandleState.QUIET) & (bars["source"] == CandleSource.REST)
        return bool((quiet & (bars["time"] == time)).all())

    # -- doubts ---------------------------------------------------------------------------------------

    async def _settle(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Compare doubted buckets until REST tells of all that was traded; find out who has gone deaf."""
        for delay in (REST_DELAY, *LOOKS):
            wrong = await self._compare(symbol, start, end, cause, delay)
            if wrong and cause is Cause.LATE:
                self._desk.feed.deaf(symbol)
                self.silent(symbol)
            bars = self._desk.bars(symbol, start, end)
            if bars.confirmed.all():
                return

    async def _compare(self, symbol: str, start: int, end: int, cause: Cause, delay: int) -> bool:
        """Read closed buckets from REST; revise those that it tells otherwise, confirm the others."""
        await self._known_at_rest(end, delay)
        desk = self._desk
        async with desk.changing[symbol]:
            asked = desk.feed.market_time
            told = await desk.loading.read(symbol, start, end)
            desk.flush()
            known = told[~self._lags(symbol, told)] if delay < REST_KNOWS else told
            differs = np.array([self._differs(symbol, candle) for candle in known.rows()], np.bool_)
            desk.confirm(symbol, self._agreed(symbol, known[~differs], start, end, asked))
            wrong = known[differs]
            if not len(wrong):
                return False
            first, last = int(wrong.time[0]), int(wrong.time[-1]) + desk.table.base.milliseconds
            holes = desk.ledger.found(symbol, first, last, cause, desk.feed.market_time)
            # All at once: what the half of a correction would say is nothing that anybody should be told.
            await self._revise(symbol, wrong, holes)
            desk.ledger.keep(holes)
            return True

    def _lags(self, symbol: str, told: Candles) -> NDArray[np.bool_]:
        """Say of which candles REST tells less than the stream did: it has not caught up with them."""
        held = [self._desk.held(symbol, time) for time in told.time.tolist()]
        volumes = np.array([bar["volume"] if bar is not None else 0.0 for bar in held])
        lags: NDArray[np.bool_] = told.volume < volumes * (1 - 1e-9)
        return lags

    def _agreed(self, symbol: str, told: Candles, start: int, end: int, asked: int) -> NDArray[np.int64]:
        """Return the buckets (ms) that REST settles: those that it tells alike, old ones that it does not."""
        bars = self._desk.bars(symbol, start, end)
        old = bars.time <= asked - REST_KNOWS - self._desk.table.base.milliseconds
        quiet = (bars.state == CandleState.QUIET) & old
        return bars[quiet | np.isin(bars.time, told.time)].time

    def _cross_check(self, timeframe: Timeframe, told: BarUpdate) -> None:
        """Doubt our bars where the exchange's own longer one knows of more."""
        desk, end = self._desk, told.time + timeframe.milliseconds
        if told.symbol not in desk.loaded or desk.feed.next_open(told.symbol) < end:
            return
        desk.flush()
        ours = desk.bars(told.symbol, told.time, end)
        if not _within(told, ours[ours.state == CandleState.TRADED]):
            log.warning("the exchange's longer bar knows of more", symbol=told.symbol, time=told.time)
            self.doubted(told.symbol, told.time, end, Cause.SEQUENCE_GAP)

    def _differs(self, symbol: str, told: BarUpdate | Candle) -> bool:
        """Say whether a bucket is told otherwise than it was closed, and not merely earlier."""
        held = self._desk.held(symbol, told.time)
        if held is None or told.volume == held["volume"] == 0:
            return False
        if isinstance(told, BarUpdate) and not told.closed and told.volume < held["volume"]:
            return False
        return any(getattr(told, name) != held[name] for name in PRICES)

    async def _correct(self, symbol: str, update: BarUpdate) -> None:
        async with self._desk.changing[symbol]:
            if self._differs(symbol, update):
                values = ([getattr(update, name)] for name in ("time", *PRICES))
                corrected = Candles.of(*values, source=CandleSource.STREAM, confirmed=update.closed)
                await self._revise(symbol, corrected)
            self._correcting[symbol].discard(update.time)

    async def _revise(self, symbol: str, corrected: Candles, holes: Sequence[Hole] = ()) -> None:
        """Revise closed bars; when that fails, the symbol goes on as it was.

        What seemed wrong may agree when it is looked at again, and nothing else would let it go.
        """
        try:
            await self._desk.loading.revise(symbol, corrected, holes)
        except BaseException:
            self._desk.feed.go_on(symbol)
            raise

    # -- waiting --------------------------------------------------------------------------------------

    async def _known_at_rest(self, end: int, delay: int) -> None:
        """Wait until it is so long (ms of market time) after the buckets that opened before a time (ms)."""
        feed, began = self._desk.feed, self._clock.monotonic()
        while feed.market_time < end + delay and self._clock.monotonic() - began < 2 * delay / 1000:
            # Market time may run faster than ours, so the wait cannot be slept in one piece.
            await self._clock.sleep(STEP if delay <= REST_DELAY else LONG_STEP)

    async def _subscribe_again(self) -> None:
        await self._clock.sleep(GATHERED)
        symbols, self._silent = self._desk.same_book(self._silent), set()
        if self.stream is None:
            return
        log.warning("subscribing again", exchange=self._desk.info.name, symbols=symbols)
        with suppress(LivermoreError):  # a connection that is lost tells so itself
            await self.stream.unsubscribe(symbols)
            await self.stream.subscribe(symbols)
        self._desk.feed.subscribed(symbols)


def runs(times: list[int], length: int) -> Iterator[tuple[int, int]]:
    """Yield the spans [start, end) (ms) that buckets make which follow one another."""
    begun = None
    for time, following in zip_longest(times, times[1:]):
        begun = time if begun is None else begun
        if following != time + length:
            yield begun, time + length
            begun = None


def _within(told: BarUpdate, ours: Candles) -> bool:
    """Say whether our traded bars hold all that a longer bar tells of."""
    if not len(ours):
        return False
    reached = told.high <= ours.high.max() and told.low >= ours.low.min()
    return bool(reached and told.volume <= ours.volume.sum() * (1 + 1e-9))
