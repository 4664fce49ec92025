"""Candles to test with: generated as an exchange would send them, or written as a short text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState, fill_quiet
from livermore.market.ports import ClosedBars
from livermore.market.rollup import Rollup
from livermore.market.series import SeriesTable
from tests.reference.series import GENERATORS, START, Candle, dozing

MINUTE = Timeframe.M1.milliseconds
M5, M15, H1, D1 = Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.D1
SYMBOL = "XRPETH"
SHORT = (Timeframe.M1, M5, M15)
PRICES = ("open", "high", "low", "close")
TOLD = ("time", *PRICES, "volume", "state")
ALL_GENERATORS = GENERATORS | {"dozing": dozing}


def told(name: str, seed: int = 1, count: int = 600, timeframe: Timeframe = Timeframe.M1) -> list[Candle]:
    """Return generated candles as an exchange would tell them: quiet ones absent or of volume 0."""
    return ALL_GENERATORS[name](seed, count, timeframe.milliseconds)


def generated(name: str, seed: int = 1, count: int = 600, timeframe: Timeframe = Timeframe.M1) -> Candles:
    """Return the same candles contiguous."""
    return fill_quiet(candles_of(told(name, seed, count, timeframe)), timeframe)


def candles_of(rows: Iterable[Sequence[float]]) -> Candles:
    """Return candles from rows of (time, open, high, low, close, volume)."""
    listed = list(rows)
    return Candles.of(*zip(*listed, strict=True)) if listed else Candles.none()


def drawn(pattern: str, start: int = START, timeframe: Timeframe = Timeframe.M1) -> Candles:
    """Return a bar a letter: `t` traded (closing at 1, 2, 3…), `q` quiet, `m` missing; `.` leaves one out."""
    rows, states, close = list[tuple[float, ...]](), list[CandleState](), 0.0
    for place, letter in enumerate(pattern):
        time, here = start + place * timeframe.milliseconds, float(place + 1)
        if letter == "t":
            close = here
            rows.append((time, here, here + 0.5, here - 0.5, here, here / 10))
        elif letter in "qm":
            rows.append((time, close, close, close, close, 0.0))
        if letter != ".":
            states.append({"t": CandleState.TRADED, "q": CandleState.QUIET, "m": CandleState.MISSING}[letter])
    candles = candles_of(rows)
    candles.state[:] = states
    return candles


def same(one: Candles, other: Candles, names: Iterable[str] = TOLD) -> bool:
    """Say whether candles are equal to the bit."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def with_holes(candles: Candles, chance: np.random.Generator, share: float = 0.05) -> Candles:
    """Mark some bars behind the first one missing."""
    state = candles.state.copy()
    state[1:][chance.random(len(state) - 1) < share] = CandleState.MISSING
    return Candles(
        **{field.name: getattr(candles, field.name) for field in fields(candles)} | {"state": state}
    )


def table_of(
    symbols: Iterable[str] = (SYMBOL,), timeframes: Sequence[Timeframe] = SHORT, ring: int = 1_024
) -> SeriesTable:
    """Return an empty table with some symbols."""
    table = SeriesTable("test", timeframes, symbols=1, ring=ring)
    for symbol in symbols:
        table.add(symbol)
    return table


def close_all(
    table: SeriesTable, histories: dict[str, Candles], rollup: Rollup | None = None
) -> list[ClosedBars]:
    """Close base bars of several symbols through a roll-up, instant by instant; return what closed."""
    rollup = rollup or Rollup(table)
    length = table.base.milliseconds
    instants = sorted({int(time) + length for bars in histories.values() for time in bars.time.tolist()})
    closed = []
    for instant in instants:
        parts = {
            table.columns[symbol]: bars.between(instant - length, instant)
            for symbol, bars in histories.items()
        }
        present = {column: part for column, part in sorted(parts.items()) if len(part)}
        columns = np.array(list(present), np.intp)
        bars = Candles.joined(*present.values())
        closed.append(rollup.close(columns, bars, instant, np.full(len(columns), instant)))
    return closed


def series_of(table: SeriesTable, closed: Iterable[ClosedBars], row: int) -> Candles:
    """Return one row's bars out of all that closed."""
    parts = [
        Candles(**{field.name: getattr(bars, field.name)[bars.rows == row] for field in fields(Candles)})
        for bars in closed
    ]
    return Candles.joined(Candles.none(), *parts)
