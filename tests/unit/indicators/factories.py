"""Indicator values to compare with: from the reference, and to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import msgspec
import numpy as np

from livermore.indicators.bank import Bank, Moment
from livermore.indicators.macdv import MacdvState
from livermore.indicators.stages import STAGES
from livermore.indicators.values import Values
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState
from livermore.market.rollup import roll_up
from livermore.market.series import SeriesTable
from tests.reference.macdv import Bar, Row, exact
from tests.unit.market.factories import close_all

AVERAGES = ("ema12", "ema26", "atr26", "macdv", "signal", "histogram")
LIVE = (*AVERAGES, "stage", "observed", "complete")
BANDS = (150.0, 50.0, -50.0, -150.0)


def values_equal(one: Values, other: Values) -> bool:
    """Say whether values are equal to the bit, undefined ones included."""
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name), equal_nan=field.name in AVERAGES)
        for field in fields(Values)
    )


def states_equal(one: MacdvState, other: MacdvState) -> bool:
    """Say whether states are equal to the bit."""
    return np.array_equal(msgspec.structs.astuple(one), msgspec.structs.astuple(other), equal_nan=True)


def reference_bars(candles: Candles) -> list[Bar]:
    """Return candles as the reference reads them; a missing bar counts as quiet until it is repaired."""
    bars = []
    for row in candles.rows():
        opened, highest, lowest, closed, volume = map(
            exact, (row.open, row.high, row.low, row.close, row.volume)
        )
        quiet = row.state != CandleState.TRADED
        bars.append(Bar(row.time, opened, highest, lowest, closed, volume, quiet))
    return bars


def disagreements(values: Values, reference: Sequence[Row]) -> list[tuple[int, str, object, object]]:
    """List where values differ from the reference by more than 1e-9 of it, or in what is counted."""
    found: list[tuple[int, str, object, object]] = []
    for place, row in enumerate(reference):
        for name in AVERAGES:
            ours, theirs = float(getattr(values, name)[place]), getattr(row, name)
            if name == "signal" and row.macdv is None:
                continue  # ours goes on showing the average that an undefined value leaves untouched
            if theirs is None or np.isnan(ours):
                if (theirs is None) != bool(np.isnan(ours)):
                    found.append((place, name, ours, theirs))
            elif abs(ours - float(theirs)) > 1e-9 * max(1.0, abs(float(theirs))):
                found.append((place, name, ours, theirs))
        found += [
            (place, name, ours, theirs)
            for name, ours, theirs in (
                ("stage", STAGES[values.stage[place]], row.stage),
                ("observed", int(values.observed[place]), row.observed),
                ("quiet_ratio", float(values.quiet_ratio[place]), float(row.quiet_ratio)),
                ("low_confidence", bool(values.low_confidence[place]), row.low_confidence),
            )
            if ours != theirs
        ]
    return found


def rolled(base: Candles, timeframes: Iterable[Timeframe]) -> dict[Timeframe, Candles]:
    """Return a minute series in several timeframes."""
    length = Timeframe.M1.milliseconds
    return {one: base if one is Timeframe.M1 else roll_up(base, length, one) for one in timeframes}


def live(
    table: SeriesTable, histories: dict[str, Candles], bank: Bank | None = None
) -> tuple[Bank, list[Moment]]:
    """Close base bars of several symbols, advance a bank with each instant, and return its moments."""
    bank = bank or Bank(table)
    return bank, [bank.advance(bars) for bars in close_all(table, histories)]


def moments_of(moments: Iterable[Moment], row: int, name: str) -> list[float]:
    """Return one field of one row over all moments."""
    return [value.item() for moment in moments for value in getattr(moment, name)[moment.bars.rows == row]]
