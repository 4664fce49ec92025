"""What a feed may believe: each connection's own time, bars that are whole, gaps that ids close, no leaps."""

from __future__ import annotations

import pytest

from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import REST_KNOWS
from livermore.market.candle import BarUpdate, Candles, CandleState
from livermore.market.feed import LONGEST_WAIT
from livermore.market.lane import PATIENCE
from livermore.market.ports import Cause
from livermore.market.symbol import Ticker
from livermore.market.wire import LEAP
from tests.reference.series import START

from .factories import MINUTE, candles_of
from .talking import BAR, Market

# Bars that lack trades


async def test_a_bar_that_is_not_whole_is_never_closed_and_rest_is_asked_for_it_alone() -> None:
    market = Market()
    market.tell(0, (3, 9), whole=False)
    market.beat(63)
    await market.wait(0.5)
    assert market.take() == []
    market.beat(65.5)
    await market.wait(0.5)
    assert (market.owner.wanted, market.owner.causes) == ([("A", 0, 1)], [Cause.SEQUENCE_GAP])


async def test_a_bar_that_becomes_whole_before_rest_is_asked_closes_as_it_is() -> None:
    market = Market()
    market.tell(0, (1, 9), whole=False)
    market.beat(63)
    await market.wait(0.5)
    market.tell(0, (1, 9), at=63.5)
    await market.wait(0.5)
    assert market.take() == [(0, "t")]
    assert market.owner.wanted == []


def test_a_bar_that_is_not_whole_when_the_next_begins_is_asked_of_rest() -> None:
    market = Market()
    market.tell(0, (1, 9), whole=False)
    market.tell(1, (10, 12))
    assert market.take() == []
    assert market.owner.wanted == [("A", 0, 1)]
    market.rest(0, 1, (0, *BAR))
    market.tell(1, (10, 15), closed=True)
    assert market.take() == [(0, "t!"), (1, "t!")]


def test_partial_news_of_a_closed_bucket_corrects_nothing() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(0, (5, 12), whole=False, values=(10, 13, 9, 11, 4))
    assert market.owner.corrections == []


def test_rest_that_tells_less_than_the_stream_is_behind_for_a_minute() -> None:
    market = Market()
    market.tell(0, (1, 9), whole=False, values=(10, 12, 9, 11, 5))
    market.tell(1, (10, 12))
    less = candles_of([(START, 10, 12, 9, 11, 4.0)])
    nothing, whole = less[:0], candles_of([(START, *BAR)])
    early, late = START + MINUTE + 6_000, START + MINUTE + REST_KNOWS

    def is_behind(told: Candles, asked: int) -> bool:
        return market.feed.behind("A", told, START, START + MINUTE, asked)

    assert is_behind(nothing, early)
    assert is_behind(less, early)
    assert not is_behind(whole, early)
    assert not is_behind(nothing, late)


def test_an_answer_that_was_long_on_its_way_proves_no_more_than_when_it_was_asked_for() -> None:
    market = Market()
    market.beat(66)
    asked = market.feed.market_time
    market.beat(300)
    market.feed.repaired("A", candles_of([]), START, START + MINUTE, asked)
    assert [bar.confirmed for bar in market.feed.take()] == [False]


# Gaps


async def test_after_a_gap_nothing_closes_before_ids_go_on() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.feed.gap()
    market.beat(63)
    await market.wait(0.5)
    assert market.take() == []
    market.tell(1, (10, 12), at=64)
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == []


async def test_a_gap_that_no_news_closes_asks_rest_once_it_can_know() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(1, (10, 12), at=70)
    market.feed.gap()
    market.beat(124.9)
    await market.wait(0.5)
    assert (market.take(), market.owner.wanted) == ([(0, "t!")], [])
    market.beat(125.1)
    await market.wait(0.5)
    assert (market.owner.wanted, market.owner.causes) == ([("A", 1, 2)], [Cause.SEQUENCE_GAP])


async def test_a_gap_without_ids_to_close_it_is_asked_of_rest() -> None:
    market = Market()
    market.tell(0)
    market.feed.gap()
    market.tell(1)
    assert market.owner.wanted == [("A", 0, 1)]


async def test_news_of_the_same_bucket_behind_a_gap_tells_it_whole_again() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.feed.gap()
    market.tell(0, (1, 15), at=40)
    market.beat(63)
    await market.wait(0.5)
    assert market.take() == [(0, "t")]


async def test_a_gap_makes_no_bucket_quiet() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.beat(70)
    market.feed.gap()
    market.beat(186)
    await market.wait(0.5)
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == [("A", 1, 3)]


# Waiting, and going on with holes


async def test_a_lane_waits_five_minutes_of_market_time_and_goes_on_with_a_hole() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.tell(1, (20, 30))
    waits = market.feed.market_time
    market.tell(2, (31, 40))
    market.feed.beat(waits + LONGEST_WAIT)
    await market.wait(0.1)
    assert (market.take(), market.owner.given_up) == ([], [])
    market.feed.beat(waits + LONGEST_WAIT + 1)
    await market.wait(0.1)
    assert market.owner.given_up == [("A", 0, 1)]
    assert market.take()[:2] == [(0, "m"), (1, "t!")]
    hole = market.closed[0]
    assert (hole.time, hole.state, hole.close, hole.volume) == (START, CandleState.MISSING, 10.0, 0.0)


async def test_an_answer_that_comes_after_the_wait_is_not_taken_for_the_bucket_at_hand() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.tell(1, (20, 30))
    market.feed.beat(market.feed.market_time + LONGEST_WAIT + 1)
    await market.wait(0.1)
    count = len(market.take())
    assert not market.feed.waits_for("A", START)
    market.rest(0, 1, (0, *BAR))
    assert len(market.take()) == 0
    assert count > 0


async def test_a_lane_that_waits_for_its_history_goes_on_without_nothing() -> None:
    market = Market(begun=False)
    market.tell(0, (1, 9), closed=True)
    market.beat(1_000)
    await market.wait(0.5)
    assert (market.take(), market.owner.given_up) == ([], [])


# Silence


async def test_a_long_silence_is_compared_with_rest_with_more_patience_each_time() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    for minutes in range(1, 4 * PATIENCE):
        market.beat(60 * (minutes + 1) + 3)
        await market.wait(0.4)
    assert market.owner.doubts == [("A", 1, 1 + PATIENCE), ("A", 1 + PATIENCE, 1 + 3 * PATIENCE)]
    assert set(market.owner.causes) == {Cause.LATE}


async def test_a_deaf_lane_is_polled_until_its_bars_come_again() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.feed.deaf("A")
    market.beat(126)
    await market.wait(0.5)
    assert (market.owner.wanted, market.owner.causes) == ([("A", 1, 2)], [Cause.LATE])
    market.rest(1, 2, (1, *BAR))
    market.tell(3, (50, 60), at=200)
    assert market.owner.wanted[1:] == [("A", 2, 3)]
    market.rest(2, 3)
    market.tell(3, (50, 66), closed=True)
    market.beat(303)
    await market.wait(0.5)
    assert market.take() == [(0, "t!"), (1, "t!"), (2, "q"), (3, "t!"), (4, "q")]
    assert len(market.owner.wanted) == 2


async def test_prices_that_move_without_bars_have_the_symbol_subscribed_again() -> None:
    market = Market()
    market.tell(0, (1, 9))
    for second in (5, 12, 20):
        market.feed.ticker(Ticker(symbol="A", price=99.0, time=START + 30_000 + second * 1_000))
    assert market.owner.silents == ["A"]


# Proof


async def test_ids_that_go_on_prove_what_the_clock_closed() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(122)
    await market.wait(0.5)
    market.tell(2, (10, 12), at=125)
    assert market.take() == [(0, "t"), (1, "q")]
    assert market.owner.proofs == [("A", 0, 2)]


async def test_the_exchanges_late_word_proves_a_bucket() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(63)
    await market.wait(0.5)
    market.tell(0, (1, 9), closed=True, at=63.5)
    assert market.owner.proofs == [("A", 0, 1)]


# Time


async def test_each_connection_closes_by_its_own_time() -> None:
    market = Market("A", "B")
    fast, slow = market.feed.wire(), market.feed.wire()
    for wire, symbol in ((fast, "A"), (slow, "B")):
        wire.beat(START - MINUTE)
        wire.bar(bar(symbol), START + 30_000)
    fast.beat(START + 63_000)
    await market.wait(0.5)
    market.take()
    assert [bar.column for bar in market.closed] == [0]
    slow.beat(START + 63_000)
    await market.wait(0.5)
    market.take()
    assert [bar.column for bar in market.closed] == [0, 1]


async def test_a_symbol_that_was_never_heard_waits_for_the_slowest_connection() -> None:
    market = Market("A")
    market.feed.connected(START - 2 * MINUTE)
    fast, slow = market.feed.wire(), market.feed.wire()
    fast.beat(START - 2 * MINUTE)
    market.feed.subscribed()
    fast.beat(START + 63_000)
    await market.wait(0.5)
    assert market.take() == []
    slow.beat(START - 2 * MINUTE)
    slow.beat(START + 63_000)
    await market.wait(0.5)
    assert market.take() == [(0, "q")]


async def test_a_gap_on_one_connection_leaves_the_symbols_of_another_alone() -> None:
    market = Market("A", "B")
    one, other = market.feed.wire(), market.feed.wire()
    for wire, symbol in ((one, "A"), (other, "B")):
        wire.beat(START - MINUTE)
        wire.bar(bar(symbol), START + 30_000)
    one.gap()
    for wire in (one, other):
        wire.beat(START + 63_000)
    await market.wait(0.5)
    market.take()
    assert [bar.column for bar in market.closed] == [1]


async def test_one_event_time_far_ahead_is_not_believed() -> None:
    """Believed, it would invent days of quiet bars."""
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.feed.beat(START + 100 * LEAP)
    market.beat(61)
    await market.wait(0.5)
    assert market.take() == [(0, "t!")]
    assert market.feed.market_time == START + 61_000


async def test_a_leap_that_two_frames_bear_out_is_believed() -> None:
    market = Market()
    market.feed.beat(START + 100 * LEAP)
    market.feed.beat(START + 100 * LEAP + 5)
    assert market.feed.market_time == START + 100 * LEAP + 5


@pytest.mark.parametrize("ids", [(10, 12), (-1, -1)])
def test_a_bar_of_the_future_closes_nothing(ids: tuple[int, int]) -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.tell(500, ids, at=31)
    assert market.take() == []
    assert market.feed.skips == {"bar of the future": 1}
    assert market.feed.running("A") is not None


def test_a_longer_bar_is_handed_on_for_watched_symbols_alone() -> None:
    market = Market()
    for symbol in ("A", "B"):
        market.feed.longer(Timeframe.M5, bar(symbol))
    assert [bar.symbol for bar in market.owner.longer_bars] == ["A"]


def bar(symbol: str) -> BarUpdate:
    """The first bucket of a symbol."""
    opened, high, low, close, volume = BAR
    return BarUpdate(
        symbol=symbol, time=START, open=opened, high=high, low=low, close=close, volume=volume,
        first_id=1, last_id=9,
    )  # fmt: skip


@pytest.mark.parametrize("days", [-3, 3])
async def test_a_first_event_time_far_from_the_dial_is_not_believed(days: int) -> None:
    market = Market()
    market.feed.connected(START + MINUTE)
    market.feed.beat(START + days * 86_400_000)
    market.beat(61)
    assert market.feed.market_time == START + 61_000
    market.feed.beat(START + 61_500)
    assert market.feed.market_time == START + 61_500
