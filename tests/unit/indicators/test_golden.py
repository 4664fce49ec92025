"""MACD-V and its stages against values computed in forty digits from what exchanges really published."""

from pathlib import Path

import numpy as np
import pytest

from livermore.indicators.history import derive, derive_fast
from livermore.indicators.macdv import MacdvState
from livermore.indicators.stages import STAGES
from livermore.indicators.values import Values
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState, fill_quiet
from livermore.market.rollup import roll_up
from tests.unit.market.factories import M5, MINUTE
from tests.unit.market.recorded import recorded, rows

from .factories import AVERAGES, values_equal

GOLDEN = {
    "binance_spot_BTCUSDT_1h": Timeframe.H1,
    "binance_spot_ETHUSDT_1m": Timeframe.M1,
    "binance_spot_XRPETH_1m": Timeframe.M1,
    "coinbase_BTC-USD_4h": Timeframe.H4,
    "freqtrade_UNITTESTBTC_1m": Timeframe.M1,
}


def golden(data: Path, name: str) -> list[dict[str, str]]:
    return rows(data / "golden" / f"macdv_{name}.csv.gz")


def check(values: Values, told: list[dict[str, str]]) -> None:
    """Hold values against golden ones: within 1e-9 of them, and at the same stage."""
    assert len(values) == len(told)
    for name in AVERAGES:
        expected = np.array([float(row[name] or "nan") for row in told])
        ours = getattr(values, name)
        assert np.array_equal(np.isnan(ours), np.isnan(expected)), name
        error = np.abs(ours - expected) / np.maximum(1.0, np.abs(expected))
        assert np.nanmax(error) <= 1e-9, name
    assert [STAGES[code] for code in values.stage] == [row["stage"] for row in told]


@pytest.mark.parametrize("name", GOLDEN)
def test_recorded_candles_give_the_golden_values_and_stages(shared_data: Path, name: str) -> None:
    told, timeframe = golden(shared_data, name), GOLDEN[name]
    market = name.removesuffix(f"_{timeframe}")
    candles = recorded(shared_data, market, timeframe)[: len(told)]
    assert (candles.state == CandleState.QUIET).tolist() == [row["quiet"] == "1" for row in told]
    check(derive(MacdvState(), candles), told)
    check(derive_fast(MacdvState(), candles), told)


def test_a_plain_sequence_without_a_clock_gives_the_golden_values(shared_data: Path) -> None:
    told = golden(shared_data, "spy_daily")
    columns = ([float(row[name]) for row in told] for name in ("open", "high", "low", "close", "volume"))
    times = [int(row["time"]) for row in told]
    candles = Candles.of(times, *columns, state=[CandleState.TRADED] * len(told))
    check(derive(MacdvState(), candles), told)


def test_a_recording_of_many_months_is_derived_to_the_same_bits_either_way(shared_data: Path) -> None:
    for candles in (
        recorded(shared_data, "binance_spot_ADABTC", M5),
        roll_up(recorded(shared_data, "binance_spot_XRPETH", Timeframe.M1), MINUTE, M5),
        recorded(shared_data, "binance_spot_DOGEUSDT", M5)[:30_000],
    ):
        assert values_equal(derive(MacdvState(), candles), derive_fast(MacdvState(), candles))


def test_thin_markets_stay_within_reason(shared_data: Path) -> None:
    """Quiet bars give no true range: without that rule one real series showed 396 instead of 95."""
    candles = recorded(shared_data, "binance_spot_XRPETH", Timeframe.M1)
    values = derive(MacdvState(), candles)
    naive = derive(
        MacdvState(),
        Candles.of(
            candles.time,
            candles.open,
            candles.high,
            candles.low,
            candles.close,
            candles.volume,
            state=np.ones(len(candles)),
        ),
    )
    assert np.nanmax(np.abs(values.macdv)) < np.nanmax(np.abs(naive.macdv))
    assert len(fill_quiet(candles, Timeframe.M1)) == len(candles)
