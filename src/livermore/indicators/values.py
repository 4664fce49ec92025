"""Indicator values of one series, as arrays and as the shape that users see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators.stages import STAGES


class IndicatorValue(msgspec.Struct, frozen=True, kw_only=True):
    """MACD-V after one closed bar (`time` is its open, ms); None where not defined yet.

    `observed` counts the bars in the ATR (at most 1,000), `quiet_ratio` is over the last 52 buckets.
    """

    time: int
    macdv: float | None
    signal: float | None
    histogram: float | None
    ema12: float | None
    ema26: float | None
    atr26: float | None
    stage: str
    observed: int
    quiet_ratio: float
    low_confidence: bool
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Indicator values of consecutive bars as equally long arrays, oldest first; NaN where not defined."""

    time: NDArray[np.int64]
    macdv: NDArray[np.float64]
    signal: NDArray[np.float64]
    histogram: NDArray[np.float64]
    ema12: NDArray[np.float64]
    ema26: NDArray[np.float64]
    atr26: NDArray[np.float64]
    stage: NDArray[np.int8]
    observed: NDArray[np.int16]
    quiet_ratio: NDArray[np.float64]
    low_confidence: NDArray[np.bool_]
    complete: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.time)

    def __getitem__(self, part: slice | NDArray[Any]) -> Values:
        """Return the values of a slice, a mask or an index array."""
        return type(self)(**{field.name: getattr(self, field.name)[part] for field in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Values]) -> Self:
        """Put parts behind one another, which must follow in time."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def rows(self) -> list[IndicatorValue]:
        """Return one `IndicatorValue` each."""
        names = [field.name for field in fields(self)]
        columns = (_plain(name, getattr(self, name)) for name in names)
        return [IndicatorValue(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _plain(name: str, column: NDArray[Any]) -> list[Any]:
    """Turn a column into Python values: NaN into None, a stage's number into its name."""
    if name == "stage":
        return [STAGES[code] for code in column.tolist()]
    if name in _MAY_BE_UNDEFINED:
        return [None if value != value else value for value in column.tolist()]
    return list(column.tolist())


_MAY_BE_UNDEFINED = frozenset({"macdv", "signal", "histogram", "ema12", "ema26", "atr26"})
