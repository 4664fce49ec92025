"""The running bar of a series: what is in it, and which bucket it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate, Candle
from livermore.market.closed import columns_of
from livermore.market.desk import Desk
from livermore.market.feed import Feed
from livermore.market.plane import forming
from livermore.market.ports import Series
from livermore.market.rollup import Rollup
from tests.reference.series import START

from .factories import M5, MINUTE, table_of
from .talking import Owner


class Running:
    """A symbol that goes live at the first minute."""

    def __init__(self, *, begun: bool = True) -> None:
        self.table = table_of("A")
        self.rollup = Rollup(self.table)
        self.feed = Feed(Timeframe.M1, ManualClock(), Owner())
        self.feed.watch("A", 0)
        self.feed.connected(START - MINUTE)
        if begun:
            self.feed.begin("A", START, 10.0)
        self.next_id = 1

    def tell(self, number: int, price: float, volume: float = 1.0, *, closed: bool = True) -> None:
        """Tell a minute, closed with the ids that follow; what closes is rolled up."""
        ids = (self.next_id, self.next_id) if volume else (-1, -1)
        self.next_id += bool(volume)
        bar = BarUpdate(
            symbol="A", time=START + number * MINUTE, open=price, high=price, low=price, close=price,
            volume=volume, closed=closed, first_id=ids[0], last_id=ids[1],
        )  # fmt: skip
        self.feed.bar(bar, bar.time + 30_000)
        for one in self.feed.take():
            columns, candles, decided = columns_of([one])
            self.rollup.close(columns, candles, one.time + MINUTE, decided)

    def forming(self, timeframe: Timeframe) -> Candle | None:
        desk = SimpleNamespace(feed=self.feed, table=self.table, rollup=self.rollup)
        return forming(cast("Desk", desk), Series("test", "A", timeframe))


def told(candle: Candle | None) -> tuple[int, float, float, float, float, float] | None:
    """Return minute, prices and volume."""
    if candle is None:
        return None
    minute = (candle.time - START) // MINUTE
    return minute, candle.open, candle.high, candle.low, candle.close, candle.volume


def test_it_is_what_has_closed_and_what_runs() -> None:
    market = Running()
    assert market.forming(Timeframe.M1) is None
    assert market.forming(M5) is None
    market.tell(0, 5.0)
    assert told(market.forming(M5)) == (0, 5.0, 5.0, 5.0, 5.0, 1.0)
    market.tell(1, 3.0, closed=False)
    assert told(market.forming(Timeframe.M1)) == (1, 3.0, 3.0, 3.0, 3.0, 1.0)
    assert told(market.forming(M5)) == (0, 5.0, 5.0, 3.0, 3.0, 2.0)


def test_what_has_not_closed_yet_is_not_shown_as_the_bucket_after_it() -> None:
    market = Running()
    for number in range(4):
        market.tell(number, 5.0 + number)
    market.feed.beat(START + 5 * MINUTE + 1_500)
    assert told(market.forming(M5)) == (0, 5.0, 8.0, 5.0, 8.0, 4.0)


def test_what_waits_for_a_repair_is_not_mixed_with_a_later_bucket() -> None:
    market = Running()
    for number in range(4):
        market.tell(number, 5.0 + number)
    market.next_id = 100
    market.tell(7, 90.0, closed=False)
    assert told(market.forming(M5)) == (5, 90.0, 90.0, 90.0, 90.0, 1.0)


def test_before_its_history_is_there_nothing_longer_is_shown() -> None:
    market = Running(begun=False)
    market.tell(7, 90.0, closed=False)
    assert told(market.forming(Timeframe.M1)) == (7, 90.0, 90.0, 90.0, 90.0, 1.0)
    assert market.forming(M5) is None


def test_a_flat_bar_of_no_volume_is_no_trade() -> None:
    market = Running()
    market.tell(0, 9.0, 0.0, closed=False)
    assert market.forming(Timeframe.M1) is None
    assert market.forming(M5) is None
