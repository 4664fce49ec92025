"""Candles read again: what differs from the exchange is put right, all at once, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livermore.indicators.history import derive
from livermore.indicators.macdv import MacdvState
from livermore.indicators.service import Indicators
from livermore.indicators.values import Values
from livermore.kernel.errors import ExchangeUnreachableError, NotFoundError, StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.commands import Backfilled
from livermore.market.comparison import Tally, differing, truth
from livermore.market.listener import Times
from livermore.market.ports import Cause, Series
from tests.reference.series import START

from .asking import asker_of, values_of, with_indicators
from .factories import M5, M15, MINUTE, drawn, generated, same
from .memory import MemoryStore
from .office import Office, busy, correction, opened

MINUTES = Series("test", "S0", Timeframe.M1)
FOR_EVER = 2**62
OPENS = 47


class Desked(Office):
    """An office that derives values."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        tape = busy(symbols=1, minutes=70)
        super().__init__(tape, store=store, begin=OPENS, listener=lambda _: self._listen())

    def _listen(self) -> Indicators:
        self.indicators = with_indicators(self)
        return self.indicators

    async def derived(self, symbol: str) -> None:
        """Hold values and rings against what the stored candles give when they are derived from nothing."""
        await self.recorder.flush()
        for timeframe, values in values_of(self, self.indicators, symbol).items():
            stored = await self.store.load(Series("test", symbol, timeframe))
            row = self.table.row(symbol, timeframe)
            seeded = stored.between(self.indicators.bank.seed_time(row) or 0, FOR_EVER)
            assert equal(values, derive(MacdvState(), seeded)[-len(values) :]), timeframe
            held = self.table.candles(row)
            names = [field.name for field in fields(Candles)]
            assert same(held, stored[-len(held) :], names), timeframe


def equal(one: Values, other: Values) -> bool:
    """Say whether values are equal to the bit."""
    names = [field.name for field in fields(Values)]
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


@asynccontextmanager
async def desked(at: float = 50.5, store: MemoryStore | None = None) -> AsyncIterator[Desked]:
    """Open an office that derives, and let it run up to a minute."""
    office = Desked(store)
    await office.open()
    await office.until(at)
    try:
        yield office
    finally:
        await office.close()


async def backfilled(office: Office, until: float, **payload: object) -> Backfilled:
    """Ask for a symbol's candles again, and return what came of it by a minute."""
    job = await asker_of(office).begin("force-backfill", {"symbol": "S0"} | payload)
    await office.until(until)
    found = await asyncio.wait_for(job, 10)
    assert isinstance(found, Backfilled)
    return found


def counts(asked: int, **others: int) -> Tally:
    """Return a tally in which all that is not named is equal."""
    rest = {"corrected": 0, "added": 0, "missing": 0} | others
    return Tally(asked=asked, equal=asked - sum(rest.values()), **rest)


def at(minute: float) -> int:
    """Return when (ms) a minute of the tape begins."""
    return int(START + minute * MINUTE)


async def test_what_is_equal_stays_as_it_is_and_is_confirmed() -> None:
    async with opened(busy(symbols=1), begin=OPENS) as office:
        await office.until(50.5)
        office.table.fields["confirmed"][:] = False
        kept = office.store.kept[MINUTES]
        kept.update({time: replace(row, confirmed=False) for time, row in kept.items()})
        told = list(office.listener.loads)
        found = await backfilled(office, 50.9)
        assert found.timeframes == {"1m": counts(49), "5m": counts(9), "15m": counts(3)}
        assert office.listener.revisions == []
        assert office.listener.loads == told
        await office.recorder.flush()
        stored = (await office.store.load(MINUTES)).between(0, at(49))
        assert stored.confirmed.all()
        assert office.table.candles(0).between(0, at(49)).confirmed.all()


async def test_what_differs_is_corrected_all_at_once_with_all_that_follows() -> None:
    async with desked() as office:
        for minute in (20, 31, 44):
            correction(office, "S0", minute, float(minute))
        told = asker_of(office)
        job = await told.begin("force-backfill", {"symbol": "test:S0"})
        await office.until(50.9)
        found = await job
        assert found.timeframes == {
            "1m": counts(49, corrected=3), "5m": counts(9, corrected=3), "15m": counts(3, corrected=2)
        }  # fmt: skip
        await office.derived("S0")
        await office.until(52)
        await office.check(51)
        await office.derived("S0")
        done = [one.done for one in told.told]
        assert done == sorted(done)
        assert {one.total for one in told.told} == {3}
        assert told.told[-1].done == 3


async def test_a_longer_timeframe_alone_is_made_of_base_bars_that_are_asked_for() -> None:
    async with desked() as office:
        correction(office, "S0", 31, 1.0)
        office.exchange.asked.clear()
        found = await backfilled(office, 50.9, timeframes=["5m"])
        assert found.timeframes == {"5m": counts(9, corrected=1)}
        asked = [(one, start, end) for _, one, start, end in office.exchange.asked]
        assert asked[1:] == [(Timeframe.M1, at(30), at(35))]
        await office.check(50)
        await office.derived("S0")


async def test_a_longer_bar_that_is_older_than_the_base_is_corrected_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Values of other timeframes stand, or an old day would have every minute derived again."""
    async with desked() as office:
        times, revise = list[Times](), office.indicators.revised

        async def revised(symbol: str, since: Times) -> None:
            times.append(since)
            await revise(symbol, since)

        monkeypatch.setattr(office.indicators, "revised", revised)
        minutes, quarters = office.store.kept[MINUTES], office.store.kept[Series("test", "S0", M15)]
        for time in [time for time in minutes if time < at(20)]:
            del minutes[time]
        quarters[at(0)] = replace(quarters[at(0)], close=quarters[at(0)].low)
        found = await backfilled(office, 50.9, timeframes=["15m"])
        assert found.timeframes == {"15m": counts(3, corrected=1)}
        assert times == [{M15: at(0)}]
        stored = await office.store.load(Series("test", "S0", M15))
        assert stored.close.tolist() == office.expected("S0", M15, 50).close.tolist()
        assert values_of(office, office.indicators, "S0")[M15].time.tolist() == stored.time.tolist()


async def test_a_bar_that_the_store_has_otherwise_or_not_at_all_is_put_back() -> None:
    async with desked() as office:
        kept = office.store.kept
        for minute in (10, 11, 40):
            del kept[MINUTES][at(minute)]
        del kept[Series("test", "S0", M15)][at(15)]
        found = await backfilled(office, 50.9)
        assert found.timeframes["1m"] == counts(49, added=3)
        assert found.timeframes["15m"] == counts(3, added=1)
        await office.check(50)
        await office.derived("S0")


async def test_nothing_good_is_discarded_for_an_answer_that_lacks_it() -> None:
    async with desked() as office:
        office.exchange.unknown = {at(35): FOR_EVER, at(36): FOR_EVER}
        found = await backfilled(office, 50.9, timeframes=["1m"])
        assert found.timeframes == {"1m": counts(49)}
        office.exchange.unknown.clear()
        await office.check(50)


async def test_a_range_is_asked_for_alone_and_rounded_to_whole_buckets() -> None:
    async with opened(busy(symbols=1), begin=OPENS) as office:
        await office.until(50.5)
        correction(office, "S0", 40, 1.0)
        office.exchange.asked.clear()
        found = await backfilled(office, 50.9, **{"from": at(40) + 1, "to": at(44) + 1, "timeframes": ["1m"]})
        assert found.timeframes == {"1m": counts(4)}
        assert office.exchange.asked == [("S0", Timeframe.M1, at(41), at(45))]


@pytest.mark.parametrize(("end", "added"), [(30, 10), (15, 0)])
async def test_older_candles_are_added_only_where_they_reach_up_to_what_is_stored(
    end: int, added: int
) -> None:
    async with desked() as office:
        office.store.kept[MINUTES] = {
            time: row for time, row in office.store.kept[MINUTES].items() if time >= at(20)
        }
        before = values_of(office, office.indicators, "S0")
        payload = {"from": at(10), "to": at(end), "timeframes": ["1m"]}
        found = await backfilled(office, 50.9, **payload)
        lacking = 0 if added else end - 10
        assert found.timeframes == {"1m": counts(end - 10, added=added, missing=lacking)}
        assert min(office.store.kept[MINUTES]) == at(10 if added else 20)
        after = values_of(office, office.indicators, "S0")
        assert all(equal(before[one], after[one]) for one in before)


async def test_what_was_given_up_as_missing_is_filled_and_the_ledger_says_so() -> None:
    office = Desked()
    office.exchange.cuts = [(at(48.2), at(50))]
    await office.open()
    await office.until(48.1)
    office.exchange.failing = [ExchangeUnreachableError("history is away")] * 500
    await office.until(56.5)
    assert office.desk.ledger.open_holes("S0")
    office.exchange.failing.clear()
    found = await backfilled(office, 57.5, timeframes=["1m"])
    assert found.timeframes["1m"].missing == 0
    assert found.timeframes["1m"].added > 0
    assert office.desk.ledger.open_holes("S0") == []
    await office.until(58.5)
    await office.check(57)
    holes = await office.store.holes(MINUTES, 0, FOR_EVER)
    assert {hole.cause for hole in holes} <= {Cause.DISCONNECTED, Cause.LATE}
    assert all(hole.repaired_at is not None for hole in holes)
    await office.close()


async def test_what_somebody_else_has_changed_meanwhile_is_asked_for_again() -> None:
    """The answer is older than the correction that the stream has told while it was on its way."""
    async with desked() as office:
        correction(office, "S0", 44, 2.0)
        office.exchange.delay = 10.0
        job = await asker_of(office).begin("force-backfill", {"symbol": "S0", "timeframes": ["1m"]})
        answer = office.exchange.history

        async def too_old(symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
            told = await answer(symbol, timeframe, start, end)
            office.exchange.history = answer  # type: ignore[method-assign]
            told.close[told.time == at(44)] = told.high[told.time == at(44)]
            return told

        office.exchange.history = too_old  # type: ignore[method-assign]
        await office.until(50.52)
        office.desk.feed.bar(correction(office, "S0", 44, 3.0), office.clock.now())
        await office.until(51.5)
        assert (await job).timeframes == {"1m": counts(49, corrected=1)}
        assert office.exchange.asked[-1] == ("S0", Timeframe.M1, at(44), at(45))
        await office.check(51)


async def test_one_that_is_cancelled_at_any_moment_harms_nothing() -> None:
    async with desked() as office:
        for turns in range(0, 60, 5):
            correction(office, "S0", 30 + turns // 5, 1.0 + turns)
            job = await asker_of(office).begin("force-backfill", {"symbol": "S0"})
            # The three answers take a twentieth of a second each, and what follows takes no time.
            await office.clock.advance(0.0 if turns < 5 else 0.15)
            for _ in range(turns):
                await asyncio.sleep(0)
            job.cancel()
            await asyncio.wait({job})
            await office.derived("S0")
            assert office.desk.feed.waiting() == []
        await backfilled(office, 51)
        await office.until(53)
        await office.check(52)
        await office.derived("S0")


async def test_one_whose_symbol_leaves_meanwhile_says_so() -> None:
    async with desked() as office:
        office.exchange.delay = 30.0
        job = await asker_of(office).begin("force-backfill", {"symbol": "S0"})
        await office.until(50.6)
        removing = asyncio.create_task(office.desk.remove(["S0"]))
        await office.until(50.7)
        await removing
        with pytest.raises(NotFoundError, match="not watched any more"):
            await job
        assert office.desk.health().state == "healthy"


async def test_an_exchange_that_is_away_changes_nothing() -> None:
    async with desked() as office:
        office.exchange.failing = [ExchangeUnreachableError("away")] * 100
        job = await asker_of(office).begin("force-backfill", {"symbol": "S0"})
        await office.until(52.5)
        with pytest.raises(ExchangeUnreachableError):
            await job
        await office.derived("S0")


async def test_a_store_that_refuses_the_change_has_what_is_held_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desked() as office:
        correction(office, "S0", 31, 1.0)
        job = await asker_of(office).begin("force-backfill", {"symbol": "S0"})
        monkeypatch.setattr(office.desk.loading.backfill, "revise", refuse)
        await office.until(50.9)
        with pytest.raises(StorageUnavailableError):
            await job
        await office.until(52)
        assert office.desk.feed.waiting() == []
        await office.derived("S0")


async def refuse(*given: object) -> None:
    """Store nothing."""
    raise StorageUnavailableError


MOMENTS = st.lists(st.integers(12, 48), max_size=4, unique=True)


@settings(max_examples=5, deadline=None)
@given(corrected=MOMENTS, deleted=MOMENTS, doubted=MOMENTS, both=st.booleans())
async def test_whatever_was_wrong_is_right_afterwards_to_the_bit(
    corrected: list[int], deleted: list[int], doubted: list[int], both: bool
) -> None:
    """Live bars, repairs and a second request go on beside it."""
    async with desked(50.9) as office:
        for minute in corrected:
            correction(office, "S0", minute, float(minute))
        for minute in deleted:
            office.store.kept[MINUTES].pop(at(minute), None)
        office.store.kept[Series("test", "S0", M5)].clear()
        await office.store.save([(Series("test", "S0", M5), office.table.candles(1))])
        jobs = [await asker_of(office).begin("force-backfill", {"symbol": "S0"}) for _ in range(1 + both)]
        for minute in doubted:
            office.desk.repairs.doubted("S0", at(minute), at(minute + 2), Cause.LATE)
        await office.until(52.5)
        for job in jobs:
            found = await job
            assert all(one.missing == 0 for one in found.timeframes.values())
        await office.until(54)
        await office.check(53)
        await office.derived("S0")


# -- the arithmetic -------------------------------------------------------------------------------------


def test_the_truth_is_what_is_told_then_what_is_known_then_quiet() -> None:
    told = generated("trending", 1, 6)[1:3]
    stored = drawn("tqqtt")
    right = truth(stored, told, Timeframe.M1, at(6), Candles.none())
    assert right.time.tolist() == [at(minute) for minute in range(6)]
    assert right.state.tolist() == [1, 1, 1, 1, 1, 0]
    assert right.close.tolist() == [1.0, *told.close.tolist(), 4.0, 5.0, 5.0]
    assert truth(Candles.none(), Candles.none(), Timeframe.M1, at(6), drawn("t"))[:1].close.tolist() == [1.0]
    assert len(truth(Candles.none(), Candles.none(), Timeframe.M1, at(6), Candles.none())) == 0


def test_a_sum_that_was_rounded_otherwise_is_no_difference() -> None:
    stored = drawn("tt.t")
    right = drawn("tttt")
    right.volume[:] *= 1 + 1e-15
    assert differing(stored, right).tolist() == [False, False, True, False]
    assert differing(Candles.none(), right).all()
    right.close[0] += 1e-12
    assert differing(stored, right).tolist() == [True, False, True, False]
