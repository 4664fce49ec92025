"""The engine: the same signals live and caught up with, to the bit, each once."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import from_first_trade
from livermore.market.candle import Candles
from livermore.signals.rules import Rules
from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.factories import H1, M5, M15, MINUTE, generated
from tests.unit.market.memory import MemoryStore

from .factories import DEFAULT, EAGER, SLOW, whenever
from .memory import Books
from .watching import Watching, replayed, store_all

KINDS = ("trending", "thin", "gapped")
COUNT, HALF = 500, 250


def market(count: int = COUNT, seed: int = 1) -> dict[str, Candles]:
    """Return several symbols, of which the later ones begin later."""
    return {
        f"S{place}": from_first_trade(generated(kind, seed, count)[place * 3 :])
        for place, kind in enumerate(KINDS)
    }


def minutes(histories: Mapping[str, Candles], start: int, end: int) -> dict[str, Candles]:
    """Return the bars between two minutes."""
    times = START + start * MINUTE, START + end * MINUTE
    return {symbol: bars.between(*times) for symbol, bars in histories.items()}


def watch(histories: Mapping[str, Candles], rules: Rules = DEFAULT, **more: Any) -> Watching:
    """Begin to watch, with nothing stored yet."""
    return Watching(MemoryStore(), Books(), list(histories), rules, **more)


async def watch_all(
    histories: Mapping[str, Candles],
    rules: Rules = DEFAULT,
    groups: Sequence[Sequence[str]] = (),
    **more: Any,
) -> Watching:
    """Watch every bar live, from the first one on."""
    life = watch(histories, rules, **more)
    await life.load_all(START)
    life.close(histories, groups)
    await life.flush()
    return life


def of(life: Watching, symbol: str) -> list[Signal]:
    """Return one symbol's signals in the order in which they were stored."""
    return [one for one in life.books.signals.values() if one.symbol == symbol]


def closed(signal: Signal) -> int:
    """Return when a signal's bar closed."""
    return signal.time + Timeframe(signal.timeframe).milliseconds


@pytest.mark.parametrize("rules", [DEFAULT, EAGER, SLOW])
@pytest.mark.parametrize("groups", [["S0"], ["S0", "S1", "S2"], ["S1", "S2"]], ids="+".join)
async def test_live_bars_give_the_signals_of_a_replay_to_the_bit(rules: Rules, groups: list[str]) -> None:
    histories = market()
    alone = [[symbol] for symbol in histories if symbol not in groups]
    life = await watch_all(histories, rules, [*alone, groups])
    expected = replayed(histories, rules)
    assert sum(map(len, expected.values())) > 20
    for symbol in histories:
        assert of(life, symbol) == expected[symbol]


@given(cuts=st.lists(st.integers(0, COUNT), min_size=3, max_size=3).map(sorted), seed=st.integers(1, 20))
@settings(max_examples=8, deadline=None)
async def test_downtime_anywhere_changes_no_signal(cuts: list[int], seed: int) -> None:
    """Three lives: the second finds bars that closed while nobody watched, the third what the second left."""
    histories = market(COUNT, seed)
    stopped, started, again = cuts
    life = watch(histories)
    await life.load_all(START)
    life.close(minutes(histories, 0, stopped))
    await life.flush()
    for begin, end in ((started, again), (again, COUNT)):
        await store_all(life.store, minutes(histories, 0, begin))
        life = Watching(life.store, life.books, list(histories), DEFAULT)
        await life.load_all(START + begin * MINUTE)
        life.close(minutes(histories, begin, end))
        await life.flush()
    expected = replayed(histories, DEFAULT)
    for symbol in histories:
        assert whenever(of(life, symbol)) == whenever(expected[symbol])


async def test_a_long_downtime_goes_on_from_a_checkpoint_and_seeds_nothing_again() -> None:
    histories = {"S": generated("trending", 2, 3_000)}
    life = watch(histories)
    await life.load_all(START)
    life.close(minutes(histories, 0, 200))
    await life.flush()
    await store_all(life.store, histories)
    life = Watching(life.store, life.books, ["S"], DEFAULT)
    await life.load_all(START + 3_000 * MINUTE)
    await life.flush()
    expected = replayed(histories, DEFAULT)["S"]
    assert whenever(of(life, "S")) == whenever(expected)
    assert {one.evidence["seed_time"] for one in of(life, "S")} == {START}
    again = Watching(life.store, life.books, ["S"], DEFAULT)
    await again.load_all(START + 3_000 * MINUTE)
    assert again.indicators.bank.newest(0) == life.indicators.bank.newest(0)
    assert len(again.indicators.bank.values(0)) == 1_024


async def test_what_was_missed_is_late_and_what_is_live_is_not() -> None:
    histories = market()
    life = watch(histories)
    await life.load_all(START)
    await life.flush()
    await store_all(life.store, minutes(histories, 0, HALF))
    life = Watching(life.store, life.books, list(histories), DEFAULT)
    await life.load_all(START + HALF * MINUTE)
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    signals = life.books.signals.values()
    assert {one.late for one in signals} == {True, False}
    for one in signals:
        assert one.late == (closed(one) < START + HALF * MINUTE)


async def test_a_series_watched_for_the_first_time_begins_at_its_newest_bar() -> None:
    histories = market()
    life = watch(histories)
    await store_all(life.store, minutes(histories, 0, HALF))
    await life.load_all(START + HALF * MINUTE)
    await life.flush()
    assert life.books.signals == {}
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    assert life.books.signals
    assert min(map(closed, life.books.signals.values())) > START + HALF * MINUTE


async def test_from_the_start_everything_that_is_stored_is_judged() -> None:
    histories = market()
    life = watch(histories, from_the_start=True)
    await store_all(life.store, minutes(histories, 0, HALF))
    await life.load_all(START + HALF * MINUTE)
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    expected = replayed(histories, DEFAULT)
    for symbol in histories:
        assert whenever(of(life, symbol)) == whenever(expected[symbol])


async def test_only_enabled_symbols_and_judged_timeframes_speak() -> None:
    histories = market()
    life = await watch_all(histories, EAGER, [list(histories)], enabled=["S0", "S2"], judged=[M5, M15])
    # What is said of the others shows in bias and table, as in a replay of them all.
    expected = replayed(histories, EAGER)
    assert of(life, "S1") == []
    for symbol in ("S0", "S2"):
        wanted = [one for one in expected[symbol] if one.timeframe in {M5, M15}]
        assert wanted
        assert of(life, symbol) == wanted
    assert {state.series.timeframe for state in life.books.states.values()} == {M5, M15}


@pytest.mark.parametrize("start", [HALF, COUNT - 1])
async def test_a_bar_is_judged_once_however_often_it_comes(start: int) -> None:
    histories = market()
    life = await watch_all(histories, EAGER)
    signals, states = dict(life.books.signals), dict(life.books.states)
    life.close(minutes(histories, start, start + 20))
    for bars in histories.values():
        bars.close[-1] *= 3
    life.close(minutes(histories, start, start + 20))
    await life.flush()
    assert life.books.signals == signals
    assert life.books.states == states


async def test_bias_sees_every_timeframe_that_closes_at_the_instant() -> None:
    life = await watch_all({"S": generated("trending", 3, 1_500)}, EAGER)
    hours = {bar.time + H1.milliseconds: bar for bar in life.indicators.bank.values(3).rows()}
    at_the_hour = [one for one in of(life, "S") if one.timeframe == "1m" and closed(one) in hours]
    assert at_the_hour
    for one in at_the_hour:
        bar = hours[closed(one)]
        assert one.evidence["timeframes"]["1h"] == {"macdv": bar.macdv, "stage": bar.stage}


async def test_signals_tell_what_made_them() -> None:
    life = await watch_all({"S": generated("trending", 1, 1_500)}, EAGER)
    assert {one.timeframe for one in of(life, "S")} >= {"1m", "5m", "15m"}
    for one in of(life, "S"):
        told = one.evidence
        assert one.macdv == (told["ema12"] - told["ema26"]) / told["atr26"] * 100
        assert told["seed_time"] == START
        source = "rest" if one.timeframe == "1m" else "rollup"
        assert told["bar"] == {"state": "traded", "source": source, "confirmed": True}
        assert told["timeframes"][one.timeframe] == {"macdv": one.macdv, "stage": one.stage}
        if one.level is not None:
            assert told["rule"] == {"levels": list(EAGER.levels), "cooldown_seconds": 0}
            low, high = sorted((told["previous_macdv"], one.macdv))
            assert low <= one.level <= high


async def test_a_table_that_grows_keeps_every_series_judged() -> None:
    histories = {"S0": market()["S0"]}
    life = watch(histories)
    await life.load_all(START)
    life.close(minutes(histories, 0, HALF))
    for place in range(20):
        life.table.add(f"X{place}")
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    assert of(life, "S0") == replayed(histories, DEFAULT)["S0"]


async def test_a_symbol_that_joins_is_judged_from_its_newest_bar_and_the_others_as_ever() -> None:
    histories = market()
    life = watch(histories, enabled=["S0"])
    await life.load_all(START)
    life.close(minutes(histories, 0, HALF))
    await life.flush()
    life.engine.watch(["S1"])
    await life.load("S1", START + HALF * MINUTE)
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    expected = replayed(histories, DEFAULT)
    assert of(life, "S0") == expected["S0"]
    assert of(life, "S2") == []
    assert {closed(one) > START + HALF * MINUTE for one in of(life, "S1")} == {True}


async def test_a_history_that_is_told_for_somebody_else_changes_nothing() -> None:
    histories = market()
    life = watch(histories)
    await life.load_all(START)
    life.close(minutes(histories, 0, HALF))
    await life.flush()
    for symbol in histories:
        await life.load(symbol, START + HALF * MINUTE)
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    for symbol, signals in replayed(histories, DEFAULT).items():
        assert of(life, symbol) == signals


async def test_a_symbol_that_leaves_is_judged_no_more_and_begins_anew_when_it_comes_back() -> None:
    histories = market()
    life = watch(histories)
    await life.load_all(START)
    life.close(minutes(histories, 0, HALF))
    await life.flush()
    before = of(life, "S0")
    await life.engine.leave(["S0"])
    assert {series.symbol for series in life.books.states} == {"S1", "S2"}
    life.close(minutes(histories, HALF, HALF + 100))
    await life.flush()
    assert of(life, "S0") == before
    assert {series.symbol for series in life.books.states} == {"S1", "S2"}
    life.engine.watch(["S0"])
    await life.load("S0", START + (HALF + 100) * MINUTE)
    life.close(minutes(histories, HALF + 100, COUNT))
    await life.flush()
    again = of(life, "S0")[len(before) :]
    assert again
    assert min(map(closed, again)) > START + (HALF + 100) * MINUTE
    assert not any(one.late for one in again)
    for symbol in ("S1", "S2"):
        assert of(life, symbol) == replayed(histories, DEFAULT)[symbol]


async def test_other_rules_hold_from_the_next_bar_on() -> None:
    histories = market()
    life = watch(histories, DEFAULT)
    await life.load_all(START)
    life.close(minutes(histories, 0, HALF))
    life.engine.obey(replace(EAGER, revision=7))
    life.close(minutes(histories, HALF, COUNT))
    await life.flush()
    revisions = {
        closed(one) > START + HALF * MINUTE: one.settings_revision for one in life.books.signals.values()
    }
    assert revisions == {False: DEFAULT.revision, True: 7}
    assert len(life.books.signals) > sum(map(len, replayed(histories, DEFAULT).values()))
