"""Find the signals of one symbol as the specification defines them.

Readings chosen where the text leaves room:

- The series given are the watched timeframes; bias takes the newest bar of each that closed by then.
- A level needs no signal line, so it may be crossed while the stage is still `warming_up`.
- A reversal needs a defined histogram; `reversal_oversold` points up, `reversal_overbought` points down.
- The side of a crossing is its sign: −L re-arms `reversal_oversold`, +L re-arms `reversal_overbought`, early
  enough for a reversal on the same bar.
- A cooldown runs from the close of the last signal that was reported; a held-back one does not prolong it.
- Kinds are ordered by their names. An empty bias, nought against nought, is neutral.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, TypedDict

from .macdv import EXACT, EXTREME, Row, exact

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TIMEFRAMES = {
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "1d": DAY,
}
WEIGHTS = dict(zip(TIMEFRAMES.values(), (1, 2, 3, 3, 4, 4, 5, 5, 6), strict=True))
BULLISH = {"oversold", "rebounding", "rallying"}
BEARISH = {"overbought", "retracing", "reversing"}

LEVEL, OVERBOUGHT, OVERSOLD = "level", "reversal_overbought", "reversal_oversold"
BUFFERS = {OVERBOUGHT: "overbought_buffer", OVERSOLD: "oversold_buffer"}
DEFAULTS: dict[str, Any] = {
    "levels": [150, 200, 250, 300, 350, 400],
    "reversal": {"oversold_buffer": 0.05, "overbought_buffer": 0.03},
    "cooldown_seconds": 300,
}

Level = int | float
Finding = tuple[str, Level | None, str]


class Signal(TypedDict):
    """Hold one signal; time is the open of the bar that closed, timeframe its length in milliseconds."""

    time: int
    timeframe: int
    kind: str
    level: Level | None
    direction: str
    macdv: Decimal | None
    signal: Decimal | None
    histogram: Decimal | None
    stage: str
    bias: str
    low_confidence: bool


@dataclass(slots=True)
class SeriesRules:
    """Run the rules over the bars of one series and remember what they need of earlier ones."""

    alerts: Mapping[str, Any]
    previous: Decimal | None = None
    armed: dict[str, bool] = field(default_factory=lambda: {OVERBOUGHT: True, OVERSOLD: True})
    reported: dict[tuple[str, Level | None], int] = field(default_factory=dict)

    def remember(self, row: Row) -> None:
        """Take note of a bar that is not judged: the next one is held against it."""
        self.previous = self.previous if row.macdv is None else row.macdv

    def evaluate(self, row: Row, close: int) -> list[Finding]:
        """Run levels, then reversals, on one bar; an undefined value touches nothing."""
        if row.macdv is None:
            return []
        previous, self.previous = self.previous, row.macdv
        if previous is None:
            return []
        return self._levels(previous, row.macdv, close) + self._reversals(previous, row, close)

    def _levels(self, previous: Decimal, value: Decimal, close: int) -> list[Finding]:
        """Report the outermost crossing and re-arm the reversal of its side, even when held back."""
        level = crossed_level(previous, value, self.alerts["levels"])
        if level is None:
            return []
        self.armed[OVERBOUGHT if level > 0 else OVERSOLD] = True
        if not self._admit(LEVEL, level, close):
            return []
        return [(LEVEL, level, "up" if level > 0 else "down")]

    def _reversals(self, previous: Decimal, row: Row, close: int) -> list[Finding]:
        """Report the armed reversals and disarm them; a held-back one stays armed."""
        findings: list[Finding] = []
        for kind, direction in ((OVERBOUGHT, "down"), (OVERSOLD, "up")):
            buffer = exact(self.alerts["reversal"][BUFFERS[kind]])
            found = self.armed[kind] and reverses(kind, previous, row, buffer)
            if found and self._admit(kind, None, close):
                self.armed[kind] = False
                findings.append((kind, None, direction))
        return findings

    def _admit(self, kind: str, level: Level | None, close: int) -> bool:
        """Let a signal through and remember it, unless its cooldown still runs."""
        last = self.reported.get((kind, level))
        if last is not None and close - last < exact(self.alerts["cooldown_seconds"]) * 1000:
            return False
        self.reported[kind, level] = close
        return True


def reference_signals(
    series: Mapping[int, Sequence[Row]], settings: Mapping[str, Any], after: Mapping[int, int] | None = None
) -> list[Signal]:
    """Return every signal of one symbol; settings is the `alerts` section.

    Bars that opened up to `after`, by timeframe, are history: they are known, and not judged.
    """
    alerts = DEFAULTS | dict(settings)
    alerts["reversal"] = DEFAULTS["reversal"] | dict(alerts["reversal"])
    rules = {timeframe: SeriesRules(alerts) for timeframe in series}
    stages: dict[int, str] = {}
    signals: list[Signal] = []
    with localcontext(EXACT):
        for instant, closing in _instants(series):
            # Every series that closes now is updated first, so that all its signals see the same bias.
            stages |= {timeframe: row.stage for timeframe, row in closing}
            bias = bias_of(stages)
            for timeframe, row in closing:
                if after is not None and row.time <= after[timeframe]:
                    rules[timeframe].remember(row)
                    continue
                findings = rules[timeframe].evaluate(row, instant)
                signals += [_signal(timeframe, row, finding, bias) for finding in findings]
    return signals


def bias_of(stages: Mapping[int, str]) -> str:
    """Weigh the stages by timeframe; one side wins above one and a half times the other."""
    bullish = sum(WEIGHTS[timeframe] for timeframe, stage in stages.items() if stage in BULLISH)
    bearish = sum(WEIGHTS[timeframe] for timeframe, stage in stages.items() if stage in BEARISH)
    if 2 * bullish > 3 * bearish:
        return "bullish"
    return "bearish" if 2 * bearish > 3 * bullish else "neutral"


def crossed_level(previous: Decimal, value: Decimal, levels: Iterable[Level]) -> Level | None:
    """Return the signed outermost level crossed outwards by this step."""
    upward = [level for level in levels if previous <= level < value]
    downward = [-level for level in levels if previous >= -level > value]
    return max(upward + downward, key=abs, default=None)


def reverses(kind: str, previous: Decimal, row: Row, buffer: Decimal) -> bool:
    """Tell whether a value beyond the extreme turns back by more than its buffer."""
    if row.macdv is None or row.histogram is None:
        return False
    # Seen from the oversold side, an overbought reversal is the same picture upside down.
    side = -1 if kind == OVERSOLD else 1
    beyond = side * previous > EXTREME and side * row.macdv > EXTREME
    return beyond and -side * row.histogram > buffer * abs(row.macdv)


def _instants(series: Mapping[int, Sequence[Row]]) -> list[tuple[int, list[tuple[int, Row]]]]:
    """Return the close times in order, each with the bars that close then, shortest first."""
    closing: defaultdict[int, list[tuple[int, Row]]] = defaultdict(list)
    for timeframe in sorted(series):
        for row in series[timeframe]:
            closing[row.time + timeframe].append((timeframe, row))
    return sorted(closing.items(), key=lambda instant: instant[0])


def _signal(timeframe: int, row: Row, finding: Finding, bias: str) -> Signal:
    """Write down one finding with the values of its bar."""
    kind, level, direction = finding
    return {
        "time": row.time,
        "timeframe": timeframe,
        "kind": kind,
        "level": level,
        "direction": direction,
        "macdv": row.macdv,
        "signal": row.signal,
        "histogram": row.histogram,
        "stage": row.stage,
        "bias": bias,
        "low_confidence": row.low_confidence,
    }
