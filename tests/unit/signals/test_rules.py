"""The rules: bar by bar and over histories, as the reference judges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.kernel.errors import CorruptDataError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.signals.history import judge_history
from livermore.signals.replay import replay_symbol
from livermore.signals.rules import REMEMBERED, Hit, Rules, RuleState, decide, stirred
from livermore.signals.signal import Signal
from tests.reference.macdv import Row, exact
from tests.reference.rules import SeriesRules, reference_signals
from tests.reference.rules import crossed_level as reference_level
from tests.unit.market.factories import ALL_GENERATORS, M5, MINUTE, generated

from .factories import (
    DEFAULT,
    EAGER,
    EVERY_RULES,
    SLOW,
    alerts_section,
    histories_of,
    reference_rows,
    reference_said,
    said,
)

SCOPE = Scope(user_id=1, identity_sub="sub")
NAN = float("nan")
LEVELS = st.lists(st.integers(1, 400), max_size=6, unique=True).map(lambda levels: tuple(sorted(levels)))
RULES = st.builds(
    Rules,
    levels=st.one_of(st.just(DEFAULT.levels), LEVELS),
    oversold_buffer=st.sampled_from([0.0, 0.03, 0.05, 0.5]),
    overbought_buffer=st.sampled_from([0.0, 0.03, 0.05, 0.5]),
    cooldown=st.sampled_from([0, 60_000, 61_000, 300_000, 3_600_000]),
)
VALUES = st.one_of(
    st.just(NAN),
    st.sampled_from([-400.0, -200.0, -150.0, -50.0, 0.0, 50.0, 150.0, 200.0, 400.0]),
    st.integers(-450, 450).map(float),
    st.floats(-500, 500),
)
TURNS = st.one_of(st.just(NAN), st.sampled_from([-7.5, -6.0, 0.0, 7.5, 10.0]), st.floats(-50, 50))
WALKS = st.lists(st.tuples(VALUES, TURNS), min_size=1, max_size=40)


def columns(walk: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the last defined value before each bar, its value and its histogram, as the bank would."""
    previous, last = list[float](), NAN
    for value, _ in walk:
        previous.append(last)
        last = last if value != value else value
    macdv = [value for value, _ in walk]
    turns = [NAN if value != value else turn for value, turn in walk]
    return np.array(previous), np.array(macdv), np.array(turns)


def judge(
    rules: Rules, state: RuleState, time: int, close_time: int, previous: float, macdv: float, turn: float
) -> list[Hit]:
    """Decide one bar alone."""
    bars = stirred(rules, *(np.array([one]) for one in (previous, macdv, turn)))
    return [hit for _, _, hit in decide(rules, state, close_time - time, bars.rows(np.array([time])))]


def judged(rules: Rules, walk: list[tuple[float, float]]) -> tuple[list[tuple[int, Hit]], RuleState]:
    """Judge every bar of a walk, candidates or not."""
    state, hits = RuleState(), list[tuple[int, Hit]]()
    for place, bar in enumerate(zip(*(column.tolist() for column in columns(walk)), strict=True)):
        time = place * MINUTE
        hits += [(place, hit) for hit in judge(rules, state, time, time + MINUTE, *bar)]
    return hits, state


@given(WALKS, RULES)
@settings(max_examples=200, deadline=None)
def test_every_bar_is_judged_as_the_reference_judges_it(
    walk: list[tuple[float, float]], rules: Rules
) -> None:
    reference, expected = SeriesRules(alerts_section(rules)), list[tuple[int, Hit]]()
    _, macdv, turns = columns(walk)
    for place, (value, turn) in enumerate(zip(macdv.tolist(), turns.tolist(), strict=True)):
        row = Row(
            time=place * MINUTE,
            macdv=None if value != value else exact(value),
            histogram=None if turn != turn else exact(turn),
        )
        # A float product may round across an edge that exact arithmetic sees; such edges are left to chance.
        expected += [(place, Hit(*found)) for found in reference.evaluate(row, (place + 1) * MINUTE)]  # type: ignore[arg-type]
    assert judged(rules, walk)[0] == expected


@given(WALKS, RULES)
@settings(max_examples=200, deadline=None)
def test_no_bar_outside_the_candidates_can_say_or_change_anything(
    walk: list[tuple[float, float]], rules: Rules
) -> None:
    previous, macdv, turns = columns(walk)
    chosen = set(stirred(rules, previous, macdv, turns).places.tolist())
    state = RuleState()
    for place in range(len(walk)):
        before = state.freeze()
        time = place * MINUTE
        hits = judge(
            rules,
            state,
            time,
            time + MINUTE,
            previous[place].item(),
            macdv[place].item(),
            turns[place].item(),
        )
        if place not in chosen:
            assert hits == []
            assert state.freeze() == before


@given(VALUES, VALUES, LEVELS)
def test_the_outermost_level_is_found(previous: float, value: float, levels: tuple[int, ...]) -> None:
    known = previous == previous and value == value
    expected = reference_level(exact(previous), exact(value), levels) if known else None
    found = stirred(Rules(levels=levels), *(np.array([one]) for one in (previous, value, NAN)))
    assert found.levels.tolist() == ([expected] if expected is not None else [])


@pytest.mark.parametrize("rules", EVERY_RULES)
@pytest.mark.parametrize("name", ALL_GENERATORS)
def test_whole_histories_say_what_the_reference_says(name: str, rules: str) -> None:
    chosen = EVERY_RULES[rules]
    for seed in (1, 2):
        base = generated(name, seed, 1_500)
        replayed = replay_symbol("test", "X", {Timeframe.M1: base}, tuple(Timeframe), chosen)
        rows = {one.milliseconds: reference_rows(history) for one, history in replayed.histories.items()}
        expected = reference_signals(rows, alerts_section(chosen))
        assert said(replayed.signals) == reference_said(expected)


def test_the_generators_give_the_rules_something_to_say() -> None:
    kinds = {
        (signal.kind, signal.direction)
        for name in ("trending", "thin", "spiked")
        for signal in replay_symbol(
            "test", "X", {Timeframe.M1: generated(name, 1, 1_500)}, [Timeframe.M1, M5], DEFAULT
        ).signals
    }
    assert len(kinds) == 4


@pytest.mark.parametrize("rules", [DEFAULT, EAGER, SLOW])
@pytest.mark.parametrize("cut", [1, 37, 300, 644, 899])
def test_a_history_judged_in_two_parts_says_the_same(rules: Rules, cut: int) -> None:
    histories = histories_of(generated("trending", 5, 900), [Timeframe.M1])
    newest = int(histories[Timeframe.M1].candles.time[cut])

    def judge_all(after: int, until: int, state: RuleState) -> list[Signal]:
        part = {
            one: history._replace(
                candles=history.candles[:until],
                values=history.values[:until],
                previous=history.previous[:until],
            )
            for one, history in histories.items()
        }
        return judge_history(
            SCOPE,
            "test",
            "X",
            part,
            rules,
            {Timeframe.M1: state},
            {Timeframe.M1: after},
            market_time=None,
            now=0,
        )

    whole = judge_all(-1, 900, RuleState())
    state = RuleState()
    first = judge_all(-1, cut + 1, state)
    thawed = RuleState.thaw(state.freeze(), tuple(state.changes))
    assert first + judge_all(newest, 900, thawed) == whole


def test_signals_of_one_instant_come_by_timeframe_then_kind_then_level() -> None:
    signals = replay_symbol(
        "test", "X", {Timeframe.M1: generated("trending", 1, 3_000)}, tuple(Timeframe), EAGER
    ).signals
    keys = [
        (
            one.time + Timeframe(one.timeframe).milliseconds,
            Timeframe(one.timeframe).milliseconds,
            one.kind,
            one.level or 0,
        )
        for one in signals
    ]
    assert keys == sorted(keys)
    assert len({key[0] for key in keys}) < len(keys)
    assert len({one.id for one in signals}) == len(signals)


@given(WALKS, RULES)
@settings(deadline=None)
def test_a_state_is_frozen_and_thawed_whole(walk: list[tuple[float, float]], rules: Rules) -> None:
    _, state = judged(rules, walk)
    again = RuleState.thaw(state.freeze(), tuple(state.changes))
    assert (again.armed, again.last, list(again.changes)) == (state.armed, state.last, list(state.changes))
    assert again.freeze() == state.freeze()


@given(WALKS, RULES, st.integers(0, 40))
@settings(deadline=None)
def test_the_state_before_a_bar_is_the_one_that_the_bars_before_it_left(
    walk: list[tuple[float, float]], rules: Rules, cut: int
) -> None:
    _, state = judged(rules, walk)
    _, expected = judged(rules, walk[:cut]) if walk[:cut] else ([], RuleState())
    assert len(state.changes) == REMEMBERED or state.before(cut * MINUTE).freeze() == expected.freeze()


def test_of_many_changes_the_newest_are_remembered() -> None:
    walk = [(0.0, 0.0), (210.0, 0.0)] * (REMEMBERED + 5)
    _, state = judged(EAGER, walk)
    assert len(state.changes) == REMEMBERED
    assert state.before(0).freeze() == state.changes[0][1]
    newest = state.changes[-1][0]
    assert state.before(newest).freeze() == state.changes[-2][1]
    assert state.before(newest + 1).freeze() == state.freeze()


def test_bytes_that_are_no_state_are_refused() -> None:
    for bytes_ in (b"", b"\xc1", b"\x92\x80"):
        with pytest.raises(CorruptDataError, match="a stored rule state cannot be read"):
            RuleState.thaw(bytes_)


def test_a_held_back_crossing_re_arms_and_is_no_signal() -> None:
    rules = Rules(cooldown=300_000)
    hits, state = judged(rules, [(-190, 0), (-210, 0), (-190, 20), (-210, 0), (-190, 20)])
    assert [(place, hit.kind) for place, hit in hits] == [(1, "level"), (2, "reversal_oversold")]
    assert state.armed["reversal_oversold"]
