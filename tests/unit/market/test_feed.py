"""When a bucket closes, how sure that is, what is asked of REST; no bar partial, skipped or closed twice."""

from collections.abc import Callable

import pytest

from livermore.market.candle import CandleSource, CandleState
from livermore.market.symbol import Ticker
from tests.reference.series import START

from .factories import MINUTE
from .talking import BAR, Market

NAN = float("nan")


# At once


def test_a_bucket_closes_at_once_when_the_exchange_says_so_and_carries_the_bar_that_closed() -> None:
    market = Market()
    market.tell(0, (1, 5), values=(10, 11, 10, 11, 3))
    assert market.take() == []
    market.tell(0, (1, 9), closed=True)
    assert market.take() == [(0, "t!")]
    (bar,) = market.closed
    assert (bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume) == (START, *BAR)
    assert (bar.source, bar.decided) == (CandleSource.STREAM, START + MINUTE + 10)
    market.tell(1, (10, 10), values=(99, 99, 99, 99, 1))
    assert market.take() == []
    assert market.feed.running("A") is not None


def test_the_next_bucket_closes_the_last_one_and_unbroken_ids_confirm_it() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.tell(1, (10, 12), values=(99, 99, 99, 99, 1))
    assert market.take() == [(0, "t!")]
    assert market.closed[0].close == 11


def test_without_ids_the_next_bucket_closes_the_last_one_unconfirmed() -> None:
    market = Market()
    market.tell(0)
    market.tell(1)
    assert market.take() == [(0, "t")]


def test_a_broken_id_chain_asks_rest_for_that_bucket_alone_and_holds_what_comes_behind() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.tell(1, (12, 12))
    assert market.take() == []
    assert market.owner.wanted == [("A", 0, 1)]
    market.tell(1, (12, 20), closed=True)
    market.tell(2, (21, 21))
    assert market.take() == []
    assert market.feed.waiting() == ["A"]
    market.rest(0, 1, (0, *BAR))
    assert market.take() == [(0, "t!"), (1, "t!")]
    assert [bar.source for bar in market.closed] == [CandleSource.REST, CandleSource.STREAM]
    assert market.feed.waiting() == []
    assert market.owner.doubts == []


def test_closed_bars_are_announced_once_for_all_that_close_together() -> None:
    market = Market("A", "B")
    for symbol in ("B", "A"):
        market.tell(0, (1, 2), closed=True, symbol=symbol)
    assert market.owner.ready == 1
    assert [(bar.column, bar.time) for bar in market.feed.take()] == [(0, START), (1, START)]
    market.tell(1, (3, 4), closed=True)
    assert market.owner.ready == 2


# By the clock


async def test_the_clock_closes_two_seconds_of_market_time_and_a_quarter_second_of_wall_after_the_end() -> (
    None
):
    market = Market()
    market.tell(0, (1, 9))
    market.beat(61.9)
    await market.wait(5)
    assert market.take() == []
    market.beat(62.0)
    await market.wait(0.2)
    assert market.take() == [(0, "t")]
    assert market.closed[0].decided == START + 62_000


async def test_a_jump_of_market_time_still_waits_a_quarter_second_for_what_is_on_its_way() -> None:
    market = Market()
    market.tell(0, (1, 9))
    await market.wait(1)
    market.beat(70)
    await market.wait(0.2)
    assert market.take() == []
    market.tell(0, (1, 10), closed=True, at=70)
    assert market.take() == [(0, "t!")]
    market.tell(1, (11, 11), at=75)
    market.beat(130)
    await market.wait(0.35)
    assert market.take() == [(1, "t")]


async def test_a_silent_feed_never_closes_anything() -> None:
    market = Market()
    market.tell(0, (1, 9), at=59.9)
    await market.wait(600, 1)
    assert market.take() == []


async def test_time_told_by_another_symbol_closes_too() -> None:
    market = Market("A", "B")
    market.tell(0, (1, 9))
    market.tell(1, (1, 2), symbol="B", at=63)
    await market.wait(1)
    assert (0, "t") in market.take()


async def test_time_told_by_a_ticker_closes_too() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.feed.ticker(Ticker(symbol="A", price=11.0, time=START + 63_000))
    await market.wait(1)
    assert market.take() == [(0, "t")]


async def test_after_a_cut_a_quarter_second_is_waited_anew() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(70)
    market.feed.connected(START + 70_000)
    market.tell(0, (1, 9), at=70)
    await market.wait(0.2)
    assert market.take() == []


# Quiet buckets


async def test_an_unbroken_connection_proves_a_quiet_bucket() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.beat(182)
    await market.wait(1)
    assert market.take() == [(0, "t!"), (1, "q"), (2, "q")]
    quiet = market.closed[-1]
    assert (quiet.open, quiet.high, quiet.low, quiet.close, quiet.volume) == (11, 11, 11, 11, 0)
    assert market.owner.wanted == []


def test_an_unbroken_id_chain_proves_quiet_buckets_without_any_clock() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(3, (10, 10))
    assert market.take() == [(0, "t!"), (1, "q!"), (2, "q!")]
    assert market.owner.wanted == []


def test_a_broken_id_chain_over_a_gap_asks_rest_for_exactly_the_gap() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(3, (12, 12))
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == [("A", 1, 3)]
    market.rest(1, 3, (2, 11, 12, 11, 12, 2))
    assert market.take() == [(1, "q!"), (2, "t!")]
    assert market.closed[1].close == 11
    market.tell(3, (12, 13), closed=True)
    assert market.take() == [(3, "t!")]
    assert market.owner.doubts == []


def test_a_flat_bar_of_no_volume_is_quiet_at_the_previous_close_whatever_it_says() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.quiet(1, 99.0, closed=True)
    assert market.take() == [(0, "t!"), (1, "q!")]
    assert market.closed[1].close == 11


def test_the_id_chain_goes_on_over_quiet_bars_that_have_no_ids() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.quiet(1)
    market.quiet(2)
    market.tell(3, (10, 11), closed=True)
    assert [state[0] for _, state in market.take()] == ["t", "q", "q", "t"]
    assert market.owner.wanted == market.owner.doubts == []


async def test_before_its_first_trade_a_symbol_has_no_buckets_and_asks_nothing() -> None:
    market = Market(last_close=NAN)
    market.quiet(3, 7.0, closed=True)
    market.feed.connected(START + 200_000)
    market.beat(320)
    await market.wait(10)
    assert market.take() == []
    assert market.owner.wanted == []


@pytest.mark.parametrize("missed", [True, False])
def test_where_a_market_begins_is_said_by_rest(missed: bool) -> None:
    """Its very first trade may have been missed, and no id before it could tell."""
    market = Market(last_close=NAN)
    market.tell(5, (8, 9), closed=True)
    assert market.take() == []
    assert market.owner.wanted == [("A", 0, 5)]
    market.rest(0, 5, (1, 7, 7, 7, 7, 0.0), *([(3, *BAR)] if missed else []))
    assert market.take() == [(3, "t!"), (4, "q!")] * missed + [(5, "t!")]
    assert market.owner.wanted == [("A", 0, 5)]


def test_a_market_that_begins_in_the_bucket_at_hand_needs_no_rest() -> None:
    market = Market(last_close=NAN)
    market.tell(0, (8, 9), closed=True)
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == []


# Silent streams


def price(market: Market, value: float, seconds: float) -> None:
    market.feed.ticker(Ticker(symbol="A", price=value, time=START + round(seconds * 1000)))


async def test_bars_that_stop_while_prices_move_are_polled_from_rest_until_they_come_again() -> None:
    """Mini-tickers kept the earlier system happy while klines had stopped."""
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(1, (10, 11), at=70)
    for second in range(71, 190):
        price(market, 11 + second / 100, second)
        await market.wait(0.1)
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == [("A", 1, 2)]
    market.rest(1, 2, (1, *BAR))
    for second in range(190, 200):
        price(market, 11 + second / 100, second)
        await market.wait(0.1)
    assert market.owner.wanted == [("A", 1, 2), ("A", 2, 3)]
    market.rest(2, 3, (2, *BAR))
    market.tell(3, (90, 95), at=201)
    market.tell(3, (90, 99), closed=True)
    assert market.take() == [(1, "t!"), (2, "t!"), (3, "t!")]
    market.beat(302)
    await market.wait(0.5)
    assert market.take() == [(4, "q")]


async def test_a_price_that_bars_keep_up_with_and_a_price_that_rests_are_no_silence() -> None:
    market = Market()
    for second in range(0, 58, 2):
        price(market, 11 + second, second + 1)
        market.tell(0, (1, second + 1), at=second + 1.5, values=(10, 99, 9, 11 + second, 5 + second))
    market.tell(0, (1, 99), closed=True)
    for second in range(61, 125):
        price(market, 11, second)
    await market.wait(0.5)
    assert market.take() == [(0, "t!"), (1, "q")]
    assert market.owner.wanted == []


# What proves to be wrong afterwards


async def test_ids_that_do_not_follow_a_close_by_clock_have_it_compared_with_rest() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(62)
    await market.wait(0.5)
    assert market.take() == [(0, "t")]
    market.tell(1, (11, 12))
    assert market.owner.doubts == [("A", 0, 1)]
    market.tell(1, (11, 13), closed=True)
    assert market.take() == [(1, "t!")]
    assert len(market.owner.doubts) == 1


async def test_ids_that_do_not_follow_quiet_buckets_by_clock_have_all_of_them_compared() -> None:
    """Klines had stopped while time went on: what was called quiet is looked at again."""
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.beat(242)
    await market.wait(0.5)
    assert market.take() == [(0, "t!"), (1, "q"), (2, "q"), (3, "q")]
    market.tell(4, (40, 41))
    assert market.owner.doubts == [("A", 1, 4)]


async def test_what_the_clock_closed_before_any_id_was_known_is_compared_at_the_first_one() -> None:
    market = Market()
    market.beat(122)
    await market.wait(0.5)
    assert market.take() == [(0, "q"), (1, "q")]
    market.tell(2, (40, 41))
    assert market.owner.doubts == [("A", 0, 2)]
    market.tell(2, (40, 45), closed=True)
    market.tell(3, (46, 46))
    assert len(market.owner.doubts) == 1


async def test_ids_that_follow_confirm_what_the_clock_closed() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(122)
    await market.wait(0.5)
    market.tell(2, (10, 12), at=125)
    market.feed.connected(START + 170_000)
    market.tell(4, (20, 22), at=250)
    assert market.take() == [(0, "t"), (1, "q")]
    assert market.owner.doubts == []
    assert market.owner.wanted == [("A", 2, 4)]


async def test_a_cut_has_what_the_clock_closed_just_before_it_compared_as_well() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(62)
    await market.wait(0.5)
    market.feed.connected(START + 170_000)
    market.tell(3, (20, 22), at=200)
    assert market.owner.wanted == [("A", 1, 3)]
    assert market.owner.doubts == [("A", 0, 1)]


async def test_a_late_word_that_says_the_same_is_nothing_and_another_is_a_correction() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.beat(62)
    await market.wait(0.5)
    market.tell(0, (1, 10), closed=True, at=63, values=(10, 12, 9, 11.5, 6))
    assert [update.close for update in market.owner.corrections] == [11.5]
    market.tell(1, (11, 12))
    assert market.take() == [(0, "t")]
    assert market.owner.doubts == []


def test_an_update_that_is_older_than_the_close_is_no_correction() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(0, (1, 4), values=(10, 10, 10, 10, 1))
    assert market.owner.corrections == []
    market.tell(1, (10, 14))
    market.tell(0, (1, 7), values=(10, 11, 10, 10, 2))
    assert market.owner.corrections == []


def test_an_older_update_of_the_running_bucket_is_passed_over() -> None:
    market = Market()
    market.tell(0, (1, 9))
    market.tell(0, (1, 4), values=(10, 10, 10, 10, 1))
    market.tell(1, (10, 10))
    market.take()
    assert market.closed[0].close == 11


def test_repetitions_change_nothing() -> None:
    market = Market()
    for _ in range(3):
        market.tell(0, (1, 9))
    for _ in range(3):
        market.tell(0, (1, 9), closed=True)
    for _ in range(2):
        market.tell(1, (10, 12), closed=True)
    assert market.take() == [(0, "t!"), (1, "t!")]


def test_a_correction_is_heard_while_the_lane_waits_for_a_repair() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(3, (12, 12))
    market.tell(0, (1, 10), closed=True, values=(10, 12, 9, 11.5, 6))
    assert [update.last_id for update in market.owner.corrections] == [10]


# Cuts and loading


def test_a_bucket_that_was_running_at_a_cut_is_closed_from_what_is_told_after_it() -> None:
    market = Market()
    market.tell(0, (1, 5), at=20, values=(10, 10, 10, 10, 1))
    market.feed.connected(START + 30_000)
    market.feed.subscribed()
    market.tell(0, (1, 9), at=40)
    market.tell(1, (10, 11))
    assert market.take() == [(0, "t!")]
    assert market.closed[0].close == 11
    assert market.owner.wanted == []


async def test_a_bucket_that_was_running_at_a_cut_and_said_no_more_is_asked_of_rest() -> None:
    market = Market()
    market.tell(0, (1, 5), at=20, values=(10, 10, 10, 10, 1))
    market.feed.connected(START + 30_000)
    market.feed.subscribed()
    market.beat(62)
    await market.wait(0.5)
    assert market.take() == []
    assert market.owner.wanted == []
    market.beat(65)
    await market.wait(0.5)
    assert market.owner.wanted == [("A", 0, 1)]
    market.rest(0, 1, (0, *BAR))
    assert market.take() == [(0, "t!")]


def test_a_cut_of_several_buckets_asks_for_exactly_those() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.feed.connected(START + 400_000)
    market.tell(7, (30, 31), at=430)
    assert market.owner.wanted == [("A", 1, 7)]
    market.rest(1, 7, (2, *BAR), (6, *BAR))
    assert market.take() == [(0, "t!")] + [
        (number, "t!" if number in (2, 6) else "q!") for number in range(1, 7)
    ]


def test_numbers_that_begin_anew_after_a_cut_are_heard() -> None:
    """The earlier system refused every update whose sequence had restarted."""
    market = Market()
    market.tell(0, (100, 109), closed=True)
    market.feed.connected(START + 59_000)
    market.tell(1, (1, 5))
    market.tell(1, (1, 9), closed=True)
    assert market.take() == [(0, "t!"), (1, "t!")]


async def test_a_bucket_that_opened_before_the_subscription_is_not_quiet_by_the_connection() -> None:
    """Nothing was heard yet, but time has passed here since the connection was made."""
    market = Market()
    market.feed.connected(START - 100)
    await market.clock.advance(1.5)
    market.feed.subscribed()
    market.beat(70)
    await market.wait(1)
    assert market.take() == []
    assert market.owner.wanted == [("A", 0, 1)]


def test_an_answer_that_nobody_waits_for_is_left_alone() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.rest(0, 1, (0, *BAR))
    market.rest(3, 5, (4, *BAR))
    market.rest(0, 1, (0, *BAR), symbol="unknown")
    assert market.take() == [(0, "t!")]


def test_bars_are_held_until_the_history_is_there_and_come_in_order_behind_it() -> None:
    market = Market(begun=False)
    for number in range(4):
        market.tell(number, (number * 10, number * 10 + 9), closed=True)
    market.tell(5, (40, 41))
    assert market.take() == []
    assert market.feed.waiting() == ["A"]
    market.feed.begin("A", START + 2 * MINUTE, 9.5)
    assert market.take() == [(2, "t!"), (3, "t!"), (4, "q!")]
    assert market.owner.wanted == market.owner.doubts == []


def test_a_bar_that_was_held_back_is_decided_when_it_is_let_go() -> None:
    """Decided when it was heard, a signal on it would look timely, however long the repair took."""
    market = Market()
    market.tell(0, (1, 9), closed=True)
    market.tell(2, (20, 25), closed=True)
    market.beat(3 * 3_600 - 1)
    market.beat(3 * 3_600)
    market.rest(1, 2, (1, 10, 11, 9, 10, 5))
    assert market.take() == [(0, "t!"), (1, "t!"), (2, "t!")]
    decided = [bar.decided - START for bar in market.closed]
    assert decided == [60_010, 3 * 3_600_000, 3 * 3_600_000]


def test_a_broken_chain_among_held_bars_is_asked_of_rest_and_never_closed_as_it_is() -> None:
    market = Market(begun=False)
    market.tell(0, (1, 9))
    market.tell(1, (13, 20))
    market.tell(2, (21, 22))
    market.feed.begin("A", START, 9.5)
    assert market.take() == []
    assert market.owner.wanted == [("A", 0, 1)]
    market.rest(0, 1, (0, *BAR))
    assert market.take() == [(0, "t!"), (1, "t!")]


def test_what_rest_did_not_know_yet_is_asked_again_behind_the_history() -> None:
    market = Market(begun=False)
    market.feed.connected(START + 100_000)
    market.tell(3, (5, 6))
    market.feed.begin("A", START + MINUTE, 9.5)
    assert market.owner.wanted == [("A", 1, 3)]


def test_a_paused_lane_goes_on_where_it_stood() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True)
    assert market.feed.pause("A") == START + MINUTE
    market.tell(1, (10, 12), closed=True)
    market.tell(2, (13, 14))
    assert market.take() == [(0, "t!")]
    market.feed.begin("A", START + MINUTE, 11.0)
    market.tell(2, (13, 15), closed=True)
    assert market.take() == [(1, "t!"), (2, "t!")]


def test_a_bar_that_cannot_be_true_is_asked_of_rest() -> None:
    market = Market()
    market.tell(0, (1, 9), closed=True, values=(10, 9, 12, 11, 5))
    assert market.take() == []
    assert market.feed.skips == {"unsound bar": 1}
    market.tell(1, (10, 11))
    assert market.owner.wanted == [("A", 0, 1)]


# The rest


def test_a_symbol_that_is_forgotten_or_unknown_is_not_heard() -> None:
    market = Market("A", "B")
    market.feed.forget("B")
    for symbol in ("A", "B", "C"):
        market.feed.ticker(Ticker(symbol=symbol, price=3.0, time=START))
    for symbol in ("B", "C"):
        market.tell(0, (1, 2), closed=True, symbol=symbol)
    assert market.take() == []
    assert {symbol: ticker.price for symbol, ticker in market.feed.tickers.items()} == {"A": 3}
    assert market.feed.running("B") is None


def test_frames_are_counted_and_market_time_never_runs_back() -> None:
    market = Market()
    before = market.feed.frames
    market.beat(50)
    market.tell(0, (1, 2), at=40)
    market.feed.skipped("odd", "what is this")
    market.feed.skipped("odd", "again")
    assert market.feed.market_time == START + 50_000
    assert market.feed.frames == before + 2
    assert market.feed.skips == {"odd": 2}


@pytest.mark.parametrize("closing", ["x", "next", "clock"])
async def test_the_first_bar_of_a_connection_is_whole_or_not_closed(closing: str) -> None:
    """The earlier system stored the first, partial minute as whole."""
    market = Market()
    market.feed.connected(START + 30_000)
    market.feed.subscribed()
    ways: dict[str, Callable[[], None]] = {
        "x": lambda: market.tell(1, (8, 9), closed=True),
        "next": lambda: market.tell(1, (8, 9)),
        "clock": lambda: market.beat(70),
    }
    ways[closing]()
    await market.wait(0.5)
    assert (0, "q") not in market.take()
    assert market.owner.wanted == [("A", 0, 1)]
    assert market.closed == []
    assert CandleState.QUIET not in {bar.state for bar in market.closed}
