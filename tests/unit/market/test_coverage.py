"""Coverage: every closed bucket is counted once, every missing one lies in a gap, a glance says the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market import coverage
from livermore.market.coverage import AT_ONCE, SOON, Coverage, CoverageService
from livermore.market.freshness import Freshness
from livermore.market.ledger import Ledger
from livermore.market.plane import MarketPlane
from livermore.market.ports import Cause, Counts, Hole, Series
from livermore.market.recorder import Recorder
from livermore.market.rollup import roll_up
from livermore.market.series import SeriesTable
from livermore.market.service import MarketService
from tests.reference.series import START

from .factories import H1, M5, MINUTE, drawn
from .memory import MemoryStore

M1 = Timeframe.M1
DAY = 86_400_000


class Book:
    """Know one exchange."""

    async def get(self, name: str) -> str | None:
        return name if name == "test" else None

    async def all(self) -> list[Any]:
        return [SimpleNamespace(name="test")]


class CountingStore(MemoryStore):
    """Count the questions for holes."""

    asked = 0

    async def holes(self, series: Series, start: int, end: int) -> list[Hole]:
        self.asked += 1
        return await super().holes(series, start, end)


@dataclass
class QuietFeed:
    """A feed on which nothing runs."""

    market_time: int

    def running(self, symbol: str) -> None:
        return None

    def next_open(self, symbol: str) -> int:
        return -1


@dataclass
class FakeDesk:
    """As much of a desk as is looked at."""

    table: SeriesTable
    feed: QuietFeed
    ledger: Ledger
    symbols: list[str]
    loaded: set[str]
    heard_at: float | None = None
    connected_at: int | None = START
    state: str = "connected"
    unlisted: list[str] = field(default_factory=list)
    info: Any = field(default_factory=lambda: SimpleNamespace(name="test"))


class Watch:
    """A coverage service over one desk, whose market time is that of its clock."""

    def __init__(self, *, symbols: tuple[str, ...] = ("A",), minutes: float = 10) -> None:
        self.clock = ManualClock(START + int(minutes * MINUTE))
        self.table = SeriesTable("test", (M1, M5, H1), symbols=len(symbols))
        for symbol in symbols:
            self.table.add(symbol)
        self.store = CountingStore()
        self.recorder = Recorder(self.store, self.clock)
        self.ledger = Ledger("test", M1, self.recorder)
        self.desk = FakeDesk(
            self.table, QuietFeed(self.clock.now()), self.ledger, list(symbols), set(symbols),
            self.clock.monotonic(),
        )  # fmt: skip
        self.plane = MarketPlane({"test": cast("Any", self.desk)}, self.clock)
        self.market = MarketService(self.plane, self.store, cast("Any", Book()))
        self.service = CoverageService(self.plane, self.store, self.market, self.clock)

    async def know(self, pattern: str, *, stored: int | None = None, symbol: str = "A") -> None:
        """Take base bars of a pattern and what they roll up to: so many are stored, all are in the ring."""
        base = drawn(pattern)
        for timeframe in self.table.timeframes:
            bars = base if timeframe is M1 else roll_up(base, MINUTE, timeframe)
            end = len(base) if stored is None else stored
            await self.store.save(
                [(Series("test", symbol, timeframe), bars.between(0, START + end * MINUTE))]
            )
            self.table.load(self.table.row(symbol, timeframe), bars)

    async def hole(self, start: int, end: int, cause: Cause) -> None:
        """Enter that some minutes of the base series are missing."""
        self.ledger.open("A", START + start * MINUTE, START + end * MINUTE, cause)
        await self.recorder.flush()

    async def repair(self, start: int, end: int, at: int) -> None:
        """Enter that they were repaired at another."""
        self.ledger.close("A", START + start * MINUTE, START + end * MINUTE, START + at * MINUTE)
        await self.recorder.flush()

    async def cell(self, timeframe: Timeframe = M1, symbol: str = "A") -> Freshness:
        rows = {row.symbol: row for row in await self.service.grid()}
        return rows[symbol].cells[timeframe.value]


def minutes(found: Coverage) -> list[tuple[int, int, str, str]]:
    """Write gaps as minutes since the start."""
    return [
        ((gap.start - START) // MINUTE, (gap.end - START) // MINUTE, gap.cause.value, gap.state)
        for gap in found.gaps
    ]


async def test_every_closed_bucket_is_counted_once() -> None:
    watch = Watch(minutes=10.5)
    await watch.know("ttqqtmmtqt")
    found = await watch.service.of("test", "a", "1m")
    assert (found.start, found.end) == (START, START + 10 * MINUTE)
    assert found.counts == Counts(traded=5, quiet=3, missing=2)
    assert minutes(found) == [(5, 7, "late", "open")]


@pytest.mark.parametrize("stored", range(11))
async def test_what_the_store_does_not_have_yet_is_taken_from_the_ring(stored: int) -> None:
    watch = Watch(minutes=10.5)
    await watch.know("ttqqtmmtqt", stored=stored)
    found = await watch.service.of("test", "A", "1m", start=START)
    assert found.counts == Counts(traded=5, quiet=3, missing=2)
    assert found.start == START


async def test_a_bucket_that_should_have_closed_is_missing() -> None:
    watch = Watch(minutes=12.5)
    await watch.know("tttttttttt")
    found = await watch.service.of("test", "A", "1m")
    assert found.counts == Counts(10, 0, 2)
    assert minutes(found) == [(10, 12, "late", "open")]
    watch.desk.state = "disconnected"
    found = await watch.service.of("test", "A", "1m")
    assert minutes(found) == [(10, 12, "disconnected", "open")]


async def test_a_bucket_has_two_seconds_to_close() -> None:
    watch = Watch(minutes=11)
    await watch.know("tttttttttt")
    assert (await watch.service.of("test", "A", "1m")).counts == Counts(10, 0, 0)
    await watch.clock.advance(2)
    assert (await watch.service.of("test", "A", "1m")).counts == Counts(10, 0, 1)


async def test_an_exchange_that_falls_silent_does_not_stop_the_clock() -> None:
    watch = Watch(minutes=10)
    await watch.know("tttttttttt")
    await watch.clock.advance(300)
    assert (await watch.service.of("test", "A", "1m")).counts.missing == 4
    assert (await watch.cell()).state == "late"
    assert watch.plane.newest_age(watch.plane.desks) == 300_000


@pytest.mark.parametrize("piece", [1, 3, 4, 9, 10])
async def test_a_long_series_is_counted_piece_by_piece(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(coverage, "PIECE", piece)
    watch = Watch(minutes=12.5)
    await watch.know("ttqqtmmtqt", stored=6)
    found = await watch.service.of("test", "A", "1m")
    assert found.counts == Counts(traded=5, quiet=3, missing=4)
    assert minutes(found) == [(5, 7, "late", "open"), (10, 12, "late", "open")]


@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [
        (None, 4, (2, 2, 0)),
        (4, None, (3, 1, 2)),
        (-50, 90, (5, 3, 2)),
        (5, 6, (0, 0, 1)),
        (6, 5, (0, 0, 0)),
        (50, 90, (0, 0, 0)),
        (3.5, 5.5, (1, 0, 1)),
    ],
)
async def test_a_range_holds_the_buckets_that_open_in_it(
    start: float | None, end: float | None, counts: tuple[int, int, int]
) -> None:
    watch = Watch(minutes=10.5)
    await watch.know("ttqqtmmtqt")
    first, last = (None if one is None else START + int(one * MINUTE) for one in (start, end))
    found = await watch.service.of("test", "A", "1m", start=first, end=last)
    assert found.counts == counts
    assert START <= found.start <= found.end <= START + 10 * MINUTE
    assert sum(found.counts) == (found.end - found.start) // MINUTE


async def test_holes_are_told_with_their_causes() -> None:
    watch = Watch(minutes=20.5)
    await watch.know("ttttmmttttttttmmmttt")
    await watch.hole(4, 6, Cause.DISCONNECTED)
    await watch.hole(9, 11, Cause.SEQUENCE_GAP)
    await watch.repair(9, 11, 12)
    found = await watch.service.of("test", "A", "1m")
    assert minutes(found) == [
        (4, 6, "disconnected", "open"),
        (9, 11, "sequence_gap", "repaired"),
        (14, 17, "late", "open"),
    ]
    assert found.gaps[1].repaired_at == START + 12 * MINUTE
    assert sum((gap.end - gap.start) // MINUTE for gap in found.gaps if gap.state == "open") == 5


async def test_a_hole_is_cut_to_what_was_asked_for() -> None:
    watch = Watch(minutes=20.5)
    await watch.know("ttttmmmmtttttttttttt")
    await watch.hole(4, 8, Cause.DISCONNECTED)
    found = await watch.service.of("test", "A", "1m", start=START + 6 * MINUTE, end=START + 7 * MINUTE)
    assert minutes(found) == [(6, 7, "disconnected", "open")]


async def test_a_hole_is_one_in_every_longer_bucket_that_it_touches() -> None:
    watch = Watch(minutes=22.5)
    await watch.know("tttttmttmttttmttttttttt"[:22])
    for minute in (5, 8, 13):
        await watch.hole(minute, minute + 1, Cause.DISCONNECTED)
    found = await watch.service.of("test", "A", "5m")
    assert found.counts == Counts(2, 0, 2)
    assert minutes(found) == [(5, 10, "disconnected", "open"), (10, 15, "disconnected", "open")]


async def test_a_hole_in_a_bucket_that_still_runs_is_none_yet() -> None:
    watch = Watch(minutes=22.5)
    await watch.know("t" * 21 + "m")
    await watch.hole(21, 22, Cause.DISCONNECTED)
    assert (await watch.service.of("test", "A", "5m")).gaps == []
    assert (await watch.cell(M1)).state == "hole"
    assert (await watch.cell(M5)).state == "fresh"


async def test_a_hole_that_nobody_closed_and_that_is_full_was_repaired() -> None:
    watch = Watch(minutes=10.5)
    await watch.know("tttttttttt")
    await watch.hole(4, 6, Cause.DISCONNECTED)
    assert minutes(await watch.service.of("test", "A", "1m")) == [(4, 6, "disconnected", "open")]
    watch.ledger._open.clear()
    found = await watch.service.of("test", "A", "1m")
    assert minutes(found) == [(4, 6, "disconnected", "repaired")]
    assert found.gaps[0].repaired_at is None


async def test_what_a_repair_left_out_is_told_again() -> None:
    watch = Watch(minutes=10.5)
    await watch.know("ttttmmtttt")
    await watch.hole(4, 6, Cause.DISCONNECTED)
    await watch.repair(4, 6, 8)
    assert minutes(await watch.service.of("test", "A", "1m")) == [
        (4, 6, "disconnected", "repaired"),
        (4, 6, "late", "open"),
    ]


async def test_a_series_that_is_only_stored_ends_with_its_last_candle() -> None:
    watch = Watch(minutes=900)
    await watch.store.save([(Series("test", "GONE", M1), drawn("ttmtt"))])
    found = await watch.service.of("test", "GONE", "1m")
    assert found.counts == Counts(4, 0, 1)
    row = await watch.service.stored_row("test", "GONE", ["1m"])
    cell = row.cells["1m"]
    assert (cell.state, cell.newest, cell.age_ms) == ("hole", START + 4 * MINUTE, None)
    assert (cell.missing, cell.holes) == (1, 1)
    await watch.store.save([(Series("test", "WHOLE", M1), drawn("tt"))])
    assert (await watch.service.stored_row("test", "WHOLE", ["1m"])).cells["1m"].state == "waiting"


async def test_a_series_without_candles_has_no_buckets() -> None:
    watch = Watch()
    found = await watch.service.of("test", "A", "1m", start=START, end=START + 5 * MINUTE)
    assert (found.counts, found.gaps, found.start == found.end) == (Counts(0, 0, 0), [], True)


async def test_wrong_names_are_refused() -> None:
    watch = Watch()
    with pytest.raises(NotFoundError):
        await watch.service.of("nowhere", "A", "1m")
    with pytest.raises(NotFoundError):
        await watch.service.of("test", "B", "1m")
    with pytest.raises(InvalidError):
        await watch.service.of("test", "A", "7m")


# -- at a glance ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(0, "fresh"), (59, "fresh"), (62, "fresh"), (62.5, "waiting"), (70, "waiting"), (70.5, "late")],
)
async def test_a_series_ages(seconds: float, state: str) -> None:
    watch = Watch(minutes=10)
    await watch.know("tttttttttt")
    await watch.clock.advance(seconds)
    cell = await watch.cell()
    assert cell.state == state
    assert (cell.newest, cell.age_ms) == (START + 9 * MINUTE, int(seconds * 1000))
    assert cell.missing == (1 if seconds >= 62 else 0)


async def test_a_market_that_runs_faster_than_our_clock_is_not_late_for_that() -> None:
    watch = Watch(minutes=10)
    await watch.know("tttttttttt")
    assert (await watch.cell()).state == "fresh"
    await watch.clock.advance(1)
    # In a second of ours a minute has passed; the feed waits a quarter of one before it closes the bucket.
    watch.desk.feed.market_time += 75_000
    watch.desk.heard_at = watch.clock.monotonic()
    assert (await watch.cell()).state == "fresh"
    assert (await watch.service.of("test", "A", "1m")).counts.missing == 0
    await watch.clock.advance(1)
    assert (await watch.cell()).state == "late"
    assert (await watch.service.of("test", "A", "1m")).counts.missing == 1


async def test_a_missing_bucket_is_a_hole_for_as_long_as_it_counts() -> None:
    watch = Watch(minutes=450)
    await watch.know("m" + "t" * 449)
    assert (await watch.cell()).state == "hole"
    assert (await watch.cell()).missing == 1
    await watch.know("m" + "t" * 450)
    await watch.clock.advance(60)
    assert (await watch.cell()).state == "fresh"


async def test_a_bucket_that_was_left_out_is_a_hole_as_well() -> None:
    watch = Watch(minutes=10)
    await watch.know("ttt.tttttt")
    cell = await watch.cell()
    assert (cell.state, cell.missing, cell.holes) == ("hole", 1, 0)


async def test_a_slot_of_an_earlier_turn_of_the_ring_fills_no_hole() -> None:
    watch = Watch(minutes=1_100)
    await watch.know("t" * 1_000)
    row = watch.table.row("A", M1)
    later = drawn("t" * 1_100)
    watch.table.load(row, later[np.r_[1_000:1_050, 1_051:1_100]])
    assert (await watch.cell()).missing == 1


async def test_a_repair_is_remembered_for_a_day() -> None:
    watch = Watch(minutes=10)
    await watch.know("tttttttttt")
    await watch.hole(4, 6, Cause.DISCONNECTED)
    opened = await watch.cell()
    assert (opened.state, opened.holes) == ("hole", 1)
    await watch.repair(4, 6, 9)
    assert (await watch.cell()).state == "repaired"
    watch.desk.feed.market_time = START + 9 * MINUTE + DAY
    watch.table.load(watch.table.row("A", M1), drawn("t" * 460, START + DAY - 450 * MINUTE))
    assert (await watch.cell()).state == "fresh"


async def test_the_store_is_asked_when_the_ledger_has_changed() -> None:
    watch = Watch(symbols=("A", "B"), minutes=10)

    async def asked() -> int:
        before = watch.store.asked
        await watch.service.grid()
        return watch.store.asked - before

    assert [await asked(), await asked()] == [2, 0]
    await watch.clock.advance(SOON)
    assert [await asked(), await asked()] == [2, 0]
    await watch.clock.advance(3_600)
    assert await asked() == 0
    await watch.hole(4, 6, Cause.DISCONNECTED)
    assert [await asked(), await asked()] == [2, 0]
    await watch.clock.advance(SOON)
    assert [await asked(), await asked()] == [2, 0]


async def test_a_repair_that_reaches_the_store_late_is_seen_and_so_is_one_between_two_looks() -> None:
    watch = Watch(minutes=10)
    await watch.know("tttttttttt")
    assert (await watch.cell()).state == "fresh"
    holes = watch.ledger.found("A", START, START + MINUTE, Cause.LATE, START + 5 * MINUTE)
    assert (await watch.cell()).state == "fresh"
    await watch.store.save([], holes=holes)
    watch.ledger.keep(holes)
    await watch.clock.advance(SOON)
    assert (await watch.cell()).state == "repaired"


async def test_many_symbols_are_asked_for_a_few_at_a_time() -> None:
    watch = Watch(symbols=tuple(f"S{number}" for number in range(50)))
    await watch.service.grid()
    await watch.clock.advance(SOON)
    asked = []
    for _ in range(4):
        before = watch.store.asked
        await watch.service.grid()
        asked.append(watch.store.asked - before)
    assert asked == [AT_ONCE, AT_ONCE, 50 - 2 * AT_ONCE, 0]


async def test_a_symbol_that_is_loading_or_not_listed_is_not_late() -> None:
    watch = Watch(symbols=("A", "B", "C"), minutes=900)
    watch.desk.loaded = {"C"}
    watch.desk.unlisted = ["B"]
    states = {row.symbol: row.cells["1m"].state for row in await watch.service.grid()}
    assert states == {"A": "loading", "B": "waiting", "C": "waiting"}
    watch.desk.connected_at = None
    states = {row.symbol: row.cells["1m"].state for row in await watch.service.grid()}
    assert states == {"A": "waiting", "B": "waiting", "C": "waiting"}


async def test_timeframes_that_are_not_watched_are_no_cells() -> None:
    watch = Watch()
    (row,) = await watch.service.grid()
    assert list(row.cells) == ["1m", "5m", "1h"]
