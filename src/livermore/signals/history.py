"""The rules over whole histories: for catching up, for revisions and for replays."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec
import numpy as np

from livermore.indicators.service import History
from livermore.indicators.values import Values
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Times
from livermore.market.ports import Series
from livermore.signals.composer import Bar, Standing, compose, picture_of
from livermore.signals.rules import Hit, Rules, RuleState, decide, lasting, stirred
from livermore.signals.signal import Signal


class Found(msgspec.Struct, frozen=True, gc=False):
    """A hit, the bar it was found on, and when (ms) that closed."""

    closed: int
    timeframe: Timeframe
    place: int
    hit: Hit


def judge_history(
    scope: Scope, exchange: str, symbol: str, histories: Mapping[Timeframe, History], rules: Rules,
    states: Mapping[Timeframe, RuleState], after: Mapping[Timeframe, int],
    *, market_time: int | None, now: int,
) -> list[Signal]:  # fmt: skip
    """Judge every bar of a symbol that opened after `after`, in order, bringing the states up to the newest.

    `market_time` (ms) is when that happens, None for as each bar closed.
    """
    found = find(histories, rules, states, after)
    return composed(scope, exchange, symbol, histories, rules, found, market_time=market_time, now=now)


def find(
    histories: Mapping[Timeframe, History], rules: Rules,
    states: Mapping[Timeframe, RuleState], after: Mapping[Timeframe, int],
) -> list[Found]:  # fmt: skip
    """Judge every bar that opened after `after`; return the hits by close, timeframe, kind and level."""
    found: list[Found] = []
    for timeframe in sorted(states, key=lambda timeframe: timeframe.milliseconds):
        found += _judge(timeframe, histories[timeframe], rules, states[timeframe], after[timeframe])
    # Equal ones stay as they came: by timeframe, and on one bar the level before the reversal.
    found.sort(key=attrgetter("closed"))
    return found


def composed(
    scope: Scope, exchange: str, symbol: str, histories: Mapping[Timeframe, History], rules: Rules,
    found: Sequence[Found], *, market_time: int | None, now: int,
) -> list[Signal]:  # fmt: skip
    """Compose the signals of what was found."""
    stood = standings(histories, [one.closed for one in found])
    return [
        compose(
            scope, Series(exchange, symbol, one.timeframe), rules, one.hit,
            bar_of(histories[one.timeframe], one.place), picture_of(before),
            decided=one.closed if market_time is None else market_time, now=now,
        )
        for one, before in zip(found, stood, strict=True)
    ]  # fmt: skip


def _judge(timeframe: Timeframe, history: History, rules: Rules, state: RuleState, after: int) -> list[Found]:
    values, times = history.values, history.values.time
    bars = stirred(rules, history.previous, values.macdv, values.histogram).after(after, times)
    hits = decide(rules, state, timeframe.milliseconds, bars.rows(times), lasting=lasting(bars, times))
    return [Found(closed, timeframe, place, hit) for place, closed, hit in hits]


def bar_of(history: History, place: int) -> Bar:
    """Return one bar of a history with its values."""
    candles, values = history.candles, history.values
    return Bar(
        time=int(values.time[place]),
        close=float(candles.close[place]),
        state=int(candles.state[place]),
        source=int(candles.source[place]),
        confirmed=bool(candles.confirmed[place]),
        previous=float(history.previous[place]),
        macdv=float(values.macdv[place]),
        signal=float(values.signal[place]),
        histogram=float(values.histogram[place]),
        stage=int(values.stage[place]),
        ema12=float(values.ema12[place]),
        ema26=float(values.ema26[place]),
        atr26=float(values.atr26[place]),
        observed=int(values.observed[place]),
        quiet_ratio=float(values.quiet_ratio[place]),
        complete=bool(values.complete[place]),
        seed_time=history.seed_time,
    )


def standings(histories: Mapping[Timeframe, History], instants: Sequence[int]) -> Iterator[list[Standing]]:
    """Say for each instant (ms) where the timeframes stood: at their newest bars that had closed."""
    moments = np.array(instants, np.int64)
    stood = [_stood(timeframe, history.values, moments) for timeframe, history in histories.items()]
    for timeframes in zip(*stood, strict=True):
        yield [one for one in timeframes if one is not None]


def _stood(timeframe: Timeframe, values: Values, instants: Times) -> Iterator[Standing | None]:
    """Say for each instant where a timeframe stood; None before its first close."""
    if not len(values):
        return itertools.repeat(None, len(instants))
    length = timeframe.milliseconds
    closed = (instants // length * length - int(values.time[0])) // length
    begun = closed > 0
    places = np.clip(closed, 1, len(values)) - 1
    rows = zip(begun.tolist(), values.stage[places].tolist(), values.macdv[places].tolist(), strict=True)
    return (Standing(timeframe, stage, macdv) if has_begun else None for has_begun, stage, macdv in rows)
