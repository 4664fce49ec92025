"""Processes that share a store tell the same of a market, each to its own users, whoever finds it first."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livermore.market.absences import CONFIRMED
from livermore.market.listed import StateChange
from livermore.market.listings import Listings
from livermore.market.symbol import Symbol

from .listing_office import NOON, ListingOffice, Told

HALTED = StateChange("AUSD", "halted", "trading")
REOPENED = StateChange("AUSD", "trading", "halted")
GONE = StateChange("BUSD", "delisted", "trading")
BACK = StateChange("BUSD", "trading", "delisted")


class Neighbours(ListingOffice):
    """Two processes that ask one exchange and share one store."""

    def __init__(self) -> None:
        super().__init__()
        self.told_there = Told()
        self.there = self.started_anew(self.told_there)

    async def ask(self, *processes: Listings) -> None:
        """Have processes ask the exchange one after the other, and write down what they hear."""
        for process in processes:
            await self.clock.advance(0.1)
            await process.listing("test", oldest=0)
            await self.soon()


@pytest.fixture
async def both() -> AsyncIterator[Neighbours]:
    """Two processes that know the same, started."""
    both = Neighbours()
    await both.listings.start()
    await both.there.start()
    await both.ask(both.listings, both.there)
    yield both
    await both.listings.stop()
    await both.there.stop()


async def test_both_tell_the_time_that_was_written_down_first(both: Neighbours) -> None:
    both.exchange.halt("AUSD")
    began = both.clock.now() + 100
    await both.ask(both.listings)
    assert (both.told.changes, both.told_there.changes) == ([("test", HALTED, began)], [])
    await both.ask(both.there, both.listings, both.there)
    assert both.told.changes == both.told_there.changes == [("test", HALTED, began)]
    both.exchange.halt("AUSD", trading=True)
    began = both.clock.now() + 100
    await both.ask(both.there, both.listings)
    assert both.told.changes == both.told_there.changes
    assert both.told.changes[1:] == [("test", REOPENED, began)]


async def test_who_has_asked_before_and_writes_after_tells_what_is_written(both: Neighbours) -> None:
    await both.clock.advance(400)
    both.store.failing = [OSError("not now")]
    await both.ask(both.there)
    both.exchange.halt("AUSD")
    await both.ask(both.listings)
    assert both.store.kept["test"].symbols["AUSD"].state == "halted"
    saves = both.store.saves
    await both.soon(90)
    assert both.told_there.changes == both.told.changes
    assert len(both.told.changes) == 1
    assert both.store.saves == saves + 1
    await both.soon(90)
    assert both.store.saves == saves + 1
    await both.ask(both.there, both.listings)
    assert len(both.told_there.changes) == len(both.told.changes) == 1


async def test_a_market_that_one_has_buried_is_not_brought_back_by_who_still_doubts(both: Neighbours) -> None:
    del both.exchange.symbols["BUSD"]
    await both.ask(both.listings)
    await both.clock.advance(CONFIRMED)
    await both.ask(both.listings)
    assert [change for _, change, _ in both.told.changes] == [GONE]
    await both.clock.advance(400)
    await both.ask(both.there)
    assert both.told_there.changes == both.told.changes
    assert both.told_there.events == []
    await both.clock.advance(CONFIRMED)
    await both.ask(both.there, both.listings)
    assert [event["state"] for event in both.told_there.events] == ["delisted"]
    assert both.told_there.changes == both.told.changes
    assert len(both.told.changes) == 1
    both.exchange.symbols["BUSD"] = Symbol(name="BUSD", base="B", quote="USD")
    await both.ask(both.there, both.listings)
    assert both.told_there.changes == both.told.changes
    assert [change for _, change, _ in both.told.changes] == [GONE, BACK]


async def test_who_has_missed_a_halt_tells_that_trading_goes_on(both: Neighbours) -> None:
    both.exchange.halt("AUSD")
    await both.ask(both.listings)
    both.exchange.halt("AUSD", trading=True)
    await both.ask(both.listings)
    await both.clock.advance(400)
    await both.ask(both.there)
    assert both.told_there.events == []
    assert both.told_there.changes == both.told.changes[1:]
    assert [change for _, change, _ in both.told_there.changes] == [REOPENED]


async def test_who_comes_after_it_tells_nothing_and_finds_it_by_its_time(both: Neighbours) -> None:
    both.exchange.halt("AUSD")
    await both.ask(both.listings)
    told = Told()
    late = both.started_anew(told)
    await late.start()
    await both.ask(late)
    assert told.changes == []
    (found,) = await late.turned_since("test", NOON)
    assert (found.name, found.state_since) == ("AUSD", both.told.changes[0][2])
    await late.stop()
