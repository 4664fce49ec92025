"""`livermore replay`: recorded candles through the product's own rules, without a server."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from livermore.adapters.files import TableWriter, read_markets
from livermore.indicators.stages import STAGES
from livermore.indicators.values import IndicatorValue, Values
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import InvalidError, SettingsInvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import Series
from livermore.runtime.watch import rules_of
from livermore.settings.document import SettingsDocument
from livermore.settings.upgrade import read_settings
from livermore.signals.replay import replay_symbol, timeframes_of
from livermore.signals.signal import KINDS, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What `livermore replay` is asked for."""

    files: tuple[Path, ...]
    exchange: str | None = None
    symbol: str | None = None
    timeframes: tuple[Timeframe, ...] = ()
    settings: Path | None = None
    signals_out: Path | None = None
    indicators_out: Path | None = None


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to."""

    files: int
    symbols: int
    candles: int
    seconds: float
    candles_per_second: float
    signals: dict[str, int]


def replay(plan: ReplayPlan) -> ReplayReport:
    """Run recorded candles or trades through roll-up, values and rules, and write what was asked for."""
    clock = SystemClock()
    rules = rules_of(_settings_file(plan.settings), 0)
    recorded: dict[tuple[str, str], dict[Timeframe, Candles]] = defaultdict(dict)
    for file in plan.files:
        for market in read_markets(file, exchange=plan.exchange, symbol=plan.symbol):
            if market.timeframe in recorded[market.exchange, market.symbol]:
                raise InvalidError(f"{market.symbol} {market.timeframe} is recorded twice", where=str(file))
            recorded[market.exchange, market.symbol][market.timeframe] = market.candles
    began = clock.monotonic()
    counts = Counter[str](dict.fromkeys(KINDS, 0))
    with ExitStack() as stack:
        signals_out = stack.enter_context(TableWriter(plan.signals_out)) if plan.signals_out else None
        values_out = stack.enter_context(TableWriter(plan.indicators_out)) if plan.indicators_out else None
        for (exchange, symbol), series in sorted(recorded.items()):
            base = min(series, key=lambda timeframe: timeframe.milliseconds)
            asked = timeframes_of(base, plan.timeframes or _known_timeframes(base, series))
            done = replay_symbol(exchange, symbol, series, asked, rules, now=clock.now())
            counts.update(one.hit.kind for one in done.found)
            if signals_out is not None:
                signals_out.write(_signal_columns(done.signals))
            if values_out is not None:
                for timeframe, history in done.histories.items():
                    values_out.write(_value_columns(Series(exchange, symbol, timeframe), history.values))
    seconds = clock.monotonic() - began
    candles = sum(len(part) for series in recorded.values() for part in series.values())
    return ReplayReport(
        files=len(plan.files), symbols=len(recorded), candles=candles, seconds=seconds,
        candles_per_second=candles / max(seconds, 1e-9), signals=dict(counts),
    )  # fmt: skip


FRONT = ("exchange", "symbol", "timeframe")
SIGNAL_COLUMNS = (
    *FRONT, "id", "kind", "level", "direction", "time", "price", "macdv", "signal", "histogram", "stage",
    "bias", "complete", "low_confidence", "late", "withdrawn_at", "settings_revision",
)  # fmt: skip


def _signal_columns(signals: Sequence[Signal]) -> dict[str, list[Any]]:
    return {name: [getattr(signal, name) for signal in signals] for name in SIGNAL_COLUMNS}


def _value_columns(series: Series, values: Values) -> dict[str, Any]:
    """Lay out the values of one series, quiet bars included, with its name in front."""
    count = len(values)
    front = {name: [str(part)] * count for name, part in zip(FRONT, series, strict=True)}
    columns = {name: getattr(values, name) for name in IndicatorValue.__struct_fields__}
    return front | columns | {"stage": [STAGES[code] for code in values.stage.tolist()]}


def _known_timeframes(base: Timeframe, series: Mapping[Timeframe, Candles]) -> tuple[Timeframe, ...]:
    """Return the default timeframes of a recording, and every other that was recorded itself."""
    return tuple({*timeframes_of(base, ()), *series})


def _settings_file(file: Path | None) -> SettingsDocument:
    """Read a settings document from a file; the defaults without one."""
    if file is None:
        return read_settings({"version": 2})
    try:
        document = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise InvalidError(f"the settings cannot be read: {error.strerror}", where=str(file)) from error
    except msgspec.DecodeError as error:
        raise SettingsInvalidError(f"the settings are no JSON: {error}", where=str(file)) from error
    if not isinstance(document, dict):
        raise SettingsInvalidError("the settings are no JSON object", where=str(file))
    return read_settings(document.get("settings", document))
