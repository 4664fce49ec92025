"""What must hold of candles and trades; the first row for which it does not is named."""

from __future__ import annotations

import numpy as np

from livermore.adapters.files.columns import Layout
from livermore.adapters.files.problems import Place
from livermore.adapters.files.table import Part
from livermore.kernel.timeframe import Timeframe

PRICES = ("open", "high", "low", "close")
EARLIEST, LATEST = 10**11, 10**14  # ms: 1973 to 5138; seconds and microseconds fall outside
_MILLISECONDS = "times are whole milliseconds UTC, of the bar's open"
_ORDERED = "sort the file by time and keep one row for each"


class Checker:
    """Check one symbol's rows and raise the first problem."""

    def __init__(self, part: Part, layout: Layout, place: Place) -> None:
        self._part = part
        self._layout = layout
        self._place = place

    def candles(self) -> None:
        """Check candles: order, prices that fit together, volumes."""
        self.times()
        columns = self._part.columns
        for name in PRICES:
            self._price(name)
        self._amount("volume")
        hint = "low must be the least and high the greatest of the four prices"
        self._refuse(columns["high"] < columns["low"], "high is below low", "high", hint)
        for name in ("open", "close"):
            outside = (columns[name] > columns["high"]) | (columns[name] < columns["low"])
            self._refuse(outside, f"{name} lies outside low and high", name, hint)
        later = np.diff(columns["time"], prepend=columns["time"][0] - 1)
        self._refuse(later == 0, "the same time twice", "time", _ORDERED)
        self._refuse(later < 0, "earlier than the row before", "time", _ORDERED)

    def trades(self) -> None:
        """Check trades, whose order does not matter."""
        self.times()
        self._price("price")
        self._amount("amount")

    def times(self) -> None:
        """Check that times can be milliseconds."""
        time = self._part.columns["time"]
        self._refuse((time < EARLIEST) | (time > LATEST), "not a time in milliseconds", "time", _MILLISECONDS)

    def aligned(self, timeframe: Timeframe) -> None:
        """Check that every candle opens at a multiple of its length."""
        astray = self._part.columns["time"] % timeframe.milliseconds != 0
        what = f"not the open of a {timeframe} bar"
        self._refuse(
            astray, what, "time", "name the timeframe that the file has, or shift its times to the open"
        )

    def _price(self, name: str) -> None:
        values = self._part.columns[name]
        self._refuse(~np.isfinite(values), "not a finite number", name, "prices are positive numbers")
        self._refuse(values <= 0, "a price of zero or less", name, "prices are positive numbers")

    def _amount(self, name: str) -> None:
        values = self._part.columns[name]
        self._refuse(~np.isfinite(values), "not a finite number", name, "amounts are numbers of zero or more")
        self._refuse(values < 0, "a negative amount", name, "amounts are numbers of zero or more")

    def _refuse(self, wrong: np.typing.NDArray[np.bool_], what: str, column: str, hint: str) -> None:
        if wrong.any():
            row = int(self._part.rows[int(np.argmax(wrong))])
            raise self._place.problem(what, row=row, column=self._layout.names[column], hint=hint)
