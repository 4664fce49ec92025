"""Roll lower bars up into higher ones as the specification defines it.

Readings chosen where the text leaves room:

- A missing bar is an absent one, in what goes in and in what comes out; quiet bars are explicit.
- Bars before the first one given are missing, so a first bucket begun half-way is missing. Who knows that the
  exchange had nothing before it (a fresh listing) says so with `covered_from`, or with explicit quiet bars;
  the bucket then holds what was traded, as the exchange's own candle does.
- A quiet higher bar stands at the close of its last lower bar, which is the previous close.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from .macdv import EXACT, Bar, Number, Row, as_bar, quiet_bar, reference_macdv


def reference_rollup(
    bars: Sequence[Sequence[Number]], base_ms: int, higher_ms: int, covered_from: int | None = None
) -> list[Bar]:
    """Return the whole higher bars from the first traded one on; absent ones are missing."""
    lower = {int(bar[0]): as_bar(bar) for bar in bars}
    traded = [time for time, bar in lower.items() if not bar.quiet]
    if higher_ms % base_ms:
        raise ValueError(f"{higher_ms} ms is no multiple of {base_ms} ms")
    if not traded:
        return []
    known = set(lower) | set(range(min(lower) if covered_from is None else covered_from, min(lower), base_ms))
    first, last = (time - time % higher_ms for time in (min(traded), max(lower)))
    buckets = [range(opened, opened + higher_ms, base_ms) for opened in range(first, last + 1, higher_ms)]
    return [_join(bucket, lower) for bucket in buckets if known.issuperset(bucket)]


def reference_rows(
    bars: Sequence[Sequence[Number]], base_ms: int, timeframes: Iterable[int]
) -> dict[int, list[Row]]:
    """Return the rows of every timeframe of one symbol from its contiguous base bars."""
    return {
        timeframe: reference_macdv(_contiguous(reference_rollup(bars, base_ms, timeframe), timeframe))
        for timeframe in sorted(timeframes)
    }


def _join(bucket: range, lower: dict[int, Bar]) -> Bar:
    """Return the higher bar of one bucket; only traded bars speak, and if none did it is quiet."""
    present = [lower[time] for time in bucket if time in lower]
    traded = [bar for bar in present if not bar.quiet]
    if not traded:
        return quiet_bar(bucket.start, present[-1].close)
    highest, lowest = max(bar.high for bar in traded), min(bar.low for bar in traded)
    with localcontext(EXACT):
        volume = sum((bar.volume for bar in traded), Decimal(0))
    return Bar(bucket.start, traded[0].open, highest, lowest, traded[-1].close, volume, False)


def _contiguous(bars: list[Bar], timeframe: int) -> list[Bar]:
    """Return the bars, refusing a hole: the indicator is defined over contiguous buckets only."""
    if bars and bars[-1].time - bars[0].time != (len(bars) - 1) * timeframe:
        raise ValueError(f"a bar of {timeframe} ms is missing")
    return bars
