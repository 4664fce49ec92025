"""The trades of one product, as far as its newest three buckets need them."""

from __future__ import annotations

from decimal import Decimal

from livermore.adapters.exchanges.coinbase.ids import KnownIds
from livermore.adapters.exchanges.coinbase.times import milliseconds, span
from livermore.adapters.exchanges.coinbase.wire import Trade
from livermore.market.candle import BarUpdate

KEPT = 3
FINEST = 18
EXACT = 2.0**53


class Bucket:
    """A bar in the making, with its volume in units."""

    __slots__ = (
        "close",
        "first_id",
        "high",
        "last_id",
        "low",
        "open",
        "spoilt",
        "time",
        "touched",
        "units",
        "whole",
    )

    def __init__(self, time: int, number: int, price: float) -> None:
        self.time = time
        self.open = self.high = self.low = self.close = price
        self.first_id = self.last_id = number
        self.units = 0
        self.whole = False
        self.spoilt = False
        self.touched = False

    def add(self, number: int, price: float, units: int) -> None:
        """Count a trade that is not known."""
        if number > self.last_id:
            self.last_id, self.close = number, price
        elif number < self.first_id:
            self.first_id, self.open = number, price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.units += units
        self.touched = True


class Tape:
    """Put trades where they belong, and know which are missing.

    What `Trades` writes itself, the next trade of the running bucket, is public: it is the common case.
    """

    __slots__ = (
        "_buckets", "_ids", "_length", "_scale", "begin", "changed", "end", "factor", "is_shaken",
        "next_id", "product", "running",
    )  # fmt: skip

    def __init__(self, product: str, length: int) -> None:
        self.product = product
        self._length = length
        self._ids = KnownIds()
        self._scale = 1
        self.factor = 1.0
        self._buckets: list[Bucket] = []
        self.running = Bucket(0, -1, 0.0)
        self.begin = self.end = ""
        self.next_id = -1
        self.changed = False
        self.is_shaken = False

    def take(self, trade: Trade, latest: int) -> bool:
        """Take any trade; return False for one that cannot be, as it is none of before `latest` (ms)."""
        self.is_shaken = True
        try:
            time = milliseconds(trade.time)
        except ValueError:
            return False
        if time > latest:
            return False
        self._catch_up()
        if self._ids.take(trade.trade_id):
            bucket = self._bucket(time - time % self._length, trade)
            if bucket is not None:
                bucket.add(trade.trade_id, trade.price, self._units(trade.size))
        for bucket in self._buckets:
            bucket.spoilt |= bucket.last_id > self._ids.last  # it holds a trade whose id was taken back
        self.next_id = self._ids.last + 1
        return True

    def bars(self) -> list[BarUpdate]:
        """Return the bars that have changed since the last call, oldest first."""
        self._catch_up()
        self._judge()
        changed = [bucket for bucket in self._buckets if bucket.touched]
        for bucket in changed:
            bucket.touched = False
        return [self._bar(bucket) for bucket in changed]

    def running_bar(self) -> BarUpdate:
        """Return the running bar, when nothing has come but its next trades."""
        bucket = self.running
        bucket.last_id = self._ids.last = last_id = self.next_id - 1
        return BarUpdate(
            symbol=self.product, time=bucket.time, open=bucket.open, high=bucket.high, low=bucket.low,
            close=bucket.close, volume=bucket.units / self._scale, first_id=bucket.first_id,
            last_id=last_id, whole=bucket.whole,
        )  # fmt: skip

    def recall(self) -> None:
        """Have the newest bar told again, whether or not it changes."""
        self.is_shaken = True
        self.running.touched = True

    def finer_units(self, size: float) -> int:
        """Return a size in units; where they are too coarse for it, all is counted in finer ones."""
        exact = Decimal(repr(size))
        exponent = exact.as_tuple().exponent
        decimals = min(FINEST, -exponent if isinstance(exponent, int) else 0)
        if 10**decimals > self._scale:
            for bucket in self._buckets:
                bucket.units *= 10**decimals // self._scale
            self._scale = 10**decimals
            self.factor = float(self._scale)
        return int(exact * self._scale)

    def _units(self, size: float) -> int:
        units = round(size * self.factor)
        return units if units / self.factor == size and units <= EXACT else self.finer_units(size)

    def _catch_up(self) -> None:
        """Take note of the running bucket's trades that were put there without us."""
        if self._ids.last < self.next_id - 1:
            self.running.last_id = self._ids.last = self.next_id - 1
            self.running.touched = True

    def _judge(self) -> None:
        """Say of every bar whether trades are known to be missing in it or right beside it."""
        self.is_shaken = False
        for bucket in self._buckets:
            whole = not bucket.spoilt and self._ids.is_whole(bucket.first_id, bucket.last_id)
            bucket.touched |= whole != bucket.whole
            bucket.whole = whole

    def _bar(self, bucket: Bucket) -> BarUpdate:
        return BarUpdate(
            symbol=self.product, time=bucket.time, open=bucket.open, high=bucket.high, low=bucket.low,
            close=bucket.close, volume=bucket.units / self._scale, first_id=bucket.first_id,
            last_id=bucket.last_id, whole=bucket.whole,
        )  # fmt: skip

    def _bucket(self, opened: int, trade: Trade) -> Bucket | None:
        """Return the bucket that opened at a time, begun if need be; None for one that was let go of."""
        place = len(self._buckets)
        while place and self._buckets[place - 1].time > opened:
            place -= 1
        if place and self._buckets[place - 1].time == opened:
            return self._buckets[place - 1]
        if not place and len(self._buckets) == KEPT:
            return None
        bucket = Bucket(opened, trade.trade_id, trade.price)
        self._buckets.insert(place, bucket)
        if len(self._buckets) > KEPT:
            del self._buckets[0]
            self._ids.forget(min(kept.first_id for kept in self._buckets))
        self._run_newest()
        return bucket

    def _run_newest(self) -> None:
        self.running = self._buckets[-1]
        self.begin, self.end = span(self.running.time, self._length)
