"""All series of one exchange as arrays: a ring of the newest bars for each, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.errors import NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import ClosedBars, Series

RING = 1_024
NEVER = -1
Rows = NDArray[np.intp]

_FIELDS = ("open", "high", "low", "close", "volume", "state", "source", "confirmed")
_TYPES: dict[str, Any] = {
    "time": np.int64, "open": np.float64, "high": np.float64, "low": np.float64, "close": np.float64,
    "volume": np.float64, "state": np.int8, "source": np.int8, "confirmed": np.bool_,
}  # fmt: skip


class SeriesTable:
    """Hold the newest bars of every series of an exchange, as a structure of arrays.

    A symbol has a column (one that nobody has is named ""); a series has a row number,
    `column * len(timeframes) + position of its timeframe`, so that all series of a symbol are neighbours and
    a new symbol moves nobody. Each field is an array
    [timeframe, ring, column]: the bar that opened at `time` lies in slot `time / length % ring`. Bars that
    close at one instant so lie side by side, and slots that are never reached take no memory.
    """

    def __init__(
        self, exchange: str, timeframes: Sequence[Timeframe], *, symbols: int = 16, ring: int = RING
    ) -> None:
        self.exchange = exchange
        self.timeframes = tuple(sorted(timeframes, key=lambda timeframe: timeframe.milliseconds))
        self.base = self.timeframes[0]
        self.ring = ring
        self.symbols: list[str] = []
        self.columns: dict[str, int] = {}
        self._free: list[int] = []
        self.width = len(self.timeframes)
        self.capacity = max(symbols, 1) * self.width
        self.fields = {name: self.new_field(kind) for name, kind in _TYPES.items()}
        self.newest = np.full(self.capacity, NEVER, np.int64)
        self._lay_out()

    def add(self, symbol: str) -> int:
        """Give a symbol a column, or return the one that it has."""
        if symbol not in self.columns:
            column = self._free.pop() if self._free else self._new_column()
            self.columns[symbol], self.symbols[column] = column, symbol
        return self.columns[symbol]

    def drop(self, symbol: str) -> None:
        """Forget a symbol and its bars; the next new one gets its column."""
        column = self.columns.pop(symbol)
        self.symbols[column] = ""
        for field in self.fields.values():
            field[:, :, column] = 0
        self.newest[column * self.width : (column + 1) * self.width] = NEVER
        self._free.append(column)

    def row(self, symbol: str, timeframe: Timeframe) -> int:
        """Return the row of a series; raise NotFoundError for one that is not held."""
        column = self.columns.get(symbol)
        if column is None or timeframe not in self.timeframes:
            raise NotFoundError(
                f"{symbol} {timeframe} is not watched on {self.exchange}",
                hint="see the watched symbols and timeframes with: livermore status",
            )
        return column * self.width + self.timeframes.index(timeframe)

    def series(self, row: int) -> Series:
        """Name the series of a row."""
        column, position = divmod(row, self.width)
        return Series(self.exchange, self.symbols[column], self.timeframes[position])

    def clear(self, row: int) -> None:
        """Forget the bars of one series."""
        for field in self.fields.values():
            self.line(field, row).fill(0)
        self.newest[row] = NEVER

    def places(self, rows: Rows, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where in a flattened field the bars of some rows lie."""
        places: NDArray[np.int64] = self._firsts[rows] + time // self.lengths[rows] % self.ring * self._stride
        return places

    def new_field(self, kind: Any) -> NDArray[Any]:
        """Return an array [timeframe, ring, column] of zeros."""
        return np.zeros((self.width, self.ring, self.capacity // self.width), kind)

    def line(self, field: NDArray[Any], row: int) -> NDArray[Any]:
        """Return the ring of one series in a field, as a view."""
        column, position = divmod(row, self.width)
        line: NDArray[Any] = field[position, :, column]
        return line

    def write(self, bars: ClosedBars) -> None:
        """Put bars that closed at one instant into their slots."""
        places = self.places(bars.rows, bars.time)
        self.fields["time"].ravel()[places] = bars.time
        for name in _FIELDS:
            self.fields[name].ravel()[places] = getattr(bars, name)
        self.newest[bars.rows] = np.maximum(self.newest[bars.rows], bars.time)

    def load(self, row: int, candles: Candles) -> None:
        """Put many bars of one series into their slots, the newest of which stay."""
        part = candles[-self.ring :]
        if not len(part):
            return
        slots = part.time // int(self.lengths[row]) % self.ring
        for name, field in self.fields.items():
            self.line(field, row)[slots] = getattr(part, name)
        self.newest[row] = max(int(self.newest[row]), int(part.time[-1]))

    def base_bars(self, time: int, columns: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Return the fields of the base bars in the slot of a time (ms), one place a column."""
        slot = time // self.base.milliseconds % self.ring
        return {name: field[0, slot, columns] for name, field in self.fields.items()}

    def confirm(self, row: int, times: NDArray[np.int64]) -> None:
        """Mark the bars that opened at some times (ms), as far as the ring holds them, as confirmed."""
        held = np.isin(self.line(self.fields["time"], row), times)
        self.line(self.fields["confirmed"], row)[held] = True

    def candles(self, row: int) -> Candles:
        """Return the bars that the ring holds of a series, oldest first."""
        slots = oldest_first(self.line(self.fields["time"], row))
        return Candles(**{name: self.line(field, row)[slots] for name, field in self.fields.items()})

    def held(self, row: int, time: int) -> dict[str, Any] | None:
        """Return the fields of the bar that opened at a time; None when the ring does not hold it."""
        slot = time // int(self.lengths[row]) % self.ring
        bar = {name: self.line(field, row)[slot].item() for name, field in self.fields.items()}
        return bar if bar["time"] == time else None

    def _lay_out(self) -> None:
        """Work out, for each row, the length of its bars and where its ring begins in a flattened field."""
        self._stride = self.capacity // self.width
        rows = np.arange(self.capacity)
        lengths = np.array([timeframe.milliseconds for timeframe in self.timeframes], np.int64)
        self.lengths = lengths[rows % self.width]
        self._firsts = rows % self.width * self.ring * self._stride + rows // self.width

    def _new_column(self) -> int:
        if (len(self.symbols) + 1) * self.width > self.capacity:
            self._grow()
        self.symbols.append("")
        return len(self.symbols) - 1

    def _grow(self) -> None:
        """Double the number of columns; every row keeps its number."""
        self.newest = np.concatenate([self.newest, np.full(self.capacity, NEVER, np.int64)])
        self.capacity *= 2
        self.fields = {
            name: widened(field, self.capacity // self.width) for name, field in self.fields.items()
        }
        self._lay_out()


def oldest_first(times: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the slots of a ring that hold bars, in the order of their times; 0 marks an empty one."""
    held = np.flatnonzero(times)
    return held[np.argsort(times[held])]


def widened(field: NDArray[Any], capacity: int) -> NDArray[Any]:
    """Return a copy of an array [.., n] with room for more at the end, zeros in the new places."""
    wider = np.zeros((*field.shape[:-1], capacity), field.dtype)
    wider[..., : field.shape[-1]] = field
    return wider
