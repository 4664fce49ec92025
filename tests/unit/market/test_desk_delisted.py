"""What an exchange lists no more rests with its history, and goes on when it is listed again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Cause, Series
from livermore.market.symbol import Symbol
from tests.reference.series import START

from .exchange import TapeExchange
from .factories import MINUTE
from .listed import listing, market
from .listing_office import ListingOffice
from .office import Office, busy, opened


def listed(*names: str, trading: bool = True) -> dict[str, Symbol]:
    """Make what an exchange lists."""
    return {name: Symbol(name=name, base=name, quote="USD", trading=trading) for name in names}


async def lists(office: Office, *names: str, trading: bool = True) -> None:
    """Have the exchange list exactly this from now on, and the desk hear of it."""
    office.exchange.listed[:] = names
    await office.desk.follow(listed(*names, trading=trading))


async def newest(office: Office, symbol: str) -> int:
    """Return the newest stored minute of a symbol."""
    await office.recorder.flush()
    span = await office.store.span(Series("test", symbol, Timeframe.M1))
    return (span[1] - START) // MINUTE if span else -1


async def test_one_that_is_gone_is_unsubscribed_and_closes_no_more_bars() -> None:
    async with opened(busy()) as office:
        await office.until(40.5)
        await lists(office, "S0")
        await office.until(40.6)
        assert office.exchange.unsubscribed == [["S1"]]
        assert (office.desk.loaded, office.desk.unlisted, office.desk.symbols) == (
            {"S0"},
            ["S1"],
            ["S0", "S1"],
        )
        assert (office.desk.detail, office.desk.health().state) == ("not listed: S1", "healthy")
        held = len(office.table.candles(office.table.row("S1", Timeframe.M1)))
        await office.until(50.5)
        assert (await newest(office, "S0"), await newest(office, "S1")) == (49, 39)
        assert len(office.table.candles(office.table.row("S1", Timeframe.M1))) == held > 0
        assert office.listener.drops == []


async def test_one_that_is_listed_again_goes_on_where_it_was_and_lacks_nothing() -> None:
    async with opened(busy(minutes=70)) as office:
        await office.until(40.5)
        await lists(office, "S0")
        await office.until(50.5)
        await lists(office, "S0", "S1")
        await office.until(60)
        assert (office.desk.loaded, office.desk.unlisted, office.desk.detail) == ({"S0", "S1"}, [], None)
        assert office.exchange.subscribed == [["S0", "S1"], ["S1"]]
        assert office.exchange.unsubscribed == [["S1"]]
        await office.recorder.flush()
        await office.check(59)
        holes = await office.store.holes(Series("test", "S1", Timeframe.M1), 0, 2**62)
        assert {hole.cause for hole in holes} == {Cause.EXCHANGE_OUTAGE}
        assert all(hole.repaired_at is not None for hole in holes)


async def test_one_that_is_halted_stays_as_it_is() -> None:
    async with opened(busy()) as office:
        await office.until(40.5)
        await lists(office, "S0", "S1", trading=False)
        await office.until(50.5)
        assert (office.exchange.unsubscribed, office.desk.unlisted) == ([], [])
        assert await newest(office, "S1") == 49


async def test_a_connection_that_comes_back_learns_what_is_gone() -> None:
    async with opened(busy(), cuts=[(40 * 60, 41 * 60)]) as office:
        await office.until(40.5)
        office.exchange.listed.remove("S1")
        await office.until(50.5)
        assert office.exchange.subscribed == [["S0", "S1"], ["S0"]]
        assert (office.desk.loaded, office.desk.unlisted) == ({"S0"}, ["S1"])
        assert await newest(office, "S1") == 38


async def test_what_is_under_way_for_one_that_is_gone_is_left_off() -> None:
    async with opened(busy(symbols=3), symbols=["S0", "S1"]) as office:
        await office.until(35.5)
        office.exchange.delay = 3600.0
        adding = asyncio.create_task(office.desk.add(["S2"]))
        await office.until(36)
        await lists(office, "S0", "S1")
        await office.until(40)
        await adding
        assert office.desk.works._of["S2"] == set()
        assert office.desk.health().state == "healthy"
        office.exchange.delay = 0.05
        await office.desk.remove(["S2"])
        assert office.desk.at_rest == set()


async def test_one_that_goes_while_it_is_subscribed_is_not_loaded() -> None:
    async with opened(busy(symbols=2), symbols=["S0"]) as office:
        await office.until(35.5)
        await office.desk.add(["S1"])
        await office.clock.advance(0.1)
        await lists(office, "S0")
        await office.until(40)
        assert office.desk.session.subscribed == office.desk.loaded == {"S0"}
        assert office.exchange.subscribed == [["S0"], ["S1"]]
        assert (office.exchange.unsubscribed, await newest(office, "S1")) == ([["S1"]], -1)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.25, 1.0])
async def test_whatever_comes_and_goes_in_one_breath_the_last_word_holds(seconds: float) -> None:
    async with opened(busy(minutes=70)) as office:
        await office.until(40.5)
        for number in range(5):
            await lists(office, "S0")
            await office.clock.advance(seconds)
            await lists(office, "S0", "S1")
            await office.clock.advance(seconds)
            assert office.desk.unlisted == [], number
        await office.until(60)
        assert office.desk.session.subscribed == office.desk.loaded == {"S0", "S1"}
        await office.recorder.flush()
        await office.check(59)


async def test_desk_and_listings_ask_once_for_both_and_the_desk_follows() -> None:
    known, office = ListingOffice(), Office(busy(minutes=70))
    office.desk.session._listings = known.listings
    known.exchange.symbols, known.desks["test"] = listed("S0", "S1", "S2"), office.desk
    office.exchange.listing = known.exchange.listing  # type: ignore[method-assign]
    await office.open()
    await office.until(40.5)
    assert office.desk.loaded == {"S0", "S1"}
    assert (await known.listings.judged("test", ["S0"]))[0].verdict == "ok"
    assert known.exchange.asked == ["listing"]
    del known.exchange.symbols["S1"]
    for minute, unsubscribed in ((41, []), (42, [["S1"]])):
        await known.clock.advance(60)
        assert (await known.listings.judged("test", ["X"]))[0].verdict == "unknown"
        await office.until(minute)
        assert office.exchange.unsubscribed == unsubscribed
    assert (office.desk.loaded, office.desk.session.subscribed) == ({"S0"}, {"S0"})
    assert known.exchange.asked == ["listing"] * 3


async def test_a_new_connection_does_not_ask_for_what_may_be_gone() -> None:
    known, office = ListingOffice(), Office(busy(minutes=70), cuts=[(41 * 60, 41 * 60 + 5)])
    office.desk.session._listings = known.listings
    known.exchange.symbols, known.desks["test"] = listed("S0", "S1"), office.desk
    office.exchange.listing = known.exchange.listing  # type: ignore[method-assign]
    await office.open()
    await office.until(40.5)
    gone = known.exchange.symbols.pop("S1")
    await known.clock.advance(60)
    await office.until(45)
    assert office.exchange.subscribed == [["S0", "S1"], ["S0"]]
    assert (office.desk.loaded, office.desk.unlisted) == ({"S0"}, ["S1"])
    known.exchange.symbols["S1"] = gone
    await known.clock.advance(60)
    await known.listings.listing("test", oldest=0)
    await office.until(50)
    assert (office.desk.loaded, office.desk.unlisted) == ({"S0", "S1"}, [])
    assert known.told.events == []
    await office.close()


class Learner(TapeExchange):
    """An exchange that has to know what it lists, and whose listing cannot be had."""

    learnt: list[str]

    async def listing(self) -> list[Symbol]:
        raise ExchangeUnreachableError("the listing is away")

    def learn(self, symbols: Iterable[Symbol]) -> None:
        self.learnt = [symbol.name for symbol in symbols]


async def test_a_start_without_a_listing_goes_by_the_one_that_was_written_down() -> None:
    known, office = ListingOffice(), Office(busy())
    office.exchange.__class__ = Learner
    office.desk.session._listings = known.listings
    await office.open()
    await office.until(31.5)
    assert office.desk.state != "connected"
    assert "the listing is away" in (office.desk.detail or "")
    known.store.kept["test"] = listing(market("S0", name="S0"), market("S1", name="S1", delisted_at=START))
    office.desk.session._listings = known.started_anew()
    await office.until(41)
    assert (office.desk.loaded, office.desk.unlisted) == ({"S0"}, ["S1"])
    assert isinstance(office.exchange, Learner)
    assert office.exchange.learnt == ["S0"]
    await office.close()


async def test_a_listing_that_others_have_asked_for_is_learnt_before_its_symbols_are_subscribed() -> None:
    async with opened(busy(), symbols=["S0"]) as office:
        await office.until(35.5)
        office.exchange.__class__ = Learner
        await lists(office, "S0", "S1")
        assert isinstance(office.exchange, Learner)
        assert office.exchange.learnt == ["S0", "S1"]
        await office.desk.add(["S1"])
        await office.until(40)
        assert office.desk.session.subscribed == {"S0", "S1"}


async def test_while_the_listing_is_away_what_is_gone_keeps_nobody_from_coming_or_leaving() -> None:
    async with opened(busy(symbols=4), symbols=["S0", "S1", "S2"]) as office:
        await office.until(35.5)
        await lists(office, "S0", "S2", "S3")
        await office.until(36)
        office.exchange.__class__ = Learner
        await office.desk.remove(["S2"])
        await office.desk.add(["S3"])
        await office.until(40)
        assert office.desk.session.subscribed == office.desk.loaded == {"S0", "S3"}
        assert office.exchange.unsubscribed == [["S1"], ["S2"]]
        assert (office.desk.unlisted, office.desk.health().state) == (["S1"], "healthy")
        # One that no listing has told of waits for one, alone.
        await office.desk.add(["NEW"])
        await office.desk.remove(["S0"])
        await office.until(41)
        assert (office.desk.session.subscribed, office.desk.works.lacking) == ({"S3"}, {"NEW"})
