"""What the simulated exchange is fed with: whole bars of some markets, past and to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
UNTOLD = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One traded pair; prices and amounts have so many decimals."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    amount_decimals: int


class Outline(NamedTuple):
    """What a day of a market is usually like: prices, its value in the quote asset, how many trades."""

    open: float
    price: float
    quote_volume: float
    trades: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Whole bars as equally long arrays; a quiet one has no volume and no trade ids (-1)."""

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    first_id: Ints
    last_id: Ints

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.time)

    def __getitem__(self, part: slice | NDArray[Any]) -> Bars:
        """Return the bars of a slice, a mask or an index array."""
        return Bars(**{name: getattr(self, name)[part] for name in COLUMNS})

    def between(self, start: int, end: int) -> Bars:
        """Return the bars that open in [start, end)."""
        first, last = np.searchsorted(self.time, (start, end))
        return self[first:last]

    @classmethod
    def joined(cls, *parts: Bars) -> Bars:
        """Put parts behind one another."""
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})

    @classmethod
    def of(cls, rows: Sequence[tuple[float, ...]]) -> Bars:
        """Build from rows with the columns in order."""
        time, open_, high, low, close, volume, first_id, last_id = (
            zip(*rows, strict=True) if rows else [()] * 8
        )
        return cls(
            time=np.array(time, np.int64),
            open=np.array(open_, np.float64),
            high=np.array(high, np.float64),
            low=np.array(low, np.float64),
            close=np.array(close, np.float64),
            volume=np.array(volume, np.float64),
            first_id=np.array(first_id, np.int64),
            last_id=np.array(last_id, np.int64),
        )

    @classmethod
    def none(cls) -> Bars:
        """Return no bars."""
        return cls.of([])


COLUMNS = tuple(field.name for field in fields(Bars))


class Source(Protocol):
    """Know every bar; the market's clock decides how much of it is told."""

    markets: tuple[Market, ...]
    timeframe: Timeframe
    timeframes: tuple[Timeframe, ...]
    updates_per_bar: int
    first: int
    start: int
    end: int | None
    finished: bool

    def begins(self, symbol: str) -> int:
        """Return the open (ms) of a symbol's first bar of the source's own timeframe."""
        ...

    def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Bars:
        """Return the bars that open in [start, end) (ms); an interval that is not told of is absent."""
        ...

    def outline(self, symbol: str) -> Outline | None:
        """Return what a day is usually like, where bars would have to be made first; None where they are."""
        ...

    def number_every_trade(self) -> None:
        """Number the trades so that every one of them can be told; to be asked for before any bar is."""
        ...


def longer_timeframes(base: Timeframe) -> tuple[Timeframe, ...]:
    """Return a timeframe and those into which it can be rolled up, shortest first."""
    fitting = (timeframe for timeframe in Timeframe if timeframe.milliseconds % base.milliseconds == 0)
    return tuple(sorted(fitting, key=lambda timeframe: timeframe.milliseconds))
