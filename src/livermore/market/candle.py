"""A candle: one bucket of a market, and many of them as arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Codes = NDArray[np.int8]


class CandleState(IntEnum):
    """Whether a bucket was traded, was proven quiet, or is not known."""

    QUIET = 0
    TRADED = 1
    MISSING = 2


class CandleSource(IntEnum):
    """Where a candle came from."""

    STREAM = 0
    ROLLUP = 1
    REST = 2
    FILE = 3


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """One closed bucket: open time in ms UTC, prices in the quote asset, volume in the base asset."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: CandleState = CandleState.TRADED
    source: CandleSource = CandleSource.STREAM
    confirmed: bool = False


class BarUpdate(msgspec.Struct, kw_only=True):
    """A whole base bucket as the exchange knows it now; a later update of the same bucket replaces it.

    `closed` is the exchange's own word; `first_id` and `last_id` are the trade ids it spans
    (-1 when the exchange does not tell), by which unbroken chains of buckets are recognised. One that is
    not `whole` is known or feared to lack trades: it may be shown, and is never closed.
    """

    symbol: str
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool = False
    first_id: int = -1
    last_id: int = -1
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Candles of one series as equally long arrays, oldest first."""

    time: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    state: Codes
    source: Codes
    confirmed: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of candles."""
        return len(self.time)

    def __getitem__(self, part: slice | NDArray[Any]) -> Candles:
        """Return the candles of a slice, a mask or an index array."""
        return type(self)(**{field.name: getattr(self, field.name)[part] for field in fields(self)})

    def between(self, start: int, end: int) -> Candles:
        """Return the candles that open in [start, end)."""
        first, last = np.searchsorted(self.time, (start, end))
        return self[first:last]

    def replaced(self, others: Candles) -> Candles:
        """Return these candles with others in the places of those of the same buckets."""
        joined = type(self).joined(self[~np.isin(self.time, others.time)], others)
        return joined[np.argsort(joined.time)]

    def rows(self) -> list[Candle]:
        """Return one `Candle` each."""
        columns = (getattr(self, field.name).tolist() for field in fields(self))
        return [
            Candle(
                time=time, open=open_, high=high, low=low, close=close, volume=volume,
                state=CandleState(state), source=CandleSource(source), confirmed=confirmed,
            )
            for time, open_, high, low, close, volume, state, source, confirmed in zip(*columns, strict=True)
        ]  # fmt: skip

    @classmethod
    def of(
        cls,
        time: Any,
        open: Any,  # noqa: A002 - the market's own word
        high: Any,
        low: Any,
        close: Any,
        volume: Any,
        *,
        state: Any = None,
        source: CandleSource = CandleSource.REST,
        confirmed: bool = True,
    ) -> Self:
        """Build from sequences of numbers; without `state` a zero volume means quiet."""
        times = np.asarray(time, np.int64)
        volumes = np.asarray(volume, np.float64)
        states = (volumes > 0).astype(np.int8) if state is None else np.asarray(state, np.int8)
        return cls(
            time=times,
            open=np.asarray(open, np.float64),
            high=np.asarray(high, np.float64),
            low=np.asarray(low, np.float64),
            close=np.asarray(close, np.float64),
            volume=volumes,
            state=states,
            source=np.full(len(times), source, np.int8),
            confirmed=np.full(len(times), confirmed),
        )

    @classmethod
    def none(cls) -> Self:
        """Return no candles."""
        return cls.of([], [], [], [], [], [])

    @classmethod
    def joined(cls, *parts: Candles) -> Self:
        """Put parts behind one another, which must follow in time."""
        return cls(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            }
        )


def is_sound(update: BarUpdate) -> bool:
    """Say whether a bar can be true: finite positive prices with open and close between low and high."""
    inside = update.low <= update.open <= update.high and update.low <= update.close <= update.high
    return inside and update.low > 0 and update.high < float("inf") and 0 <= update.volume < float("inf")


def sound(candles: Candles) -> NDArray[np.bool_]:
    """Say of each candle what `is_sound` says of a bar."""
    low, high = np.minimum(candles.open, candles.close), np.maximum(candles.open, candles.close)
    inside = (candles.low <= low) & (high <= candles.high) & (candles.low > 0) & (candles.high < np.inf)
    return inside & (candles.volume >= 0) & (candles.volume < np.inf)


def fill_quiet(candles: Candles, timeframe: Timeframe, end: int | None = None) -> Candles:
    """Make every bucket from the first candle to `end` (ms, exclusive) explicit: an absent one is quiet.

    A quiet candle is flat at the previous close, whatever the exchange wrote; its volume is 0.
    """
    if not len(candles):
        return candles
    length = timeframe.milliseconds
    first = int(candles.time[0])
    count = (max(int(candles.time[-1]) + length, end or 0) - first) // length
    if count == len(candles) and (candles.state != CandleState.QUIET).all():
        return candles
    where = (candles.time - first) // length
    states = np.full(count, CandleState.QUIET, np.int8)
    states[where] = candles.state
    last_traded = _last_traded(states)
    columns = {name: _spread(getattr(candles, name), where, count) for name in _COLUMNS}
    quiet = states == CandleState.QUIET
    close = columns["close"][last_traded]
    for name in ("open", "high", "low", "close"):
        columns[name][quiet] = close[quiet]
    columns["volume"][quiet] = 0.0
    absent = np.ones(count, np.bool_)
    absent[where] = False
    columns["source"][absent] = candles.source[0]
    columns["confirmed"][absent] = True
    time = first + np.arange(count, dtype=np.int64) * length
    return Candles(time=time, state=states, **columns)


_COLUMNS = ("open", "high", "low", "close", "volume", "source", "confirmed")


def _last_traded(states: Codes) -> NDArray[np.int64]:
    """Return for each bucket the index of the newest traded bucket up to it (the first one before any)."""
    traded = np.where(states == CandleState.TRADED, np.arange(len(states)), -1)
    newest: NDArray[np.int64] = np.maximum.accumulate(traded)
    return np.maximum(newest, 0)


def _spread(values: NDArray[Any], where: NDArray[np.int64], count: int) -> NDArray[Any]:
    spread = np.zeros(count, values.dtype)
    spread[where] = values
    return spread
