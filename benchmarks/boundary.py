"""Midnight: 500 symbols close in all six timeframes at once, beside TA-Lib and pandas on as many series."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.market import START, Market, walk
from benchmarks.peers import pandas_macdv, talib_macdv
from benchmarks.race import timed
from benchmarks.table import Row, at_least, at_most, seconds
from livermore.indicators.bank import CLOSE, EMA12, EMA26, MACDV, SIGNAL
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, MINUTE, Timeframe
from livermore.market.candle import CandleSource, CandleState
from livermore.market.closed import ClosedBar

SYMBOLS = 500
SERIES = SYMBOLS * len(DEFAULT_TIMEFRAMES)
BARS = 500
FEW, MANY = 5, 50  # symbols that jump, which makes a signal in each of their timeframes
JUMP = 20
TIMES = 10  # one after the other in each round
PANDAS_SERIES = 60  # enough for pandas, which is slow
DAY = Timeframe.D1.milliseconds


def run(*, quick: bool) -> list[Row]:
    """Measure whole boundaries, what a signal adds to them, and one series that closes alone."""
    market = Market(SYMBOLS)
    with asyncio.Runner() as runner:
        runner.run(market.open())
        best = _race(Midnights(market), rounds=5 if quick else 30)
        runner.run(market.desk.stop())
    return _rows(best)


class Midnights:
    """One midnight after the other, each from the same state of the indicators."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._bank = market.indicators.bank
        self._saved = self._bank._state.copy()
        # Averages that agree and a price that stays give a MACD-V of 0: only those say something that jump.
        self._saved[[EMA12, EMA26]] = self._saved[CLOSE]
        self._saved[[SIGNAL, MACDV]] = 0.0
        self._prices = self._saved[CLOSE, :: market.desk.table.width].tolist()
        self._midnight = START

    def close(self, jumping: int) -> float:
        """Let every series close, with so many symbols jumping; return the seconds it takes."""
        self._midnight += DAY
        jumps = [JUMP] * jumping + [1] * (SYMBOLS - jumping)
        spent = self._timed(
            [
                self._bar(column, price, price * jump, self._midnight)
                for column, (price, jump) in enumerate(zip(self._prices, jumps, strict=True))
            ]
        )
        said = len(self._market.signals.said)
        assert said == jumping * len(DEFAULT_TIMEFRAMES), f"{said} signals"
        return spent

    def alone(self) -> float:
        """Let one series close that no other closes with; return the seconds it takes."""
        return self._timed([self._bar(7, self._prices[7], self._prices[7], self._midnight + 2 * MINUTE)])

    def _timed(self, bars: list[ClosedBar]) -> float:
        self._bank._state[:] = self._saved
        self._market.forget()
        self._market.desk.feed._closed = bars
        spent = timed(self._market.desk.flush)
        assert self._market.desk.health().state != "failed"
        return spent

    @staticmethod
    def _bar(column: int, low: float, high: float, closes: int) -> ClosedBar:
        return ClosedBar(
            column, closes - MINUTE, low, high, low, high, 1.0,
            CandleState.TRADED, CandleSource.STREAM, True, closes,
        )  # fmt: skip


def _race(midnights: Midnights, rounds: int) -> dict[str, float]:
    """Return the best seconds of everything, measured in turns."""
    series = [walk(100.0 + number, Timeframe.M1, START, BARS) for number in range(SERIES)]
    runs: dict[str, Callable[[], float]] = {
        "few": lambda: min(midnights.close(FEW) for _ in range(TIMES)),
        "many": lambda: min(midnights.close(MANY) for _ in range(TIMES)),
        "alone": lambda: min(midnights.alone() for _ in range(TIMES)),
        "talib": lambda: timed(lambda: [talib_macdv(one) for one in series]),
        "pandas": lambda: timed(lambda: [pandas_macdv(one) for one in series[:PANDAS_SERIES]]),
    }
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, measure in runs.items():
            best[name] = min(best[name], measure())
    return best


def _rows(best: dict[str, float]) -> list[Row]:
    few, many = FEW * len(DEFAULT_TIMEFRAMES), MANY * len(DEFAULT_TIMEFRAMES)
    each = (best["many"] - best["few"]) / (many - few)
    pandas = best["pandas"] * SERIES / PANDAS_SERIES
    name, ours = f"boundary: {SERIES:,} series, {few} signals", seconds(best["few"])
    return [
        at_least(name, ours, f"TA-Lib {seconds(best['talib'])}", best["talib"] / best["few"], 30),
        at_least(name, ours, f"pandas {seconds(pandas)}", pandas / best["few"], 1000),
        at_most("boundary: each further signal", seconds(each), "", each * 1e6, 10, "µs"),
        at_most("boundary: one series alone", seconds(best["alone"]), "", best["alone"] * 1e6, 100, "µs"),
    ]
