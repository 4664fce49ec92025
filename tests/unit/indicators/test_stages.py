"""Stages: a total function, at its edges too, one by one and in arrays alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.indicators.stages import STAGES, stage_of, stages_of
from tests.reference.macdv import exact
from tests.reference.macdv import stage_of as reference_stage

EDGES = [
    edge
    for level in (-150.0, -50.0, 0.0, 50.0, 150.0)
    for edge in (np.nextafter(level, -999), level, np.nextafter(level, 999))
]
NUMBERS = st.one_of(
    st.sampled_from([float(edge) for edge in EDGES]), st.floats(-500, 500), st.just(float("nan"))
)
BARS = st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 25)), max_size=20)


@given(BARS)
def test_every_bar_has_the_stage_of_the_reference(bars: list[tuple[float, float, int]]) -> None:
    # A run of calm bars cannot end on a bar that is not calm.
    bars = [(value, signal, run if abs(value) <= 50 else 0) for value, signal, run in bars]
    one_by_one = [stage_of(*bar) for bar in bars]
    macdv, signal, run = (np.array([bar[place] for bar in bars], np.float64) for place in range(3))
    assert stages_of(macdv, signal, run).tolist() == one_by_one
    for (value, line, length), stage in zip(bars, one_by_one, strict=True):
        known = [None if number != number else exact(number) for number in (value, line)]
        assert STAGES[stage] == reference_stage(known[0], known[1], length)


@pytest.mark.parametrize(
    ("macdv", "signal", "run", "stage"),
    [
        (150.0, 0.0, 0, "rallying"),
        (-150.0, 0.0, 0, "reversing"),
        (50.0, 0.0, 20, "ranging"),
        (-50.0, 0.0, 20, "ranging"),
        (50.0, 0.0, 19, "rallying"),
        (-50.0, 0.0, 19, "reversing"),
        (151.0, 0.0, 99, "overbought"),
    ],
)
def test_ranging_is_reached_and_exact_edges_are_no_hole(
    macdv: float, signal: float, run: int, stage: str
) -> None:
    """The earlier system never reached `ranging` and called exact ±50 and ±150 unknown."""
    assert STAGES[stage_of(macdv, signal, run)] == stage


def test_the_stages_are_the_eight_that_are_specified() -> None:
    assert set(STAGES) == {
        "warming_up", "oversold", "overbought", "ranging", "rallying", "rebounding", "retracing", "reversing",
    }  # fmt: skip
