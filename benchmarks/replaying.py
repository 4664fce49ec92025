"""A year of minutes of ten symbols: roll-ups, values, stages and rules, beside TA-Lib and talipp."""

from __future__ import annotations

from talipp.indicators import EMA

from benchmarks.market import START, walk
from benchmarks.peers import talib_macdv
from benchmarks.race import race
from benchmarks.table import Row, at_least, seconds
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from livermore.market.candle import Candles
from livermore.signals.replay import replay_symbol
from livermore.signals.rules import Rules

SYMBOLS = 10
YEAR = 365 * 1_440
FEW = 50_000  # enough for talipp, which is slow


def run(*, quick: bool) -> list[Row]:
    """Measure in turns, best of ten."""
    count = YEAR // 10 if quick else YEAR
    years = [walk(100.0 + number, Timeframe.M1, START, count) for number in range(SYMBOLS)]
    closes = years[0].close[:FEW].tolist()
    contestants = {
        "ours": lambda: [_ours(number, year) for number, year in enumerate(years)],
        "talib": lambda: [talib_macdv(year) for year in years],
        "talipp": lambda: _talipp(closes),
    }
    best = race(3 if quick else 10, contestants)
    signals = sum(_ours(number, year) for number, year in enumerate(years))
    return _rows(best, bars=count * SYMBOLS, signals=signals)


def _ours(number: int, year: Candles) -> int:
    done = replay_symbol("binance", f"SYM{number:03}USDT", {Timeframe.M1: year}, DEFAULT_TIMEFRAMES, Rules())
    return len(done.found)


def _talipp(closes: list[float]) -> None:
    fast, slow = EMA(12), EMA(26)
    for close in closes:
        fast.add(close)
        slow.add(close)


def _rows(best: dict[str, float], *, bars: int, signals: int) -> list[Row]:
    ours, bare, slow = best["ours"] / bars, best["talib"] / bars, best["talipp"] / FEW
    name, each = f"replay: {bars:,} minutes, {signals:,} signals", f"{seconds(ours)} a bar"
    return [
        at_least(name, each, f"bare TA-Lib {seconds(bare)}", bare / ours, 0.1),
        at_least(name, each, f"talipp, two EMAs {seconds(slow)}", slow / ours, 15),
    ]
