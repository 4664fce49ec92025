"""Where the timeframes of a symbol stood at an instant, when their histories begin at different times."""

from __future__ import annotations

import numpy as np

from livermore.indicators.history import derive, previous_defined
from livermore.indicators.macdv import MacdvState
from livermore.indicators.service import History
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.signals.history import standings

HOUR = Timeframe.H1.milliseconds
START = 1_735_689_600_000


def history(timeframe: Timeframe, first: int, count: int) -> History:
    time = first + np.arange(count) * timeframe.milliseconds
    price = 100 + np.sin(np.arange(count))
    candles = Candles.of(time, price, price + 1, price - 1, price, np.ones(count))
    values = derive(MacdvState(), candles)
    return History(candles, values, previous_defined(values.macdv), first)


def test_a_timeframe_that_begins_later_does_not_stand_before_its_first_close() -> None:
    late = START + 1_000 * HOUR
    histories = {
        Timeframe.M1: history(Timeframe.M1, late, 60),
        Timeframe.H1: history(Timeframe.H1, START, 1_002),
    }
    instants = [START + HOUR, late, late + 60_000, late + HOUR, late + 2 * HOUR]
    stood = list(standings(histories, instants))
    assert [[one.timeframe for one in each] for each in stood] == [
        [Timeframe.H1],
        [Timeframe.H1],
        [Timeframe.M1, Timeframe.H1],
        [Timeframe.M1, Timeframe.H1],
        [Timeframe.M1, Timeframe.H1],
    ]
    newest = histories[Timeframe.M1].values
    assert stood[-1][0].stage == newest.stage[-1]
    assert stood[0][0].stage == histories[Timeframe.H1].values.stage[0]
