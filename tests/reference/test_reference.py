"""Prove the values against recorded ones, and against cases small enough to be worked out by hand."""

import csv
import gzip
from collections.abc import Sequence
from decimal import Context, Decimal
from pathlib import Path

import pytest

from .macdv import Bar, fill, plain, ranging_runs, reference_macdv, stage_of
from .rollup import reference_rollup
from .rules import TIMEFRAMES
from .series import Candle

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PRINTED, SURE = Context(prec=17), Context(prec=35)
COLUMNS = ("ema12", "ema26", "atr26", "macdv", "signal", "histogram")
FIELDS = ("time", "open", "high", "low", "close", "volume", "quiet")
CANDLE_FIELDS = ("timestamp_ms", *FIELDS[1:6])
HALF = Decimal("0.5")
MINUTE, FIVE = TIMEFRAMES["1m"], TIMEFRAMES["5m"]

GOLDEN = {
    "binance_spot_BTCUSDT_1h": "1h",
    "binance_spot_ETHUSDT_1m": "1m",
    "binance_spot_XRPETH_1m": "1m",
    "coinbase_BTC-USD_4h": "4h",
    "freqtrade_UNITTESTBTC_1m": "1m",
}
ROLLUPS = [
    ("binance_spot_XRPETH", "1m", "5m"),
    ("binance_spot_BTCUSDT", "5m", "15m"),
    ("binance_spot_DOGEUSDT", "15m", "1h"),
    ("binance_spot_SOLUSDT", "1h", "1d"),
]

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded market data is not here")


def read(folder: str, name: str) -> list[dict[str, str]]:
    """Return the rows of one recorded file."""
    with gzip.open(DATA / folder / f"{name}.csv.gz", "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def candles(name: str) -> list[list[str]]:
    """Return recorded candles as the exchange told them, absent buckets absent."""
    return [[row[name] for name in CANDLE_FIELDS] for row in read("ohlcv", name)]


def traded(closes: Sequence[int | str], timeframe: int = MINUTE) -> list[Bar]:
    """Return traded bars with these closes and a range of one below each."""
    prices = [Decimal(close) for close in closes]
    return [
        Bar(at * timeframe, price, price, price - 1, price, Decimal(1), False)
        for at, price in enumerate(prices)
    ]


def still(at: int, price: int) -> Bar:
    """Return a traded bar without any range."""
    flat = Decimal(price)
    return Bar(at, flat, flat, flat, flat, Decimal(1), False)


def rounded(value: Decimal | None) -> Decimal:
    """Return a defined value without the last few of its forty digits."""
    assert value is not None
    return SURE.plus(value)


def decimal(value: int | str | None) -> Decimal | None:
    """Return the decimal of a number, and None for None."""
    return None if value is None else Decimal(value)


# Recorded values


def assert_golden(bars: Sequence[Bar], golden: Sequence[dict[str, str]]) -> None:
    """Compare bars, values and stages with a golden file, to the last printed digit."""
    for bar, row, expected in zip(bars, reference_macdv(bars), golden, strict=True):
        assert tuple(bar) == tuple(Decimal(expected[name]) for name in FIELDS)
        values = [getattr(row, column) for column in COLUMNS]
        printed = [None if value is None else PRINTED.plus(value) for value in values]
        assert printed == [decimal(expected[column] or None) for column in COLUMNS]
        assert (row.time, row.stage) == (bar.time, expected["stage"])


@needs_data
@pytest.mark.parametrize("name", GOLDEN)
def test_candles_of_an_exchange_give_the_golden_values(name: str) -> None:
    golden = read("golden", f"macdv_{name}")
    filled = fill(candles(name), TIMEFRAMES[GOLDEN[name]])
    assert_golden(filled[: len(golden)], golden)


@needs_data
def test_a_plain_sequence_gives_the_golden_values() -> None:
    golden = read("golden", "macdv_spy_daily")
    assert_golden(plain([[row[name] for name in FIELDS] for row in golden]), golden)


@needs_data
@pytest.mark.parametrize(("symbol", "lower", "higher"), ROLLUPS)
def test_the_rollup_equals_the_candles_of_the_exchange(symbol: str, lower: str, higher: str) -> None:
    base = fill(candles(f"{symbol}_{lower}"), TIMEFRAMES[lower])
    native = fill(candles(f"{symbol}_{higher}"), TIMEFRAMES[higher])
    assert reference_rollup(base, TIMEFRAMES[lower], TIMEFRAMES[higher]) == native


# MACD-V by hand


def test_an_average_begins_with_the_mean_and_moves_by_alpha() -> None:
    averages = [row.ema12 for row in reference_macdv(traded([13] * 12 + [26, 28]))]
    assert averages[:11] == [None] * 11
    assert [rounded(value) for value in averages[11:]] == [13, 15, 17]


def test_a_steady_climb_has_the_value_that_algebra_gives() -> None:
    result = reference_macdv(traded(range(60)))
    assert [row.macdv is not None for row in result].index(True) == 25
    assert [row.signal is not None for row in result].index(True) == 33
    # Both averages lag by (n - 1) / 2 bars: 12.5 - 5.5 = 7 ticks apart, over a range of 1.
    assert {rounded(row.macdv) for row in result[25:]} == {700}
    assert {rounded(row.signal) for row in result[33:]} == {700}
    assert {row.stage for row in result[33:]} == {"overbought"}


def test_the_range_is_seeded_by_observed_bars_and_carried_over_quiet_ones() -> None:
    ranges = [1, None, *[27] * 25, None, 52]
    bars = [
        still(at, 100)._replace(high=Decimal(100 + (span or 900)), quiet=span is None)
        for at, span in enumerate(ranges)
    ]
    result = reference_macdv(bars)
    # (1 + 25 × 27) / 26 = 26 on the 26th observed bar, then 26 again, then 52/26 + 26 × 25/26 = 27.
    assert [row.atr26 for row in result[:26]] == [None] * 26
    assert [rounded(row.atr26) for row in result[26:]] == [26, 26, 27]
    assert [row.observed for row in result[-3:]] == [26, 26, 27]


def test_the_range_after_a_quiet_bar_reaches_back_to_the_close_before_it() -> None:
    bars = [*traded([10] * 26), still(26, 99)._replace(quiet=True), still(27, 37)]
    # The mean of 26 ones is one; 27 from 10 up to 37 makes 27/26 + 25/26 = 2.
    assert [rounded(row.atr26) for row in reference_macdv(bars)[-3:]] == [1, 1, 2]


def test_without_any_range_nothing_is_defined_until_the_price_moves() -> None:
    result = reference_macdv([still(at, max(5, at - 34)) for at in range(49)])
    assert {row.stage for row in result[:48]} == {"warming_up"}
    assert [row.macdv for row in result[25:40]] == [None] * 15
    assert [row.macdv is None for row in result[40:]] == [False] * 9
    assert [row.signal is None for row in result[40:]] == [True] * 8 + [False]


def test_absent_and_zero_volume_are_the_same_quiet_bar() -> None:
    told: list[Candle] = [
        (0, 0, 0, 0, 0, 0.0),
        (1, 1, 3, 1, 2, 5.0),
        (2, 9, 9, 9, 9, 0.0),
        (4, 4, 4, 4, 4, 1.0),
    ]
    filled = fill(told, 1)
    assert [(bar.time, int(bar.close), bar.quiet) for bar in filled] == [
        (1, 2, False),
        (2, 2, True),
        (3, 2, True),
        (4, 4, False),
    ]
    assert fill([candle for candle in told if candle[5]], 1) == filled
    assert [bar.quiet for bar in plain(told)] == [False] * 4


def test_quiet_at_the_end_is_kept_when_it_was_told() -> None:
    filled = fill([(0, 1.0, 1.0, 1.0, 1.0, 1.0), (2, 8.0, 8.0, 8.0, 8.0, 0.0)], 1)
    assert [(bar.time, int(bar.close), bar.quiet) for bar in filled] == [
        (0, 1, False),
        (1, 1, True),
        (2, 1, True),
    ]


@pytest.mark.parametrize("times", [(2, 0), (0, 0), (0, 3)])
def test_candles_out_of_order_or_off_the_grid_are_refused(times: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="off the grid"):
        fill([(time, 1.0, 1.0, 1.0, 1.0, 1.0) for time in times], 2)


def test_confidence_needs_52_observed_bars_and_less_than_half_of_them_quiet() -> None:
    flags = [False] * 52 + [True] * 26 + [False]
    bars = [bar._replace(quiet=quiet) for bar, quiet in zip(traded([7] * 79), flags, strict=True)]
    result = reference_macdv(bars)
    assert [row.low_confidence for row in result[50:53]] == [True, False, False]
    assert [rounded(row.quiet_ratio) for row in result[76:]] == [SURE.divide(25, 52), HALF, HALF]
    assert [row.low_confidence for row in result[76:]] == [False, True, True]


def test_observed_stops_at_a_thousand() -> None:
    assert [row.observed for row in reference_macdv(traded([1] * 1002))[998:]] == [999, 1000, 1000, 1000]


# Stages


@pytest.mark.parametrize(
    ("macdv", "signal", "stage"),
    [
        ("150.1", "0", "overbought"),
        ("150", "0", "rallying"),
        ("150", "150", "retracing"),
        ("-150.1", "-200", "oversold"),
        ("-150", "-200", "rebounding"),
        ("-150", "-150", "reversing"),
        ("50", "49", "rallying"),
        ("49.9", "49", "rebounding"),
        ("50", "50", "retracing"),
        ("-50", "-51", "rebounding"),
        ("-49.9", "-49", "retracing"),
        ("-50", "-50", "reversing"),
        (None, None, "warming_up"),
        ("200", None, "warming_up"),
    ],
)
def test_stages_at_their_edges(macdv: str | None, signal: str | None, stage: str) -> None:
    assert stage_of(decimal(macdv), decimal(signal), 0) == stage


def test_ranging_begins_with_the_twentieth_calm_bar() -> None:
    runs = ranging_runs([Decimal(50), Decimal(-50)] * 10 + [Decimal("50.1"), Decimal(1), None, Decimal(1)])
    assert runs == [*range(1, 21), 0, 1, 0, 1]
    calm, line = Decimal(50), Decimal(0)
    assert [stage_of(calm, line, run) for run in (19, 20, 21)] == ["rallying", "ranging", "ranging"]


def test_an_extreme_comes_before_a_calm_run() -> None:
    assert stage_of(Decimal(151), Decimal(0), 20) == "overbought"


# Roll-up


def five_minutes(quiet: str, missing: tuple[int, ...] = ()) -> list[Bar]:
    """Return minutes closing at 1, 2, 3…, quiet where the pattern has a `q`."""
    bars = [bar._replace(quiet=flag == "q") for bar, flag in zip(traded(range(1, 99)), quiet, strict=False)]
    return [bar for at, bar in enumerate(bars) if at not in missing]


def test_quiet_bars_contribute_nothing_to_the_rollup() -> None:
    (bar,) = reference_rollup(five_minutes("qtqtq"), MINUTE, FIVE)
    assert bar == Bar(0, Decimal(2), Decimal(4), Decimal(1), Decimal(4), Decimal(2), False)


def test_all_quiet_is_quiet_and_any_missing_is_missing() -> None:
    bars = reference_rollup(five_minutes("t" * 5 + "q" * 5 + "t" * 10, missing=(12,)), MINUTE, FIVE)
    assert [(bar.time // FIVE, bar.quiet) for bar in bars] == [(0, False), (1, True), (3, False)]
    assert bars[1].volume == 0


def test_an_incomplete_bucket_and_what_precedes_the_first_trade_are_left_out() -> None:
    bars = reference_rollup(five_minutes("q" * 7 + "t" * 11), MINUTE, FIVE)
    assert [bar.time // FIVE for bar in bars] == [1, 2]
    assert reference_rollup(five_minutes("tttt"), MINUTE, FIVE) == []
    assert reference_rollup(five_minutes("qqqqq"), MINUTE, FIVE) == []


def test_a_bucket_begun_halfway_is_missing_unless_its_beginning_is_known_to_be_empty() -> None:
    bars = five_minutes("t" * 10, missing=(0, 1))
    assert [bar.time for bar in reference_rollup(bars, MINUTE, FIVE)] == [FIVE]
    assert [bar.time for bar in reference_rollup(bars, MINUTE, FIVE, covered_from=0)] == [0, FIVE]
