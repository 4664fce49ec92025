"""A corrected bar: what it removes is withdrawn, what it adds is late, and nothing is said twice."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.listener import onwards
from livermore.signals.rules import REMEMBERED, Rules
from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.factories import MINUTE, generated
from tests.unit.market.memory import MemoryStore

from .factories import DEFAULT, EAGER, without
from .memory import Books, in_order
from .watching import WATCHED, Watching, replayed, store_all

NEW, COUNT = 420, 500
WHEN = ("late", "recorded_at", "settings_revision", "evidence")


def corrected(base: Candles, place: int, factor: float) -> Candles:
    """Return the same bars with one close moved, and its high and low where they must be."""
    other = Candles.joined(base)
    other.close[place] *= factor
    other.high[place] = max(other.high[place], other.close[place])
    other.low[place] = min(other.low[place], other.close[place])
    other.volume[place] += 1.0
    return other


async def watch(base: Candles, rules: Rules, until: int = NEW) -> Watching:
    """Watch live from the first bar on."""
    life = Watching(MemoryStore(), Books(), ["S"], rules)
    await life.load("S", START)
    life.close({"S": base[:until]})
    await life.flush()
    return life


def standing(life: Watching) -> list[Any]:
    """Return what stands, without what tells when it was said."""
    return without(in_order(life.books.standing()), *WHEN)


def expected(base: Candles, rules: Rules) -> list[Any]:
    """Return what a run over these bars alone would have said."""
    return without(replayed({"S": base}, rules)["S"], *WHEN)


def remembered(life: Watching, time: int) -> bool:
    """Say whether every rule state from before a time (ms) is still known."""
    oldest = [state.earlier[0][0] for state in life.books.states.values() if len(state.earlier) == REMEMBERED]
    return all(first < Timeframe.H1.bucket(time) for first in oldest)


def closed(signal: Signal) -> int:
    """Return when a signal's bar closed."""
    return signal.time + Timeframe(signal.timeframe).milliseconds


@given(
    place=st.integers(330, NEW - 1),
    factor=st.sampled_from([0.95, 0.999, 1.001, 1.05]),
    seed=st.integers(1, 6),
    rules=st.sampled_from([DEFAULT, EAGER]),
)
@settings(max_examples=12, deadline=None)
async def test_what_stands_is_what_the_corrected_bars_say(
    place: int, factor: float, seed: int, rules: Rules
) -> None:
    base = generated("trending", seed, COUNT)
    life = await watch(base, rules)
    before, other = dict(life.books.signals), corrected(base, place, factor)
    time, now = int(base.time[place]), int(base.time[NEW])
    assume(remembered(life, time))
    await life.revise("S", other, time, now)
    await life.flush()
    assert standing(life) == expected(other[:NEW], rules)
    for one in life.books.signals.values():
        if one.id in before:
            assert (one.late, one.recorded_at) == (before[one.id].late, before[one.id].recorded_at)
        else:
            assert one.late == (closed(one) < now - 10_000)
    life.close({"S": other[NEW:]})
    await life.flush()
    assert standing(life) == expected(other, rules)


async def test_a_revision_adds_and_removes_and_both_are_seen() -> None:
    base = generated("trending", 2, COUNT)
    life, other = await watch(base, EAGER), corrected(base, 390, 0.96)
    before = dict(life.books.signals)
    told = len(life.books.told)
    await life.revise("S", other, int(base.time[390]), int(base.time[NEW]))
    await life.flush()
    added = [one for one in life.books.signals.values() if one.id not in before]
    removed = [one for one in life.books.signals.values() if one.withdrawn_at is not None]
    assert added
    assert removed
    assert all(one.late for one in added if closed(one) < int(base.time[NEW]))
    assert {one.withdrawn_at for one in removed} == {"2027-01-15T08:00:00.000Z"}
    told_now = {event.data["id"]: event.data["withdrawn_at"] for event in life.books.told[told:]}
    changed = [one for one in life.books.signals.values() if before.get(one.id) != one]
    assert told_now == {one.id: one.withdrawn_at for one in changed}


async def test_what_one_revision_removes_and_the_next_brings_back_stands() -> None:
    base = generated("trending", 2, COUNT)
    life, other = await watch(base, EAGER), corrected(base, 390, 0.96)
    time, now = int(base.time[390]), int(base.time[NEW])
    await life.revise("S", other, time, now)
    await life.revise("S", base, time, now)
    await life.flush()
    assert standing(life) == expected(base[:NEW], EAGER)


async def test_bars_from_before_the_watch_began_are_not_judged_by_a_revision() -> None:
    base = generated("trending", 2, COUNT)
    life = Watching(MemoryStore(), Books(), ["S"], EAGER)
    await store_all(life.store, {"S": base[:300]})
    await life.load("S", START + 300 * MINUTE)
    life.close({"S": base[300:NEW]})
    await life.flush()
    other = corrected(base, 290, 0.96)
    await life.revise("S", other, int(base.time[290]), int(base.time[NEW]))
    await life.flush()
    assert min(map(closed, life.books.signals.values())) > START + 300 * MINUTE


async def test_nor_are_they_when_another_run_began_the_watch() -> None:
    base = generated("trending", 2, COUNT)
    life = Watching(MemoryStore(), Books(), ["S"], EAGER)
    await store_all(life.store, {"S": base[:400]})
    await life.load("S", START + 400 * MINUTE)
    life.close({"S": base[400:NEW]})
    await life.flush()
    again = Watching(life.store, life.books, ["S"], EAGER)
    await again.load("S", int(base.time[NEW]))
    await again.flush()
    other = corrected(base, 290, 0.96)
    for _ in range(2):
        await again.revise("S", other, int(base.time[290]), int(base.time[NEW]))
        await again.flush()
        assert again.books.signals
        assert min(map(closed, again.books.signals.values())) > START + 400 * MINUTE


async def test_what_was_said_before_all_that_is_remembered_stands() -> None:
    """From a state that knows of what came later, what stood would seem not to be said again."""
    base = generated("trending", 2, COUNT)
    life, first = await watch(base, EAGER), START + 60 * MINUTE
    assert not remembered(life, first)
    before = {one.id for one in life.books.standing()}
    await life.revise("S", base, first, int(base.time[NEW]))
    await life.flush()
    assert {one.id for one in life.books.standing()} == before


async def test_a_series_is_never_seeded_again_even_when_its_first_bar_is_revised() -> None:
    base = generated("trending", 2, COUNT)
    life = Watching(MemoryStore(), Books(), ["S"], EAGER)
    await store_all(life.store, {"S": base[100:300]}, WATCHED[:1])
    await life.load("S", START + 300 * MINUTE)
    await life.flush()
    await store_all(life.store, {"S": base[:100]}, WATCHED[:1])
    await life.indicators.revised("S", onwards(WATCHED, int(base.time[50])))
    await life.load("S", START + 300 * MINUTE)
    again = Watching(life.store, life.books, ["S"], EAGER)
    await again.load("S", START + 300 * MINUTE)
    for one in (life, again):
        assert one.indicators.bank.seed_time(0) == int(base.time[100])
        assert one.indicators.bank.newest(0) == life.indicators.bank.newest(0)


async def test_a_revision_that_the_store_refuses_can_be_done_again() -> None:
    base = generated("trending", 2, COUNT)
    life, other = await watch(base, EAGER), corrected(base, 390, 0.96)
    life.close({"S": base[NEW : NEW + 10]})
    life.books.failing.append(StorageUnavailableError())
    time, now = int(base.time[390]), int(base.time[NEW + 10])
    with pytest.raises(StorageUnavailableError):
        await life.revise("S", other, time, now)
    await life.revise("S", other, time, now)
    await life.flush()
    assert standing(life) == expected(other[: NEW + 10], EAGER)


async def test_checkpoints_that_rest_on_the_wrong_bar_are_forgotten() -> None:
    base = generated("trending", 2, COUNT)
    life, other = await watch(base, EAGER), corrected(base, 390, 0.96)
    await life.revise("S", other, int(base.time[390]), int(base.time[NEW]))
    await life.flush()
    again = Watching(life.store, life.books, ["S"], EAGER)
    await again.load("S", int(base.time[NEW]))
    fresh = await watch(other, EAGER)
    for place in range(len(WATCHED)):
        assert again.indicators.bank.newest(place) == fresh.indicators.bank.newest(place)
        assert life.indicators.bank.newest(place) == fresh.indicators.bank.newest(place)


async def test_a_crash_in_a_revision_leaves_nothing_unsaid_and_nothing_wrong_standing() -> None:
    base = generated("trending", 2, COUNT)
    life, other = await watch(base, EAGER), corrected(base, 390, 0.96)
    time, now = int(base.time[390]), int(base.time[NEW])
    await life.indicators.revised("S", onwards(WATCHED, time))
    await store_all(life.store, {"S": other.between(0, now)})
    again = Watching(life.store, life.books, ["S"], EAGER)
    await again.load("S", now)
    await again.flush()
    assert standing(again) == expected(other[:NEW], EAGER)
    again.close({"S": other[NEW:]})
    await again.flush()
    assert standing(again) == expected(other, EAGER)


async def test_a_start_withdraws_nothing_of_what_stood_before_it() -> None:
    base = generated("trending", 2, COUNT)
    life = await watch(base, EAGER)
    await store_all(life.store, {"S": base})
    again = Watching(life.store, life.books, ["S"], EAGER)
    await again.load("S", int(base.time[-1]) + MINUTE)
    await again.flush()
    assert all(one.withdrawn_at is None for one in life.books.signals.values())
    assert standing(again) == expected(base, EAGER)
