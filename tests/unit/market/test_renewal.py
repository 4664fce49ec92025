"""What is held is dropped and taken again: the same to the bit, with no bar lost and nobody disturbed."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from livermore.control.command import Progress
from livermore.indicators.macdv import MacdvState
from livermore.kernel.errors import ExchangeUnreachableError, StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.commands import Cleared
from livermore.market.ports import Cause, Hole, Series

from .asking import asker_of, values_of
from .factories import M5, M15
from .office import TIMEFRAMES, Office, correction
from .test_refresh import FOR_EVER, MINUTES, Desked, at, desked, equal

EVERYTHING = {"scope": "all"}


async def cleared(office: Office, until: float, **payload: Any) -> Cleared:
    """Have what is held dropped, and return what came of it by a minute."""
    asker = asker_of(office, "admin")
    job = await asker.begin("clear-cache", EVERYTHING | payload)
    await office.until(until)
    found = await asyncio.wait_for(job, 10)
    assert isinstance(found, Cleared)
    assert asker.told[-1] == Progress(done=found.symbols, total=found.symbols, message="taken again")
    return found


def held(office: Desked) -> dict[Timeframe, Candles]:
    """Return the bars that are held of the symbol."""
    return {one: office.table.candles(office.table.row("S0", one)) for one in TIMEFRAMES}


async def test_values_and_bars_are_the_same_to_the_bit_while_it_streams() -> None:
    async with desked(48.9) as office:
        before = values_of(office, office.indicators, "S0")
        bars = held(office)
        running = office.desk.rollup.running(0, M15)
        found = await cleared(office, 48.95)
        assert found == Cleared(symbols=1, timeframes=["1m", "5m", "15m"], bars=60, stored_deleted=0)
        assert all(
            equal(before[one], after) for one, after in values_of(office, office.indicators, "S0").items()
        )
        assert all(bars[one].close.tolist() == after.close.tolist() for one, after in held(office).items())
        assert office.desk.rollup.running(0, M15) == running
        # Again and again, also in the moment in which bars close.
        for minute in (49, 50, 51):
            await office.until(minute - 0.001)
            jobs = [await asker_of(office).begin("clear-cache", EVERYTHING) for _ in range(3)]
            await office.until(minute + 0.1)
            await asyncio.gather(*jobs)
        await office.until(52.5)
        await office.check(52)
        await office.derived("S0")


async def test_what_was_only_in_memory_is_gone_and_what_is_stored_is_there() -> None:
    async with desked() as office:
        wrong = office.table.line(office.table.fields["close"], 0)
        right = wrong.copy()
        wrong += 1.0
        office.indicators.bank.restore(0, MacdvState())
        found = await cleared(office, 50.6, scope="symbol", symbol="S0")
        assert found.timeframes == ["1m", "5m", "15m"]
        assert wrong.tolist() == right.tolist()
        await office.derived("S0")


async def test_of_one_timeframe_only_that_is_dropped() -> None:
    async with desked() as office:
        times = office.table.fields["time"]
        for row in range(3):
            line = office.table.line(times, row)
            line[np.flatnonzero(line == 0)[0]] = 1
        found = await cleared(office, 50.6, scope="timeframe", timeframe="5m")
        assert found == Cleared(symbols=1, timeframes=["5m"], bars=10, stored_deleted=0)
        assert [int(bars.time[0]) == 1 for bars in held(office).values()] == [True, False, True]


async def test_one_that_is_cancelled_at_any_moment_loses_nothing() -> None:
    async with desked() as office:
        before = values_of(office, office.indicators, "S0")
        for turns in range(0, 40, 2):
            job = await asker_of(office).begin("clear-cache", EVERYTHING)
            for _ in range(turns):
                await asyncio.sleep(0)
            job.cancel()
            await asyncio.wait({job})
            assert office.desk.feed.waiting() == []
        after = values_of(office, office.indicators, "S0")
        assert all(equal(before[one], after[one]) for one in before)
        await office.until(52.5)
        await office.check(52)
        await office.derived("S0")


async def test_a_listing_that_cannot_be_read_is_kept() -> None:
    async with desked() as office:
        office.exchange.listed.append("NEW")
        await cleared(office, 50.6)
        assert list(office.desk.listing) == ["S0", "NEW"]
        office.exchange.away = True
        await cleared(office, 50.7)
        assert list(office.desk.listing) == ["S0", "NEW"]


async def test_a_store_that_cannot_be_read_changes_nothing_and_bars_go_on() -> None:
    async with desked() as office:
        office.recorder.hole(Hole(series=MINUTES, start=at(1), end=at(2), cause=Cause.LATE))
        office.store.failing.append(StorageUnavailableError("away"))
        job = await asker_of(office).begin("clear-cache", EVERYTHING)
        await office.until(50.6)
        with pytest.raises(StorageUnavailableError):
            await job
        await office.until(52.5)
        await office.check(52)
        await office.derived("S0")


# -- with what is stored --------------------------------------------------------------------------------


async def test_what_is_stored_is_read_anew_with_checkpoints_and_holes() -> None:
    async with desked() as office:
        for minute in (3, 30, 48):
            correction(office, "S0", minute, 50.0)
        await office.store.save([], holes=[Hole(series=MINUTES, start=at(3), end=at(4), cause=Cause.LATE)])
        counted = sum(len(office.store.kept[Series("test", "S0", one)]) for one in TIMEFRAMES)
        office.store.checkpoints[MINUTES][at(40)] = b"wrong"
        found = await cleared(office, 50.8, stored=True)
        assert found.stored_deleted == counted == found.bars
        assert await office.store.holes(MINUTES, 0, FOR_EVER) == []
        assert next(iter(office.store.checkpoints[MINUTES])) == at(-1)
        assert b"wrong" not in office.store.checkpoints[MINUTES].values()
        await office.check(50)
        await office.derived("S0")
        await office.until(55.5)
        await office.check(55)
        await office.derived("S0")


async def test_of_one_timeframe_only_that_is_read_anew() -> None:
    async with desked() as office:
        for series, kept in office.store.kept.items():
            kept[at(10 if series.timeframe is not M15 else 0)] = kept[at(15)]
            assert series.symbol == "S0"
        office.exchange.asked.clear()
        found = await cleared(office, 50.8, scope="timeframe", timeframe="5m", symbol="S0", stored=True)
        assert (found.stored_deleted, found.timeframes) == (10, ["5m"])
        assert {one for _, one, *_ in office.exchange.asked} == {M5}
        five = await office.store.load(Series("test", "S0", M5))
        assert five.close.tolist() == office.expected("S0", M5, 50).close.tolist()
        assert office.store.kept[MINUTES][at(10)] == office.store.kept[MINUTES][at(15)]


async def test_an_exchange_that_is_away_keeps_what_is_stored() -> None:
    async with desked() as office:
        before = {series: dict(kept) for series, kept in office.store.kept.items()}
        office.exchange.failing = [ExchangeUnreachableError("away")] * 100
        job = await asker_of(office, "admin").begin("clear-cache", EVERYTHING | {"stored": True})
        await office.until(52.5)
        with pytest.raises(ExchangeUnreachableError):
            await job
        assert all(office.store.kept[series].items() >= kept.items() for series, kept in before.items())


async def test_reading_anew_can_be_cancelled_at_any_moment() -> None:
    async with desked() as office:
        for turns in range(0, 50, 5):
            job = await asker_of(office, "admin").begin("clear-cache", EVERYTHING | {"stored": True})
            await office.clock.advance(0.0 if turns < 5 else 0.15)
            for _ in range(turns):
                await asyncio.sleep(0)
            job.cancel()
            await asyncio.wait({job})
            assert office.desk.feed.waiting() == []
            await office.derived("S0")
        await office.until(52.5)
        await office.check(52)
        await office.derived("S0")


async def test_a_market_in_which_nothing_is_traded_goes_on_from_its_last_price() -> None:
    """Only the longer bars reach back to a trade: the base begins with quiet ones, as on a first start."""
    async with desked() as office:
        before = office.desk.feed.lanes["S0"].last_close
        answer = office.exchange.history

        async def silent(symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
            told = await answer(symbol, timeframe, start, end)
            return told if timeframe is not Timeframe.M1 else told[:0]

        office.exchange.history = silent  # type: ignore[method-assign]
        await cleared(office, 50.8, stored=True)
        stored = await office.store.load(MINUTES)
        assert stored.state.tolist()[:-2] == [0] * (len(stored) - 2)
        assert office.desk.feed.lanes["S0"].last_close == before
        await office.derived("S0")
