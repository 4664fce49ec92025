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
WARM_UP = 450
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


def expected(
    scenario: Scenario, told: Mapping[str, Sequence[Candle]], oldest: Mapping[Series, int]
) -> Expected:
    """Work out what a watch of a recording comes to, whatever happens on the way.

    `oldest` is the open (ms) of the bar with which each series begins: how far back it is loaded at first is
    the product's to choose, within bounds.
    """
    found = Expected({}, {})
    known = scenario.begin - MINUTE  # REST is believed five seconds after a close, not at it
    for symbol, candles in told.items():
        minutes = fill(candles, MINUTE)
        since = minutes[0].time - minutes[0].time % DAY
        rows, after = {}, {}
        for name, length in JUDGED.items():
            bars = reference_rollup(minutes, MINUTE, length, since)
            bars = seeded(bars, oldest.get((symbol, name)), known - known % length - WARM_UP * length)
            found.bars[symbol, name] = bars
            rows[length], after[length] = reference_macdv(bars), known - known % length - length
        for signal in reference_signals(rows, ALERTS, after):
            found.signals[key_of(symbol, signal)] = dict(signal)
    return found


def seeded(bars: Sequence[Bar], oldest: int | None, latest: int) -> list[Bar]:
    """Leave out what opened before the seed bar: the oldest one that is loaded, or the latest that may be."""
    seed = next((bar.time for bar in bars if bar.time >= latest and not bar.quiet), latest)
    return [bar for bar in bars if bar.time >= (seed if oldest is None else min(oldest, seed))]


def is_judged(scenario: Scenario, timeframe: str, time: int) -> bool:
    """Say whether a bar that opened at a time (ms) closes within what is judged."""
    return time + JUDGED[timeframe] <= scenario.end


def key_of(symbol: str, signal: Mapping[str, Any]) -> SignalKey:
    """Name a signal of the reference as the product's table names it."""
    return SignalKey(symbol, NAMES[signal["timeframe"]], signal["time"], signal["kind"], signal["level"])


def near(number: float | None, exact: Decimal | None) -> bool:
    """Say whether a number is the exact one, as near as the specification asks."""
    if number is None or exact is None:
        return number is None and exact is None
    return abs(Decimal(number) - exact) <= Decimal("1e-9") * max(Decimal(1), abs(exact))
