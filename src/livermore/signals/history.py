"""The rules over whole histories: for catching up, for revisions and for replays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


from livermore.indicators.service import History
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series
from livermore.signals.composer import Bar, Standing, compose
from livermore.signals.rules import Hit, Rules, RuleState, candidates, judge
from livermore.signals.signal import Signal


class Found(NamedTuple):
    """A hit and the bar it was found on."""

    closed: int
    timeframe: Timeframe
    place: int
    hit: Hit

    def order(self) -> tuple[int, int, str, int]:
        """Return what signals are ordered by: close, timeframe length, kind, level."""
        return self.closed, self.timeframe.milliseconds, self.hit.kind, self.hit.level or 0


def judge_history(
    scope: Scope, exchange: str, symbol: str, histories: Mapping[Timeframe, History], rules: Rules,
    states: Mapping[Timeframe, RuleState], after: Mapping[Timeframe, int], *, market_time: int | None, now: int,
) -> list[Signal]:  # fmt: skip
    """Judge every bar of a symbol that opened after `after`, in order, bringing the states up to the newest.

    `market_time` (ms) is when that happens, None for as each bar closed.
    """
    found: list[Found] = []
    for timeframe, history in histories.items():
        if timeframe in states:
            found += _judge(timeframe, history, rules, states[timeframe], after[timeframe])
    found.sort(key=Found.order)
    return [
        compose(
            scope, Series(exchange, symbol, one.timeframe), rules, one.hit,
            bar_of(histories[one.timeframe], one.place), list(standings(histories, one.closed)),
            decided=one.closed if market_time is None else market_time, now=now,
        )
        for one in found
    ]  # fmt: skip


def _judge(
    timeframe: Timeframe, history: History, rules: Rules, state: RuleState, after: int
) -> Iterator[Found]:
    values, length = history.values, timeframe.milliseconds
    places = candidates(rules, history.previous, values.macdv, values.histogram)
    places = places[values.time[places] > after]
    columns = (values.time, history.previous, values.macdv, values.histogram)
    rows = zip(places.tolist(), *(column[places].tolist() for column in columns), strict=True)
    for place, time, previous, macdv, histogram in rows:
        for hit in judge(rules, state, time, time + length, previous, macdv, histogram):
            yield Found(time + length, timeframe, place, hit)


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


def standings(histories: Mapping[Timeframe, History], instant: int) -> Iterator[Standing]:
    """Say where each timeframe stood at an instant (ms): at its newest bar that had closed."""
    for timeframe, history in histories.items():
        times = history.values.time
        if not len(times):
            continue
        place = (timeframe.bucket(instant) - int(times[0])) // timeframe.milliseconds - 1
        place = min(place, len(times) - 1)
        if place >= 0:
            values = history.values
            yield Standing(timeframe, int(values.stage[place]), float(values.macdv[place]))
