"""Prove that the generated series are sound and hard enough."""

from collections import Counter
from collections.abc import Sequence

import pytest

from .macdv import fill, reference_macdv
from .rollup import reference_rows
from .rules import LEVEL, OVERBOUGHT, OVERSOLD, TIMEFRAMES, Signal, reference_signals
from .series import GENERATORS, Candle, dozing

MINUTE, FIVE, HOUR = TIMEFRAMES["1m"], TIMEFRAMES["5m"], TIMEFRAMES["1h"]


def signals_of(told: Sequence[Candle]) -> list[Signal]:
    """Return the signals of a generated minute series over three timeframes."""
    bars = fill(told, MINUTE)
    return reference_signals(reference_rows(bars, MINUTE, (MINUTE, FIVE, HOUR)), {})


@pytest.mark.parametrize("name", GENERATORS)
def test_a_seed_gives_the_same_sound_candles(name: str) -> None:
    told = GENERATORS[name](1, 600, MINUTE)
    assert told == GENERATORS[name](1, 600, MINUTE) != GENERATORS[name](2, 600, MINUTE)
    for _, opened, highest, lowest, closed, volume in told:
        assert 0 < lowest <= min(opened, closed) <= max(opened, closed) <= highest
        assert volume >= 0


def test_generated_series_are_what_their_names_say() -> None:
    quiet = {
        name: Counter(bar.quiet for bar in fill(make(3, 3000, MINUTE), MINUTE))
        for name, make in GENERATORS.items()
    }
    assert 0.3 < quiet["thin"][True] / quiet["thin"].total() < 0.37
    assert quiet["gapped"][True] > 100
    assert [quiet[name][True] for name in ("volatile", "trending", "flat", "spiked")] == [0] * 4
    assert {
        row.atr26 for row in reference_macdv(fill(GENERATORS["flat"](3, 600, MINUTE), MINUTE))[25:300]
    } == {0}


def test_generated_series_reach_every_kind_on_every_side() -> None:
    seen = {
        (signal["kind"], signal["direction"])
        for name in ("trending", "thin")
        for signal in signals_of(GENERATORS[name](1, 3000, MINUTE))
    }
    assert seen == {(LEVEL, "up"), (LEVEL, "down"), (OVERSOLD, "up"), (OVERBOUGHT, "down")}


def test_a_price_that_stands_still_says_nothing() -> None:
    told = dozing(1, 1500)
    signals = [signal for signal in signals_of(told) if signal["timeframe"] == MINUTE]
    assert signals
    assert max(signal["time"] for signal in signals) < told[250][0]
