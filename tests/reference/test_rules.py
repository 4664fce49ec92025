"""Prove the rules against series of MACD-V short enough to be judged by eye."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import zip_longest

import pytest

from .macdv import Row
from .rules import LEVEL, OVERBOUGHT, OVERSOLD, TIMEFRAMES, Level, bias_of, crossed_level, reference_signals

MINUTE, HOUR = TIMEFRAMES["1m"], TIMEFRAMES["1h"]


def rows(values: Sequence[int | str | None], histograms: Sequence[int | str | None] = ()) -> list[Row]:
    """Return one-minute rows with these MACD-V and, where given, histograms."""
    return [
        Row(time=at * MINUTE, macdv=decimal(value), histogram=decimal(histogram))
        for at, (value, histogram) in enumerate(zip_longest(values, histograms))
    ]


def decimal(value: int | str | None) -> Decimal | None:
    """Return the decimal of a number, and None for None."""
    return None if value is None else Decimal(value)


def found(
    values: Sequence[int | str | None], histograms: Sequence[int | str | None] = (), **alerts: object
) -> list[tuple[int, str, Level | None]]:
    """Return (bar, kind, level) of every signal on a one-minute series, without cooldown unless asked."""
    signals = reference_signals({MINUTE: rows(values, histograms)}, {"cooldown_seconds": 0} | alerts)
    return [(signal["time"] // MINUTE, signal["kind"], signal["level"]) for signal in signals]


# Levels


@pytest.mark.parametrize(
    ("previous", "value", "level"),
    [
        (150, 151, 150),
        (149, 150, None),
        (151, 152, None),
        (-150, -151, -150),
        (-149, -150, None),
        (-151, -152, None),
        (0, 251, 250),
        (0, 250, 200),
        (-10, -401, -400),
        (-300, 301, 300),
        (160, 140, None),
        (-160, -140, None),
    ],
)
def test_only_the_outermost_level_is_crossed_and_only_outwards(
    previous: int, value: int, level: int | None
) -> None:
    levels = (150, 200, 250, 300, 350, 400)
    assert crossed_level(Decimal(previous), Decimal(value), levels) == level
    assert [signal[2] for signal in found([previous, value])] == ([] if level is None else [level])


def test_an_undefined_value_is_stepped_over() -> None:
    assert found([None, 140, None, None, 160]) == [(4, LEVEL, 150)]
    assert found([None, 160]) == []


def test_a_cooldown_ends_at_its_last_second_and_hides_no_inner_level() -> None:
    back_and_forth = [0, 210, 0, 210, 0, 210, 0, 210]
    assert [at for at, *_ in found(back_and_forth, cooldown_seconds=120)] == [1, 3, 5, 7]
    assert [at for at, *_ in found(back_and_forth, cooldown_seconds=121)] == [1, 5]
    assert found([0, 210, 0, 160, 0, 210], cooldown_seconds=300) == [(1, LEVEL, 200), (3, LEVEL, 150)]


def test_a_held_back_signal_does_not_prolong_the_cooldown() -> None:
    assert [at for at, *_ in found([0, 210] * 5, cooldown_seconds=300)] == [1, 7]


def test_history_is_known_and_not_judged() -> None:
    series = {MINUTE: rows([0, 210, None, 140, 160, 0, 210])}
    signals = reference_signals(series, {"cooldown_seconds": 300}, {MINUTE: 3 * MINUTE})
    assert [(signal["time"] // MINUTE, signal["level"]) for signal in signals] == [(4, 150), (6, 200)]


# Reversals


def test_a_reversal_needs_more_than_its_buffer_and_two_bars_beyond_the_extreme() -> None:
    assert found([-200, -200], [None, "10"]) == []
    assert found([-200, -200], [None, "10.1"]) == [(1, OVERSOLD, None)]
    assert found([200, 200], [None, "-6"]) == []
    assert found([200, 200], [None, "-6.1"]) == [(1, OVERBOUGHT, None)]
    assert found([-150, -200], [None, "99"], levels=[999]) == []
    assert found([-200, -150], [None, "99"]) == []
    assert found([-200, -200]) == []


def test_a_reversal_fires_once_until_a_level_on_its_side_is_crossed() -> None:
    turned = [0, 20, 20, 20]
    assert found([-210, -190, -190, -190], turned) == [(1, OVERSOLD, None)]
    crossed = found([-210, -190, -190, -201, -190], [0, 20, 20, 0, 20])
    assert crossed == [(1, OVERSOLD, None), (3, LEVEL, -200), (4, OVERSOLD, None)]
    other_side = found([-210, -190, 210, -190, -190], [0, 20, 0, 20, 20], levels=[200])
    assert other_side == [(1, OVERSOLD, None), (2, LEVEL, 200)]


def test_a_level_comes_before_the_reversal_that_it_re_arms() -> None:
    assert found([-190, -190, -210], [0, 20, 20]) == [
        (1, OVERSOLD, None),
        (2, LEVEL, -200),
        (2, OVERSOLD, None),
    ]


def test_a_held_back_crossing_re_arms_and_a_held_back_reversal_stays_armed() -> None:
    values = [-190, -210, -190, -210, -190, -190, -190, -190]
    histograms = [0, 0, 20, 0, 20, 20, 20, 20]
    assert found(values, histograms, cooldown_seconds=300) == [
        (1, LEVEL, -200),
        (2, OVERSOLD, None),
        (7, OVERSOLD, None),
    ]


# Several timeframes


def staged(timeframe: int, values: Sequence[int], stage: str) -> list[Row]:
    """Return rows of one timeframe that all have one stage."""
    return [Row(time=at * timeframe, macdv=Decimal(value), stage=stage) for at, value in enumerate(values)]


def test_all_that_closes_at_one_instant_is_updated_before_any_rule_runs() -> None:
    series = {HOUR: staged(HOUR, [0, 210], "overbought"), MINUTE: staged(MINUTE, [0, 210] * 60, "rallying")}
    signals = reference_signals(series, {"cooldown_seconds": 0})
    assert [signal["bias"] for signal in signals[:29]] == ["bullish"] * 29
    assert [signal["bias"] for signal in signals[29:]] == ["bearish"] * 32
    assert [(signal["time"], signal["timeframe"]) for signal in signals[-2:]] == [
        (2 * HOUR - MINUTE, MINUTE),
        (HOUR, HOUR),
    ]


@pytest.mark.parametrize(
    ("stages", "bias"),
    [
        ({}, "neutral"),
        ({"1m": "rallying"}, "bullish"),
        ({"15m": "oversold", "5m": "overbought"}, "neutral"),
        ({"4h": "rebounding", "15m": "reversing"}, "bullish"),
        ({"1d": "retracing", "1h": "rallying"}, "neutral"),
        ({"1d": "retracing", "30m": "rallying"}, "bearish"),
        ({"1d": "ranging", "6h": "warming_up", "1m": "reversing"}, "bearish"),
    ],
)
def test_bias_weighs_the_timeframes(stages: dict[str, str], bias: str) -> None:
    assert bias_of({TIMEFRAMES[name]: stage for name, stage in stages.items()}) == bias
