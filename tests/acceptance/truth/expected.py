"""What a watch must come to, by plain arithmetic over the recording: every bar, and every signal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from tests.reference.macdv import Bar, fill, reference_macdv
from tests.reference.rollup import reference_rollup
from tests.reference.rules import DAY, MINUTE, TIMEFRAMES, reference_signals
from tests.reference.series import Candle

from .scenario import ALERTS, Scenario

JUDGED = {name: TIMEFRAMES[name] for name in ("1m", "5m", "15m", "1h", "4h", "1d")}
NAMES = {length: name for name, length in JUDGED.items()}
WARM_UP = 1_500
Series = tuple[str, str]


class SignalKey(NamedTuple):
    """What makes a signal this one and no other."""

    symbol: str
    timeframe: str
    time: int
    kind: str
    level: int | None


@dataclass(frozen=True)
class Expected:
    """The bars of every series from its seed bar on, and the signals of the live part."""

    bars: dict[Series, list[Bar]]
    signals: dict[SignalKey, dict[str, Any]]


def expected(scenario: Scenario, told: Mapping[str, Sequence[Candle]]) -> Expected:
    """Work out what a watch of a recording comes to, whatever happens on the way."""
    found = Expected({}, {})
    known = scenario.begin - MINUTE  # REST is believed five seconds after a close, not at it
    for symbol, candles in told.items():
        minutes = fill(candles, MINUTE)
        since = minutes[0].time - minutes[0].time % DAY
        rows, after = {}, {}
        for name, length in JUDGED.items():
            bars = seeded(reference_rollup(minutes, MINUTE, length, since), length, known - known % length)
            found.bars[symbol, name] = bars
            rows[length], after[length] = reference_macdv(bars), known - known % length - length
        for signal in reference_signals(rows, ALERTS, after):
            found.signals[key_of(symbol, signal)] = dict(signal)
    return found


def seeded(bars: Sequence[Bar], length: int, end: int) -> list[Bar]:
    """Leave out what opened before the seed bar: the oldest traded one of the last 1,500 that had closed."""
    window = [bar for bar in bars if bar.time >= end - WARM_UP * length]
    first = next(place for place, bar in enumerate(window) if not bar.quiet)
    return window[first:]


def key_of(symbol: str, signal: Mapping[str, Any]) -> SignalKey:
    """Name a signal of the reference as the product's table names it."""
    return SignalKey(symbol, NAMES[signal["timeframe"]], signal["time"], signal["kind"], signal["level"])


def near(number: float | None, exact: Decimal | None) -> bool:
    """Say whether a number is the exact one, as near as the specification asks."""
    if number is None or exact is None:
        return number is None and exact is None
    return abs(Decimal(number) - exact) <= Decimal("1e-9") * max(Decimal(1), abs(exact))
