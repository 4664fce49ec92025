"""Trades become the exchange's own bars, in whatever order and however often they come."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.adapters.exchanges.coinbase import FrameReader, Trades
from livermore.adapters.exchanges.coinbase.ids import FAR, MOST_HOLES, KnownIds
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.coinbase_support import Sold, bars_of, newest, read, trades_frame, values
from tests.contracts.exchanges.support import MINUTE, T0, RecordingSink

KEPT = 3


@st.composite
def tapes(draw: st.DrawFn, most: int = 40) -> list[Sold]:
    """Trades with consecutive ids over some minutes, of prices and sizes as they are written."""
    steps = draw(st.lists(st.integers(0, 40_000), min_size=1, max_size=most))
    decimals = draw(st.integers(0, 8))
    first = draw(st.integers(1, 10**9))
    time, tape = T0, []
    for place, step in enumerate(steps):
        time += step
        size = draw(st.integers(1, 10**10))
        price = draw(st.integers(1, 10**7))
        tape.append(Sold(first + place, f"{price / 100:.2f}", f"{size / 10**decimals:.{decimals}f}", time))
    return tape


def frames_of(trades: list[Sold], cuts: list[int], time: int) -> list[bytes]:
    """Split trades into frames at some places."""
    edges = [0, *sorted(cut % (len(trades) + 1) for cut in cuts), len(trades)]
    parts = [trades[edges[place] : edges[place + 1]] for place in range(len(edges) - 1)]
    return [trades_frame(number, part, time=time) for number, part in enumerate(parts)]


def in_order(trades: list[Sold]) -> list[bytes]:
    return [trades_frame(number, [trade], time=trade.time) for number, trade in enumerate(trades)]


@given(tapes(), st.data())
def test_any_order_and_any_split_ends_in_the_same_bars(tape: list[Sold], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(tape), max_size=20))
    shuffled = data.draw(st.permutations([*tape, *again]))
    cuts = data.draw(st.lists(st.integers(0, 100), max_size=10))
    told = newest(read(*frames_of(shuffled, cuts, tape[-1].time)))
    straight, expected = newest(read(*in_order(tape))), bars_of(tape)
    kept = sorted(expected)[-KEPT:]
    for time in kept:
        assert values(told[time]) == values(straight[time]) == expected[time]
        assert told[time] == straight[time]
        # Of the first bucket nothing tells whether trades came before; all others are whole.
        assert told[time].whole == (time != min(expected))


@given(tapes(), st.data())
def test_a_bar_that_lacks_trades_never_ends_whole(tape: list[Sold], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(tape), max_size=len(tape) - 1))
    left = [trade for trade in tape if trade not in lost]
    cuts = data.draw(st.lists(st.integers(0, 100), max_size=10))
    shuffled = data.draw(st.permutations(left)) if data.draw(st.booleans()) else left
    told = newest(read(*frames_of(shuffled, cuts, tape[-1].time)))
    # What was lost behind the last trade that came cannot be known by ids.
    expected = bars_of([trade for trade in tape if trade.number <= left[-1].number])
    for time, bar in told.items():
        if bar.whole:
            assert values(bar) == expected[time]


@given(tapes(), st.data())
def test_every_bar_that_is_told_whole_is_that_of_some_moment(tape: list[Sold], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(tape), max_size=len(tape) - 1))
    sink = read(*in_order([trade for trade in tape if trade not in lost]))
    for bar, _ in sink.bars:
        if bar.whole:
            assert values(bar) == bars_of(trade for trade in tape if trade.number <= bar.last_id)[bar.time]


def walk(first: int, count: int, *, start: int = T0, step: int = 10_000) -> list[Sold]:
    """Trades every so many ms, their prices and sizes all different."""
    return [
        Sold(first + place, f"{100 + place}", f"0.{first + place}", start + place * step)
        for place in range(count)
    ]


def test_one_bar_for_each_bucket_and_frame_oldest_first() -> None:
    sink = read(trades_frame(0, reversed(walk(500, 12)), time=T0 + 2 * MINUTE))
    assert [bar.time for bar, _ in sink.bars] == [T0, T0 + MINUTE]
    assert {event_time for _, event_time in sink.bars} == {T0 + 2 * MINUTE}
    assert [(bar.first_id, bar.last_id) for bar, _ in sink.bars] == [(500, 505), (506, 511)]
    assert [bar.whole for bar, _ in sink.bars] == [False, True]
    assert not any(bar.closed for bar, _ in sink.bars)


def test_a_lost_trade_spoils_both_neighbours_until_it_comes() -> None:
    tape = walk(500, 24)
    lost = tape[11]  # the last one of the second minute
    reader = FrameReader(sink := RecordingSink())
    for number, trade in enumerate(trade for trade in tape if trade != lost):
        reader.feed(trades_frame(number, [trade], time=tape[-1].time))
    assert [newest(sink)[T0 + minute * MINUTE].whole for minute in range(4)] == [False, False, False, True]
    sink.bars.clear()
    reader.feed(trades_frame(23, [lost], time=tape[-1].time))
    assert [(bar.time - T0) // MINUTE for bar, _ in sink.bars] == [1, 2]
    assert all(bar.whole for bar, _ in sink.bars)
    assert values(newest(sink)[T0 + MINUTE]) == bars_of(tape)[T0 + MINUTE]


def test_a_trade_of_a_bucket_long_gone_changes_nothing() -> None:
    tape = walk(500, 30)
    reader = FrameReader(sink := RecordingSink())
    reader.feed(trades_frame(0, tape[1:], time=tape[-1].time))
    sink.bars.clear()
    reader.feed(trades_frame(1, tape[:1], time=tape[-1].time))
    assert not sink.bars


def reconnected(before: list[Sold], snapshot: list[Sold], after: list[Sold]) -> RecordingSink:
    """Read some trades, and go on over another connection, whose snapshot comes newest first."""
    trades = Trades()
    read(*in_order(before), trades=trades)
    end = max(trade.time for trade in (*before, *snapshot, *after))
    first = trades_frame(0, reversed(snapshot), kind="snapshot", time=end)
    return read(first, trades_frame(1, after, time=end), trades=trades.inherited())


@pytest.mark.parametrize("overlap", [0, 3, 9])
def test_a_snapshot_that_adjoins_loses_nothing(overlap: int) -> None:
    tape = walk(500, 30, step=4_000)
    sink = reconnected(tape[:20], tape[20 - overlap : 25], tape[25:])
    for bar, _ in sink.bars:
        assert bar.whole
        assert values(bar) == bars_of(trade for trade in tape if trade.number <= bar.last_id)[bar.time]


def test_a_snapshot_that_does_not_adjoin_tells_of_the_hole() -> None:
    tape = walk(500, 30, step=4_000)
    sink = reconnected(tape[:17], tape[18:25], tape[25:])
    assert [(bar.time, bar.whole) for bar in newest(sink).values()] == [(T0 + MINUTE, False)]


def test_a_snapshot_without_news_tells_the_running_bar_again() -> None:
    tape = walk(500, 20, step=4_000)
    sink = reconnected(tape, tape[10:], [])
    [(bar, _)] = sink.bars
    assert (bar.time, bar.whole, bar.last_id) == (T0 + MINUTE, True, 519)


def test_two_connections_at_once_do_not_take_trades_from_each_other() -> None:
    tape, first = walk(500, 12), Trades()
    second = first.inherited()
    assert read(*in_order(tape), trades=first).bars == read(*in_order(tape), trades=second).bars


def test_a_snapshot_from_nothing_makes_whole_what_it_covers() -> None:
    tape = walk(500, 40)
    sink = read(trades_frame(0, reversed(tape), kind="snapshot", time=tape[-1].time))
    assert [bar.whole for bar, _ in sink.bars] == [True] * KEPT
    assert [values(bar) for bar, _ in sink.bars] == list(bars_of(tape).values())[-KEPT:]


def test_an_id_that_leapt_ahead_is_taken_back() -> None:
    tape = walk(500, 36)
    poisoned = [*tape[:14], Sold(10**15, "1", "1", tape[14].time), *tape[14:]]
    told = newest(read(*in_order(poisoned)))
    assert [told[T0 + minute * MINUTE].whole for minute in range(6)] == [False, True, False, True, True, True]
    assert values(told[T0 + 4 * MINUTE]) == bars_of(tape)[T0 + 4 * MINUTE]


def test_a_volume_is_the_float_of_the_decimal_sum() -> None:
    sizes = ["0.1", "0.2", "0.00000001", "123456789012", "0.3"]
    tape = [Sold(number, "5", size, T0) for number, size in enumerate(sizes, 1)]
    [(bar, _)] = read(trades_frame(0, tape)).bars
    assert bar.volume == float("123456789012.60000001")
    for number in (10, 1000):
        dust = [Sold(place, "5", "0.1", T0) for place in range(1, number + 1)]
        assert read(trades_frame(0, dust)).bars[0][0].volume == number / 10


def test_bars_of_a_coarser_base() -> None:
    tape = walk(500, 90)
    told = newest(read(*in_order(tape), base=Timeframe.M5))
    expected = bars_of(tape, Timeframe.M5.milliseconds)
    assert {time: values(bar) for time, bar in told.items()} == expected


@settings(max_examples=300)
@given(st.lists(st.integers(0, 60), max_size=80))
def test_known_ids_are_those_that_were_taken(numbers: list[int]) -> None:
    ids, seen = KnownIds(), set[int]()
    for number in numbers:
        assert ids.take(number) == (number not in seen)
        seen.add(number)
    for first in range(1, 61):
        whole = first in seen and first - 1 in seen and (first + 1 in seen or first == max(seen))
        assert ids.is_whole(first, first) == whole


def test_what_is_missing_takes_no_more_than_so_much_memory() -> None:
    ids = KnownIds()
    for number in range(0, 20 * MOST_HOLES, 2):
        assert ids.take(number)
    assert ids.last - ids.first == 2 * MOST_HOLES
    assert not ids.take(ids.first - 1)  # it was let go of and counts no more
    assert ids.take(ids.last - 1)
    for number in range(10 * FAR, 0, -7):
        ids.take(number)
    assert len(ids._holes) <= MOST_HOLES
