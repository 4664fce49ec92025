"""Compute MACD-V as the specification defines it, in 40-digit decimal arithmetic.

Readings chosen where the text leaves room:

- A float is read by its shortest text (`0.1` is one tenth), because the exchange wrote decimals.
- Where MACD-V is undefined, so are its signal and histogram, although the signal's average lives on.
- The ranging run counts every defined MACD-V, also before the signal exists; an undefined one ends the run.
- `quiet_ratio` divides by the buckets there are while a series is younger than 52 buckets.
- A quiet bar has all its prices at the previous close and volume 0; before the first trade there is none.
- `reference_macdv` believes the quiet flag that it is given; only `fill` derives it from the volume.

Forty digits are enough until a traded price has stood still for some 2,000 bars: the ATR then decays below
the rounding of the averages. In float64 the same happens after some 300 bars (see `series.dozing`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from itertools import accumulate, pairwise
from typing import NamedTuple

EXACT = Context(prec=40)

FAST, SLOW, SIGNAL = 12, 26, 9
EXTREME, CALM = 150, 50
RANGING_BARS = 20
QUIET_WINDOW, QUIET_LIMIT = 52, Decimal("0.5")
OBSERVED_ENOUGH, OBSERVED_MOST = 52, 1000

Number = int | float | str | Decimal
Column = list[Decimal | None]


class Bar(NamedTuple):
    """Hold one closed bucket; time is its open in milliseconds UTC."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quiet: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Hold every value that belongs to one closed bar; None is undefined."""

    time: int
    ema12: Decimal | None = None
    ema26: Decimal | None = None
    atr26: Decimal | None = None
    macdv: Decimal | None = None
    signal: Decimal | None = None
    histogram: Decimal | None = None
    stage: str = "warming_up"
    observed: int = 0
    quiet_ratio: Decimal = Decimal(0)
    low_confidence: bool = False


def exact(number: Number) -> Decimal:
    """Read a number as the decimal it was written as."""
    return number if isinstance(number, Decimal) else Decimal(str(number))


def as_bar(bar: Sequence[Number]) -> Bar:
    """Read (time, open, high, low, close, volume) with an optional quiet flag behind."""
    opened, highest, lowest, closed, volume = map(exact, bar[1:6])
    quiet = any(int(flag) for flag in bar[6:])
    return Bar(int(bar[0]), opened, highest, lowest, closed, volume, quiet)


def plain(bars: Iterable[Sequence[Number]]) -> list[Bar]:
    """Take a sequence as it is: nothing is filled and a volume of zero means nothing."""
    return [as_bar(bar[:6]) for bar in bars]


def fill(bars: Iterable[Sequence[Number]], timeframe_ms: int) -> list[Bar]:
    """Return contiguous bars from the first traded one on, with absent and zero-volume buckets quiet."""
    filled: list[Bar] = []
    for bar in map(as_bar, bars):
        if bar.time % timeframe_ms or (filled and bar.time < filled[-1].time + timeframe_ms):
            raise ValueError(f"bar {bar.time} is off the grid, out of order or a repetition")
        traded = bar.volume > 0 and not bar.quiet
        if filled:
            opens = range(filled[-1].time + timeframe_ms, bar.time + (not traded), timeframe_ms)
            filled += [quiet_bar(time, filled[-1].close) for time in opens]
        if traded:
            filled.append(bar)
    return filled


def quiet_bar(time: int, close: Decimal) -> Bar:
    """Return the bar of a bucket in which nothing was traded."""
    return Bar(time, close, close, close, close, Decimal(0), True)


def reference_macdv(bars: Sequence[Sequence[Number]]) -> list[Row]:
    """Return one row for each of the contiguous bars; the first bar given is the seed bar."""
    series = [as_bar(bar) for bar in bars]
    with localcontext(EXACT):
        closes = _closes(series)
        fast, slow = _exponential(closes, FAST), _exponential(closes, SLOW)
        atr = _smooth(_true_ranges(series, closes), SLOW, Decimal(1) / SLOW)
        values = list(map(_ratio, fast, slow, atr))
        # The signal's average survives an undefined value, but that bar has no signal to show.
        signals = list(map(_where_defined, values, _exponential(values, SIGNAL)))
        histograms = map(_difference, values, signals)
        stages = map(stage_of, values, signals, ranging_runs(values))
        observed, ratios = _observed(series), _quiet_ratios(series)
        doubts = map(_low_confidence, ratios, observed)
        times = (bar.time for bar in series)
        return list(
            map(Row, times, fast, slow, atr, values, signals, histograms, stages, observed, ratios, doubts)
        )


def stage_of(macdv: Decimal | None, signal: Decimal | None, ranging_run: int) -> str:
    """Name the stage: the first rule that holds."""
    if macdv is None or signal is None:
        return "warming_up"
    if abs(macdv) > EXTREME:
        return "oversold" if macdv < 0 else "overbought"
    if ranging_run >= RANGING_BARS:
        return "ranging"
    if macdv > signal:
        return "rallying" if macdv >= CALM else "rebounding"
    return "retracing" if macdv > -CALM else "reversing"


def ranging_runs(values: Iterable[Decimal | None]) -> list[int]:
    """Count, up to each bar, the consecutive values within the calm band."""
    runs = accumulate(values, lambda run, value: run + 1 if _calm(value) else 0, initial=0)
    return list(runs)[1:]


def _calm(value: Decimal | None) -> bool:
    """Tell whether a defined value lies within the calm band, its edges included."""
    return value is not None and abs(value) <= CALM


def _closes(bars: Sequence[Bar]) -> list[Decimal]:
    """Return the closes, that of a quiet bar being the previous one whatever was written."""
    closes: list[Decimal] = []
    for bar in bars:
        closes.append(closes[-1] if bar.quiet and closes else bar.close)
    return closes


def _true_ranges(bars: Sequence[Bar], closes: Sequence[Decimal]) -> Column:
    """Return the true range of every observed bar and None for a quiet one."""
    ranges = [bar.high - bar.low for bar in bars[:1]]
    ranges += [
        max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))
        for bar, (before, _) in zip(bars[1:], pairwise(closes), strict=True)
    ]
    return [None if bar.quiet else true_range for bar, true_range in zip(bars, ranges, strict=True)]


def _exponential(values: Sequence[Decimal | None], length: int) -> Column:
    """Return the exponential moving average with alpha = 2 / (length + 1)."""
    return _smooth(values, length, Decimal(2) / (length + 1))


def _smooth(values: Sequence[Decimal | None], length: int, alpha: Decimal) -> Column:
    """Average recursively from the mean of the first `length` samples; None is no sample and carries over."""
    smoothed: Column = []
    seed: list[Decimal] = []
    average: Decimal | None = None
    for value in values:
        if value is not None and average is not None:
            average = alpha * value + (1 - alpha) * average
        elif value is not None:
            seed.append(value)
            average = sum(seed, Decimal(0)) / length if len(seed) == length else None
        smoothed.append(average)
    return smoothed


def _ratio(fast: Decimal | None, slow: Decimal | None, atr: Decimal | None) -> Decimal | None:
    """Return MACD-V, undefined while a part is undefined or the range is zero."""
    if fast is None or slow is None or atr is None or atr == 0:
        return None
    return (fast - slow) / atr * 100


def _difference(value: Decimal | None, signal: Decimal | None) -> Decimal | None:
    """Return the histogram, undefined while a part is undefined."""
    return None if value is None or signal is None else value - signal


def _where_defined(value: Decimal | None, average: Decimal | None) -> Decimal | None:
    """Return the average on the bars that have a value."""
    return None if value is None else average


def _observed(bars: Sequence[Bar]) -> list[int]:
    """Count, up to each bar, the bars that gave the ATR a sample."""
    counts = accumulate(int(not bar.quiet) for bar in bars)
    return [min(count, OBSERVED_MOST) for count in counts]


def _quiet_ratios(bars: Sequence[Bar]) -> list[Decimal]:
    """Return, up to each bar, the share of quiet bars among the last 52."""
    windows = [bars[max(0, end - QUIET_WINDOW) : end] for end in range(1, len(bars) + 1)]
    return [Decimal(sum(bar.quiet for bar in window)) / len(window) for window in windows]


def _low_confidence(quiet_ratio: Decimal, observed: int) -> bool:
    """Tell whether too little was traded to trust the value."""
    return quiet_ratio >= QUIET_LIMIT or observed < OBSERVED_ENOUGH
