"""The roll-up against candles that exchanges really published."""

from pathlib import Path

import numpy as np
import pytest

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleState
from livermore.market.rollup import roll_up

from .factories import D1, H1, M5, M15, MINUTE, PRICES, same
from .recorded import recorded


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "LTCUSDT"])
def test_five_minutes_rolled_up_are_the_exchanges_own_candles(shared_data: Path, symbol: str) -> None:
    base = recorded(shared_data, f"binance_spot_{symbol}", M5)
    for timeframe in (M15, H1, Timeframe.H4, D1):
        native = recorded(shared_data, f"binance_spot_{symbol}", timeframe)
        rolled = roll_up(base, M5.milliseconds, timeframe)
        assert len(rolled) >= len(native) - 1
        both = rolled.between(int(native.time[0]), int(native.time[-1]) + 1)
        assert same(both, native[: len(both)], ("time", *PRICES))
        assert np.allclose(both.volume, native.volume[: len(both)], rtol=1e-9)


def test_a_thin_market_rolls_up_exactly_although_a_third_of_its_minutes_are_quiet(shared_data: Path) -> None:
    base = recorded(shared_data, "binance_spot_XRPETH", Timeframe.M1)
    native = recorded(shared_data, "binance_spot_XRPETH", M5)
    rolled = roll_up(base, MINUTE, M5)
    first, last = max(rolled.time[0], native.time[0]), min(rolled.time[-1], native.time[-1])
    ours, theirs = rolled.between(int(first), int(last) + 1), native.between(int(first), int(last) + 1)
    traded = theirs.state == CandleState.TRADED
    assert (len(theirs), int(traded.sum())) == (712, 706)
    assert same(ours, theirs, ("time", *PRICES, "state"))
    flat = base[base.state == CandleState.QUIET]
    assert 0.3 < len(flat) / len(base) < 0.4
