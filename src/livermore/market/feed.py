"""From a stream's updates to closed base bars, in order, with nothing partial and nothing skipped.

Each symbol is a lane. Its buckets close one after the other: when the exchange says so, when its next
bucket begins, or by market time (end + grace). A bucket of which the lane cannot be sure is asked of
REST; what closes meanwhile is held back until the answer, so that every series only ever moves forward.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import attrgetter

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import REST_KNOWS, explicit
from livermore.market.candle import BarUpdate, Candles, CandleSource, CandleState, is_sound
from livermore.market.closed import ClosedBar
from livermore.market.findings import FeedOwner
from livermore.market.lane import PATIENCE, Lane
from livermore.market.ports import Cause
from livermore.market.symbol import Ticker
from livermore.market.wire import Wire

REST_DELAY = 5_000
SILENCE = 10_000
LONGEST_WAIT = 300_000
MOST_PATIENCE = 60
log = logger("market")


class Feed:
    """Take the updates of one exchange's stream; hand out closed base bars."""

    def __init__(self, base: Timeframe, clock: Clock, owner: FeedOwner) -> None:
        self._length = base.milliseconds
        self._base = base
        self._clock = clock
        self._owner = owner
        self.lanes: dict[str, Lane] = {}
        self._closed: list[ClosedBar] = []
        self._dialled = (0.0, 0)
        self._dark = False
        self._wires: list[Wire] = []
        self._known_time = 0
        self._past_frames = 0
        self.tickers: dict[str, Ticker] = {}
        self.skips: dict[str, int] = {}

    @property
    def market_time(self) -> int:
        """Return the exchange's time (ms), as far as any connection has told it."""
        for wire in self._wires:
            if wire.market_time > self._known_time:
                self._known_time = wire.market_time
        return self._known_time

    @property
    def frames(self) -> int:
        """Return how many frames have been heard."""
        return self._past_frames + sum(wire.frames for wire in self._wires)

    # -- what the stream tells, through its wires -----------------------------------------------------

    def wire(self) -> Wire:
        """Open the sink of one connection."""
        wire = Wire(self, self._base)
        self._wires.append(wire)
        return wire

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Take the newest state of a base bucket from a stream of one connection."""
        self._only.bar(update, event_time)

    def ticker(self, ticker: Ticker) -> None:
        """Take a price from a stream of one connection."""
        self._only.ticker(ticker)

    def beat(self, event_time: int) -> None:
        """Take a sign of life from a stream of one connection."""
        self._only.beat(event_time)

    def gap(self) -> None:
        """Take note that a stream of one connection lost frames."""
        self._only.gap()

    @property
    def _only(self) -> Wire:
        return self._wires[0] if self._wires else self.wire()

    def turn(self, lane: Lane, update: BarUpdate) -> None:
        """Take an update of another bucket than the running one."""
        running = lane.running
        if update.time < lane.next_open:
            self._check(lane, update)
            return
        if lane.ready and lane.untraded and update.volume == 0:
            return
        if running is not None:
            if update.time < running.time:
                return
            self._leave(lane, running, update)
        if lane.mute:
            lane.mute = False
            lane.distrust(update.time, Cause.LATE)
        lane.running = update
        if lane.ready:
            self._enter(lane, update)
        if update.closed:
            self.finish(lane, confirmed=True)

    def finish(self, lane: Lane, *, confirmed: bool) -> None:
        """Close the running bucket, unless it is not known to be whole and true: then REST is asked."""
        update, lane.running = lane.running, None
        if update is None:
            return
        if not is_sound(update):
            lane.distrust(update.time + self._length, Cause.SEQUENCE_GAP)
            self.skipped("unsound bar", f"{update.symbol} {update.time}")
        elif not update.whole:
            self._set_aside(lane, update)
        elif lane.ready and self._bridge(lane, update):
            self._close(lane, update, confirmed)
        else:
            lane.held.append((update, confirmed))

    def price(self, ticker: Ticker) -> None:
        """Keep a price; when prices move for ten seconds and no bar says so, the bars have stopped."""
        lane = self.lanes.get(ticker.symbol)
        if lane is None:
            # It has left, and the exchange does not know yet: should it come back, this price is an old one.
            return
        self.tickers[ticker.symbol] = ticker
        if not lane.ready or lane.untraded:
            return
        known = lane.running.close if lane.running is not None else lane.last_close
        if ticker.price == known:
            lane.silent_since = -1
        elif lane.silent_since < 0:
            lane.silent_since = ticker.time
        elif ticker.time - lane.silent_since >= SILENCE:
            self._stopped(lane)

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Hand a longer bar of the exchange's own on."""
        if update.symbol in self.lanes:
            self._owner.longer(timeframe, update)

    def lost(self, wire: Wire) -> None:
        """Be sure of no running bucket of a connection that lost frames, before its ids have gone on."""
        until = self._base.bucket(wire.market_time) + self._length
        for lane in self.lanes.values():
            if lane.wire is wire or lane.wire is None:
                lane.gap = until

    def heard_first(self, wire: Wire, event_time: int) -> None:
        """Note where a connection begins: the bucket that runs then may have begun without it."""
        first_whole = self._base.bucket(event_time) + self._length
        for lane in self.lanes.values():
            if lane.wire is None or lane.wire is wire:
                lane.distrust(first_whole, Cause.DISCONNECTED)

    def skipped(self, kind: str, detail: str) -> None:
        """Count a frame that could not be read; the first of each kind is logged."""
        self.skips[kind] = self.skips.get(kind, 0) + 1
        if self.skips[kind] == 1:
            log.warning("frame skipped", kind=kind, detail=detail)

    # -- what the desk tells ----------------------------------------------------------------------

    def watch(self, symbol: str, column: int) -> None:
        """Open a lane; its bars are held until `begin`."""
        self.lanes.setdefault(symbol, Lane(symbol, column))

    def forget(self, symbol: str) -> None:
        """Close a lane."""
        self.lanes.pop(symbol, None)
        self.tickers.pop(symbol, None)

    def connected(self, since: int) -> None:
        """Begin a connection: buckets that opened before `since` (ms) are not sure by it."""
        self._let_wires_go()
        self._dark = False
        self._dialled = (self._clock.monotonic(), since)
        first_whole = self._base.bucket(since) + self._length
        for lane in self.lanes.values():
            lane.distrust(first_whole, Cause.DISCONNECTED)
            lane.mute = False

    def dark(self, time: int) -> None:
        """Take the exchange's time (ms) while no connection tells it: REST is asked for what ends."""
        if not self._dark:
            self._let_wires_go()
            self._dark = True
            for lane in self.lanes.values():
                lane.mute = True
        self._only.market_time = max(time, self.market_time)

    def expected(self) -> int:
        """Return the exchange's time (ms) by what it was at the dial; 0 if nobody knows."""
        dialled, since = self._dialled
        return since and since + int((self._clock.monotonic() - dialled) * 1000)

    def subscribed(self, symbols: Collection[str] | None = None) -> None:
        """Note that some lanes (else all) are subscribed only now: what ran until here is not sure."""
        # Nothing may have been heard yet, so the time that has passed here counts as well.
        now = max(self.market_time, self.expected())
        first_whole = self._base.bucket(now) + self._length
        for symbol in self.lanes.keys() if symbols is None else self.lanes.keys() & symbols:
            self.lanes[symbol].distrust(first_whole, Cause.DISCONNECTED)

    def pause(self, symbol: str) -> int:
        """Hold a lane's bars until `begin`; return the open (ms) of the bucket that it goes on with."""
        lane = self.lanes[symbol]
        lane.ready, lane.hole = False, None
        return lane.next_open

    def begin(self, symbol: str, next_open: int, last_close: float) -> None:
        """Let a lane go: all before `next_open` (ms) is known, `last_close` is the price it ended at."""
        lane = self.lanes.get(symbol)
        if lane is None:
            return
        lane.next_open, lane.last_close = next_open, last_close
        self._release(lane)

    def go_on(self, symbol: str) -> None:
        """Let a lane go that was held, from where it was."""
        lane = self.lanes.get(symbol)
        if lane is not None and not lane.ready:
            self._release(lane)

    def waits_for(self, symbol: str, start: int) -> bool:
        """Say whether a lane is held at the bucket that opens at a time (ms)."""
        lane = self.lanes.get(symbol)
        return lane is not None and not lane.ready and lane.next_open == start

    def behind(self, symbol: str, told: Candles, start: int, end: int, asked: int) -> bool:
        """Say whether REST, `asked` at a market time (ms), knew less of [start, end) than the stream told.

        It may for a minute.
        """
        lane = self.lanes.get(symbol)
        if lane is None or asked >= end + REST_KNOWS:
            return False
        known = dict(zip(told.time.tolist(), told.volume.tolist(), strict=True))
        return any(
            known.get(time, 0.0) < volume * (1 - 1e-9)
            for time, volume in lane.partial.items()
            if start <= time < end
        )

    def repaired(self, symbol: str, candles: Candles, start: int, end: int, asked: int) -> None:
        """Take what REST says of the buckets in [start, end) when it was `asked` (market time, ms).

        Absent means quiet, and is proven when the bucket had ended a minute before the question.
        """
        lane = self.lanes.get(symbol)
        if lane is None or lane.next_open != start:
            return
        for candle in explicit(candles, self._base, start, end, lane.last_close, asked).rows():
            self._push(
                lane, candle.time, (candle.open, candle.high, candle.low, candle.close, candle.volume),
                candle.state, CandleSource.REST, candle.confirmed,
            )  # fmt: skip
        # Before a symbol's first trade there is nothing to push, and still the range is known.
        self._go_on(lane, end)

    def running(self, symbol: str) -> BarUpdate | None:
        """Return the running bucket of a symbol."""
        lane = self.lanes.get(symbol)
        return lane.running if lane is not None else None

    def next_open(self, symbol: str) -> int:
        """Return the open (ms) of the bucket that closes next; -1 before a symbol's history is there."""
        lane = self.lanes.get(symbol)
        return lane.next_open if lane is not None else -1

    def deaf(self, symbol: str) -> None:
        """Take note that a symbol's bars do not come: REST is asked until they do."""
        lane = self.lanes.get(symbol)
        if lane is not None and lane.running is None:
            lane.mute, lane.patience = True, PATIENCE

    def waiting(self) -> list[str]:
        """Return the symbols that wait for their history or a repair."""
        return [lane.symbol for lane in self.lanes.values() if not lane.ready]

    def take(self) -> list[ClosedBar]:
        """Return the bars that closed since the last call, in the order of buckets, then columns."""
        closed, self._closed = self._closed, []
        closed.sort(key=attrgetter("time", "column"))
        return closed

    def tick(self) -> None:
        """Close by market time what has ended, where the connection makes it sure."""
        now = self._clock.monotonic()
        for wire in self._wires:
            wire.tick(now)
        # A symbol that was never heard may be on the slowest connection.
        slowest = min((wire.ended for wire in self._wires), default=-1)
        for lane in self.lanes.values():
            ended = lane.wire.ended if lane.wire is not None else slowest
            while lane.ready and -1 < lane.next_open <= ended:
                if not self._close_by_clock(lane):
                    break
            if lane.hole is not None and self.market_time - lane.waits_since > LONGEST_WAIT:
                self._give_up(lane, *lane.hole)

    def _let_wires_go(self) -> None:
        """Forget connections: what was heard before a cut may lack its last trades."""
        self._known_time, self._past_frames = self.market_time, self.frames
        self._wires.clear()
        for lane in self.lanes.values():
            lane.running, lane.wire, lane.gap = None, None, -1

    # -- lanes ------------------------------------------------------------------------------------

    def _stopped(self, lane: Lane) -> None:
        """Ask REST for a lane's buckets until bars come again."""
        if lane.running is not None:
            log.warning("bars have stopped while prices move", symbol=lane.symbol)
            self._owner.silent(lane.symbol)
        # What was heard of the running bucket is not all of it; REST is asked until bars come again.
        lane.running, lane.mute = None, True

    def _leave(self, lane: Lane, running: BarUpdate, update: BarUpdate) -> None:
        """Close the running bucket, because the next one has begun, or have it asked of REST."""
        chained = update.first_id == running.last_id + 1 > 0
        broken = running.last_id >= 0 and update.first_id >= 0 and not chained
        if broken or not running.whole or (lane.gap > running.time and not chained):
            self._set_aside(lane, running)
            lane.distrust(update.time, Cause.SEQUENCE_GAP)
            if lane.ready:
                self._ask(lane, lane.next_open, update.time, Cause.SEQUENCE_GAP)
            return
        if chained:
            lane.gap = -1
        self.finish(lane, confirmed=chained)

    def _set_aside(self, lane: Lane, update: BarUpdate) -> None:
        """Remember how much a bucket that lacks trades had at least, and leave it to REST."""
        lane.running = None
        lane.partial[update.time] = update.volume
        lane.distrust(update.time + self._length, Cause.SEQUENCE_GAP)

    def _enter(self, lane: Lane, update: BarUpdate) -> None:
        """Begin a bucket: what lies before is quiet or asked, its ids prove or doubt what has closed."""
        if self._bridge(lane, update):
            self._link(lane, update)
            if update.whole:
                lane.gap = -1

    def _close(self, lane: Lane, update: BarUpdate, confirmed: bool) -> None:
        if update.volume == 0:
            self._quiet(lane, confirmed=confirmed)
            return
        self._link(lane, update)
        lane.last_id = update.last_id
        lane.quiet_run = 0
        prices = (update.open, update.high, update.low, update.close, update.volume)
        self._push(lane, update.time, prices, CandleState.TRADED, CandleSource.STREAM, confirmed)

    def _link(self, lane: Lane, update: BarUpdate) -> None:
        """Hold an update's ids against the last known trade: they prove what has closed, or doubt it."""
        if update.first_id < 0:
            return
        if update.first_id != lane.last_id + 1:
            self._doubt_closed(lane)
        elif lane.unconfirmed >= 0:
            self._owner.proven(lane.symbol, lane.unconfirmed, lane.next_open)
        lane.unconfirmed = -1

    def _doubt_closed(self, lane: Lane, cause: Cause = Cause.SEQUENCE_GAP) -> None:
        """Have the closed buckets that nothing has confirmed compared with REST."""
        if lane.unconfirmed >= 0:
            self._owner.doubted(lane.symbol, lane.unconfirmed, lane.next_open, cause)
            lane.unconfirmed = -1

    def _bridge(self, lane: Lane, update: BarUpdate) -> bool:
        """Make the buckets up to an update quiet, if that is sure; else ask REST."""
        if update.time <= lane.next_open:
            return True
        chained = lane.chained(update.first_id)
        unbroken = -1 < max(lane.sure_from, lane.gap) <= lane.next_open and update.whole
        # Where a market begins, a trade may have been missed and no id can tell: REST is asked.
        if lane.untraded or not (chained or (unbroken and not lane.broken(update.first_id))):
            cause = lane.cause if lane.sure_from > lane.next_open else Cause.SEQUENCE_GAP
            self._ask(lane, lane.next_open, update.time, cause)
            return False
        while lane.next_open < update.time:
            self._quiet(lane, confirmed=chained)
        return True

    def _close_by_clock(self, lane: Lane) -> bool:
        """Close the bucket that has ended; return False when that must wait for news or for REST."""
        running = lane.running
        if self._unsure(lane, running):
            return self._doubt(lane)
        if running is not None and running.time == lane.next_open:
            self.finish(lane, confirmed=False)
            return True
        if lane.untraded:
            return False
        self._quiet(lane, confirmed=False)
        self._grow_impatient(lane)
        return True

    def _unsure(self, lane: Lane, running: BarUpdate | None) -> bool:
        """Say whether what is known of the bucket that has ended may not be all of it."""
        if running is not None and running.time == lane.next_open:
            return not running.whole or lane.gap > lane.next_open
        return lane.mute or max(lane.sure_from, lane.gap) > lane.next_open or lane.sure_from < 0

    def _grow_impatient(self, lane: Lane) -> None:
        """Wonder at a long silence of a symbol, with more patience each time."""
        lane.quiet_run += 1
        if lane.quiet_run >= lane.patience:
            lane.quiet_run, lane.patience = 0, min(2 * lane.patience, MOST_PATIENCE)
            self._doubt_closed(lane, Cause.LATE)

    def _doubt(self, lane: Lane) -> bool:
        """Ask REST for the ended buckets of which nothing is sure, once it can know them."""
        start, end = lane.next_open, self._base.bucket(self.market_time - REST_DELAY)
        running = lane.running
        if running is not None:
            if running.time > start:
                end = min(end, running.time)
            elif end > start:
                self._set_aside(lane, running)
        if end > start and not (lane.untraded and running is None):
            cause = self._cause_of(lane, start)
            self._ask(lane, start, end, cause)
        return False

    def _cause_of(self, lane: Lane, start: int) -> Cause:
        """Say why a bucket that has ended is not known."""
        if self._dark:
            return Cause.DISCONNECTED
        return Cause.LATE if lane.mute else Cause.SEQUENCE_GAP if lane.gap > start else lane.cause

    def _ask(self, lane: Lane, start: int, end: int, cause: Cause) -> None:
        lane.ready = False
        if not lane.untraded:
            # Behind a hole that was given up no bucket is waited for longer than from its own end.
            since = start + self._length if lane.gave_up else self.market_time
            lane.hole, lane.waits_since = (start, end), min(since, self.market_time)
        self._doubt_closed(lane)
        self._owner.repair_wanted(lane.symbol, start, end, cause)

    def _give_up(self, lane: Lane, start: int, end: int) -> None:
        """Wait no longer for a repair: the buckets are missing, and are mended when it comes."""
        price = lane.last_close
        while lane.next_open < end:
            prices = (price, price, price, price, 0.0)
            self._push(
                lane, lane.next_open, prices, CandleState.MISSING, CandleSource.STREAM, confirmed=False
            )
        lane.unconfirmed, lane.gave_up = -1, True
        self._owner.gave_up(lane.symbol, start, end)
        self._go_on(lane, end)

    def _go_on(self, lane: Lane, end: int) -> None:
        """Leave a hole behind: its end is known, its trade ids are not, and the chain begins anew."""
        lane.next_open, lane.last_id = end, -1
        lane.partial = {time: volume for time, volume in lane.partial.items() if time >= end}
        self._release(lane)

    def _release(self, lane: Lane) -> None:
        """Let a lane go on with what it held back."""
        lane.ready, lane.hole = True, None
        held, lane.held = lane.held, []
        for place, (update, confirmed) in enumerate(held):
            if update.time < lane.next_open:
                lane.last_id = max(lane.last_id, update.last_id)
            elif self._bridge(lane, update):
                self._close(lane, update, confirmed)
            else:
                lane.held = held[place:]
                return
        if lane.running is not None:
            if lane.running.time < lane.next_open:
                lane.running = None
            else:
                self._enter(lane, lane.running)

    def _quiet(self, lane: Lane, *, confirmed: bool) -> None:
        """Close a bucket in which nothing was traded."""
        price = lane.last_close
        prices = (price, price, price, price, 0.0)
        self._push(lane, lane.next_open, prices, CandleState.QUIET, CandleSource.STREAM, confirmed)

    def _push(
        self, lane: Lane, time: int, prices: tuple[float, float, float, float, float], state: CandleState,
        source: CandleSource, confirmed: bool,
    ) -> None:  # fmt: skip
        if not self._closed:
            self._owner.bars_ready()
        # A bar that was held back is late, however early it was known: nobody was told of it.
        self._closed.append(ClosedBar(lane.column, time, *prices, state, source, confirmed, self.market_time))
        lane.next_open = time + self._length
        lane.last_close = prices[3]
        lane.gave_up = False
        if not confirmed and source is CandleSource.STREAM and lane.unconfirmed < 0:
            lane.unconfirmed = time

    def _check(self, lane: Lane, update: BarUpdate) -> None:
        """Look at news of a closed bucket: the chain of ids goes on, and what differs is a correction."""
        if not update.whole or (not update.closed and 0 <= update.last_id <= lane.last_id):
            return  # it lacks trades, or is older than what the bucket was closed with
        if update.last_id > lane.last_id and update.time == lane.next_open - self._length:
            lane.last_id = update.last_id
        # First what differs: a bar that is about to be corrected is not proven.
        self._owner.correction(lane.symbol, update)
        if update.closed and update.time == lane.unconfirmed:
            following = update.time + self._length
            lane.unconfirmed = following if following < lane.next_open else -1
            self._owner.proven(lane.symbol, update.time, following)
