"""Bias: the watched timeframes weighed against each other."""

from hypothesis import given
from hypothesis import strategies as st

from livermore.indicators.stages import OVERBOUGHT, OVERSOLD, STAGES
from livermore.kernel.timeframe import Timeframe
from livermore.signals.bias import bias_of
from tests.reference.rules import bias_of as reference_bias


@given(st.dictionaries(st.sampled_from(list(Timeframe)), st.integers(0, len(STAGES) - 1)))
def test_every_mixture_leans_as_the_reference_says(stages: dict[Timeframe, int]) -> None:
    named = {timeframe.milliseconds: STAGES[stage] for timeframe, stage in stages.items()}
    assert bias_of(stages.items()) == reference_bias(named)


def test_exactly_one_and_a_half_times_is_not_enough() -> None:
    assert bias_of([(Timeframe.M15, OVERSOLD), (Timeframe.M5, OVERBOUGHT)]) == "neutral"
    assert bias_of([(Timeframe.H1, OVERSOLD), (Timeframe.M5, OVERBOUGHT)]) == "bullish"
    assert bias_of([]) == "neutral"
