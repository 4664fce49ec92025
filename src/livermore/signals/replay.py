"""Recorded candles through the same roll-up, values and rules as live, as fast as the machine can."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from livermore.indicators.history import derive_fast, previous_defined
from livermore.indicators.macdv import MacdvState
from livermore.indicators.service import History
from livermore.kernel.errors import InvalidError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from livermore.market.backfill import from_first_trade
from livermore.market.candle import Candles, fill_quiet
from livermore.market.rollup import roll_up_all
from livermore.signals.history import Found, composed, find
from livermore.signals.rules import Rules, RuleState
from livermore.signals.signal import Signal

SCOPE = Scope(user_id=0, identity_sub="replay")


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a recording of one symbol gave: its series with their values, and what was found, in order."""

    exchange: str
    symbol: str
    histories: dict[Timeframe, History]
    found: list[Found]
    rules: Rules
    scope: Scope
    now: int

    @cached_property
    def signals(self) -> list[Signal]:
        """Compose the signals: many times the work of finding them, and not always wanted."""
        return composed(
            self.scope, self.exchange, self.symbol, self.histories, self.rules, self.found,
            market_time=None, now=self.now,
        )  # fmt: skip


def replay_symbol(
    exchange: str, symbol: str, recorded: Mapping[Timeframe, Candles], timeframes: Collection[Timeframe],
    rules: Rules, *, scope: Scope = SCOPE, now: int = 0,
) -> Replayed:  # fmt: skip
    """Replay one symbol; a timeframe that was not recorded is rolled up from the shortest one that was."""
    series = dict(_series(recorded, timeframes))
    histories = {timeframe: history_of(candles) for timeframe, candles in series.items() if len(candles)}
    states = {timeframe: RuleState() for timeframe in histories}
    found = find(histories, rules, states, dict.fromkeys(histories, -1))
    return Replayed(
        exchange=exchange, symbol=symbol, histories=histories, found=found, rules=rules, scope=scope, now=now
    )


def history_of(candles: Candles) -> History:
    """Return contiguous candles with the values that they give from nothing."""
    state = MacdvState()
    values = derive_fast(state, candles)
    return History(candles, values, previous_defined(values.macdv), int(state.seed_time))


def timeframes_of(base: Timeframe, asked: Collection[Timeframe]) -> tuple[Timeframe, ...]:
    """Return what is replayed: what was asked for, else the own timeframe and the default ones above."""
    for timeframe in asked:
        if timeframe.milliseconds < base.milliseconds:
            raise InvalidError(
                f"{timeframe} cannot be made of {base} candles", where="timeframe",
                hint=f"ask for {base} or longer",
            )  # fmt: skip
    longer = (timeframe for timeframe in DEFAULT_TIMEFRAMES if timeframe.milliseconds > base.milliseconds)
    chosen = asked or (base, *longer)
    return tuple(sorted(chosen, key=lambda timeframe: timeframe.milliseconds))


def _series(
    recorded: Mapping[Timeframe, Candles], timeframes: Collection[Timeframe]
) -> Iterator[tuple[Timeframe, Candles]]:
    base = min(recorded, key=lambda timeframe: timeframe.milliseconds)
    lower = fill_quiet(from_first_trade(recorded[base]), base)
    rolled = roll_up_all(lower, base, [timeframe for timeframe in timeframes if timeframe not in recorded])
    for timeframe in timeframes:
        if timeframe == base:
            yield timeframe, lower
        elif timeframe in recorded:
            yield timeframe, fill_quiet(from_first_trade(recorded[timeframe]), timeframe)
        else:
            yield timeframe, rolled[timeframe]
