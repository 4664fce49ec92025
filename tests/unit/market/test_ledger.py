"""The ledger: no bucket in two holes, none forgotten, whatever is entered in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.ledger import Ledger
from livermore.market.ports import Cause, Hole, Series
from livermore.market.recorder import Recorder

from .factories import MINUTE
from .memory import MemoryStore

SERIES = Series("test", "S", Timeframe.M1)


class Books:
    """A ledger, and what it has stored."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.recorder = Recorder(self.store, ManualClock())
        self.ledger = Ledger("test", Timeframe.M1, self.recorder)

    async def holes(self) -> list[Hole]:
        await self.recorder.flush()
        return await self.store.holes(SERIES, 0, 2**62)

    async def spans(self) -> list[tuple[int, int, bool]]:
        return [
            (hole.start // MINUTE, hole.end // MINUTE, hole.repaired_at is not None)
            for hole in await self.holes()
        ]

    def open(self, start: int, end: int) -> None:
        self.ledger.open("S", start * MINUTE, end * MINUTE, Cause.DISCONNECTED)

    def close(self, start: int, end: int) -> None:
        self.ledger.close("S", start * MINUTE, end * MINUTE, 7)


async def test_what_is_open_already_is_not_entered_again() -> None:
    books = Books()
    books.open(10, 15)
    books.open(11, 13)
    books.open(8, 18)
    assert await books.spans() == [(8, 10, False), (10, 15, False), (15, 18, False)]
    assert books.ledger.lacks("S", 17 * MINUTE, 30 * MINUTE)
    books.close(8, 18)
    assert await books.spans() == [(8, 10, True), (10, 15, True), (15, 18, True)]
    assert not books.ledger.lacks("S", 0, 30 * MINUTE)


async def test_a_repair_of_a_part_leaves_the_hole_open() -> None:
    books = Books()
    books.open(10, 15)
    books.close(10, 12)
    assert await books.spans() == [(10, 15, False)]


async def test_an_outage_is_cut_out_of_the_hole_in_which_it_was_found() -> None:
    books = Books()
    books.open(10, 20)
    books.close(10, 20)
    books.ledger.explain("S", 12 * MINUTE, 15 * MINUTE, Cause.EXCHANGE_OUTAGE, 9)
    assert [hole.cause for hole in await books.holes()] == [
        Cause.DISCONNECTED, Cause.EXCHANGE_OUTAGE, Cause.DISCONNECTED,
    ]  # fmt: skip
    assert await books.spans() == [(10, 12, True), (12, 15, True), (15, 20, True)]


SPANS = st.tuples(st.integers(0, 30), st.integers(1, 8))


@given(st.lists(st.tuples(st.sampled_from(["open", "close"]), SPANS), max_size=25))
async def test_no_bucket_lies_in_two_holes_and_every_one_that_was_opened_in_one(
    steps: list[tuple[str, tuple[int, int]]],
) -> None:
    books, known = Books(), set[int]()
    for step, (start, length) in steps:
        if step == "open":
            books.open(start, start + length)
            known |= set(range(start, start + length))
        else:
            books.close(start, start + length)
    spans = await books.spans()
    entered = [minute for start, end, _ in spans for minute in range(start, end)]
    assert len(entered) == len(set(entered))
    assert known == set(entered)
