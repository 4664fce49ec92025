"""What exchanges list is asked once for all, believed only where it can be, and known when nobody answers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from types import SimpleNamespace

import pytest

from livermore.kernel.errors import (
    BlockedError,
    ExchangeUnreachableError,
    NotFoundError,
    StorageUnavailableError,
)
from livermore.market.absences import CONFIRMED, LOOKED_AGAIN
from livermore.market.exchange import PRESETS
from livermore.market.judging import SUGGESTED
from livermore.market.listed import StateChange
from livermore.market.listing import Listing
from livermore.market.listings import DENIES, FRESH, RECENTLY
from livermore.market.shelf import BELIEVED, QUOTES
from livermore.market.symbol import Symbol
from livermore.market.turns import Purpose
from livermore.market.verdict import Fitness
from livermore.settings.ports import Unlisted

from .listing_office import NOON, ListedExchange, ListingOffice

AWAY = ExchangeUnreachableError("it is away")


@pytest.fixture
async def office() -> AsyncIterator[ListingOffice]:
    """Listings, started."""
    office = ListingOffice()
    await office.listings.start()
    yield office
    await office.listings.stop()
    assert office.exchange.opened == 0


async def names(office: ListingOffice, oldest: float = FRESH) -> list[str]:
    return list((await office.listings.listing("test", oldest=oldest)).symbols)


async def again(office: ListingOffice) -> None:
    """Have the listing asked for anew."""
    await office.clock.advance(0.1)
    await office.listings.listing("test", oldest=0)


async def again_and_again(office: ListingOffice) -> None:
    """Have the listing asked for anew, and once more when what it leaves out is believed to be gone."""
    await again(office)
    await office.clock.advance(CONFIRMED)
    await again(office)


# ---------------------------------------------------------------- asking


async def test_a_listing_has_its_days_and_ranks(office: ListingOffice) -> None:
    listing = await office.listings.listing("test")
    assert (listing.exchange, listing.asked_at, listing.trouble) == ("test", NOON, None)
    assert {one.name: (one.rank, one.price, one.change_24h_percent) for one in listing.symbols.values()} == {
        "CUSD": (1, 2.0, 100.0), "BUSD": (2, 2.0, 100.0), "AUSD": (3, 2.0, 100.0),
    }  # fmt: skip
    assert office.exchange.asked == ["listing", "days"]


async def test_many_who_want_it_at_once_ask_once_and_a_cancelled_one_spoils_nothing(
    office: ListingOffice,
) -> None:
    office.exchange.delay = 1.0
    asking = [asyncio.create_task(office.listings.listing("test")) for _ in range(50)]
    await office.soon(0.5)
    asking[0].cancel()
    await office.soon(3)
    found = await asyncio.gather(*asking[1:])
    assert all(listing is found[0] for listing in found)
    assert office.exchange.asked == ["listing", "days"]


async def test_it_is_asked_again_only_when_it_is_older_than_wanted(office: ListingOffice) -> None:
    await names(office)
    office.exchange.symbols["DUSD"] = Symbol(name="DUSD", base="D", quote="USD")
    await office.clock.advance(100)
    assert "DUSD" not in await names(office, 101)
    assert "DUSD" in await names(office, 99)
    first = (await office.listings.listing("test")).symbols
    assert (first["AUSD"].first_seen_at, first["DUSD"].first_seen_at) == (NOON, NOON + 100_000)


async def test_an_exchange_that_nobody_knows_is_named_with_those_that_are_known(
    office: ListingOffice,
) -> None:
    listings = office.listings
    for ask in (
        listings.listing,
        partial(listings.quote, symbol="X"),
        partial(listings.judged, inputs=["X"]),
    ):
        with pytest.raises(NotFoundError) as caught:
            await ask("nowhere")
        assert caught.value.where == "exchange"
        assert all(name in (caught.value.hint or "") for name in ("test", *PRESETS))
    assert office.listings.known("nowhere") is None


async def test_one_that_is_switched_off_cannot_be_asked(office: ListingOffice) -> None:
    with pytest.raises(ExchangeUnreachableError, match="switched off"):
        await office.listings.listing("off")


async def test_failures_are_not_repeated_at_once_and_told_to_everybody(office: ListingOffice) -> None:
    office.exchange.error = BlockedError("not in this country")
    for _ in range(3):
        with pytest.raises(BlockedError, match="not in this country"):
            await office.listings.listing("test")
    assert office.exchange.asked == ["listing"]
    office.exchange.error = None
    await office.soon(3)
    assert len(await names(office)) == 3


async def test_what_breaks_off_in_the_middle_is_told_as_an_exchange_that_does_not_answer(
    office: ListingOffice,
) -> None:
    office.exchange.error = RuntimeError("the client has been closed")
    with pytest.raises(ExchangeUnreachableError, match="broke off"):
        await office.listings.listing("test")


# ---------------------------------------------------------------- the last known


async def test_the_last_known_is_kept_with_its_age_while_the_exchange_is_away(office: ListingOffice) -> None:
    await names(office)
    office.exchange.error = AWAY
    await office.clock.advance(FRESH + 1)
    listing = await office.listings.listing("test")
    assert (len(listing.symbols), listing.asked_at) == (3, NOON)
    assert listing.trouble == "test tells no newer one: it is away"
    assert office.listings.known("test") is listing
    office.exchange.error = None
    await office.soon(3)
    listing = await office.listings.listing("test")
    assert listing.trouble is None
    assert listing.asked_at > NOON


async def test_a_start_with_the_exchange_away_knows_what_was_written_down(office: ListingOffice) -> None:
    await names(office)
    await office.soon()
    assert office.store.saves == 1
    office.exchange.error = AWAY
    later = office.started_anew()
    assert later.known("test") is None
    listing = await later.listing("test")
    assert (list(listing.symbols), listing.asked_at) == (["AUSD", "BUSD", "CUSD"], NOON)
    assert "away" in (listing.trouble or "")
    assert later.known("test") == listing
    await later.stop()


async def test_days_that_cannot_be_had_leave_the_markets(office: ListingOffice) -> None:
    listing_only = office.exchange.days

    async def fails() -> list[object]:
        raise AWAY

    office.exchange.days = fails  # type: ignore[method-assign,assignment]
    listing = await office.listings.listing("test")
    assert list(listing.symbols) == ["AUSD", "BUSD", "CUSD"]
    assert {one.rank for one in listing.symbols.values()} == {None}
    assert "away" in (listing.trouble or "")
    office.exchange.days = listing_only  # type: ignore[method-assign]
    await office.soon(3)
    assert (await office.listings.listing("test")).symbols["CUSD"].rank == 1


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_listing_that_is_empty_or_lost_most_of_its_markets_is_not_believed(
    office: ListingOffice, kept: int
) -> None:
    await names(office)
    whole = dict(office.exchange.symbols)
    office.exchange.symbols = dict(list(whole.items())[:kept])
    await office.clock.advance(FRESH + 1)
    listing = await office.listings.listing("test")
    assert (list(listing.symbols), listing.asked_at) == (list(whole), NOON)
    assert "not believed" in (listing.trouble or "")
    assert office.told.events == []
    office.exchange.symbols = whole
    await office.soon(3)
    assert (await office.listings.listing("test")).trouble is None


async def test_an_empty_listing_is_none_also_when_nothing_is_known(office: ListingOffice) -> None:
    office.exchange.symbols = {}
    with pytest.raises(ExchangeUnreachableError, match="lists nothing"):
        await office.listings.listing("test")


async def test_what_an_exchange_says_for_a_whole_day_is_believed_unless_it_is_nothing() -> None:
    office = ListingOffice()
    await names(office)
    office.exchange.symbols = {"AUSD": office.exchange.symbols["AUSD"]}
    await office.clock.advance(FRESH + 1)
    assert (await office.listings.listing("test")).trouble is not None
    await office.clock.advance(BELIEVED)
    found = (await office.listings.listing("test")).symbols
    assert [one.state for one in found.values()] == ["trading", "delisted", "delisted"]
    office.exchange.symbols = {}
    await office.clock.advance(2 * BELIEVED)
    assert (await office.listings.listing("test")).symbols.keys() == found.keys()


# ---------------------------------------------------------------- in the background


async def test_what_is_wanted_is_kept_young_and_what_nobody_wants_any_more_is_left_alone(
    office: ListingOffice,
) -> None:
    await names(office)
    for _ in range(12):
        await office.soon(FRESH / 2)
        known = office.listings.known("test")
        assert known is not None
        assert office.clock.now() - known.asked_at <= FRESH * 1000
    await office.soon(RECENTLY + FRESH)
    asked = len(office.exchange.asked)
    await office.soon(4 * FRESH)
    assert len(office.exchange.asked) == asked


async def test_what_is_asked_in_the_background_stands_behind_all_that_somebody_waits_for(
    office: ListingOffice,
) -> None:
    await names(office)
    await office.soon(FRESH)
    assert office.exchange.asked == ["listing", "days"] * 2
    assert office.exchange.purposes == [Purpose.LOOKUP] * 2 + [Purpose.WARM_UP] * 2


async def test_what_fails_in_the_background_is_tried_again_and_keeps_nothing_else_waiting(
    office: ListingOffice,
) -> None:
    await names(office)
    office.exchange.error = AWAY
    await office.soon(FRESH)
    asked = len(office.exchange.asked)
    await office.soon(45)
    assert len(office.exchange.asked) - asked <= 2
    office.exchange.error = None
    await office.soon(90)
    known = office.listings.known("test")
    assert known is not None
    assert known.trouble is None
    assert office.listings.health().state == "healthy"


async def test_it_is_written_down_when_it_differs_or_is_old_and_not_each_time(office: ListingOffice) -> None:
    for _ in range(5):
        await again(office)
        await office.soon(10)
    assert office.store.saves == 1
    office.exchange.symbols["DUSD"] = Symbol(name="DUSD", base="D", quote="USD")
    await again(office)
    await office.soon()
    assert office.store.saves == 2
    await office.soon(FRESH)
    assert office.store.saves == 3


async def test_a_store_that_cannot_be_written_is_tried_again(office: ListingOffice) -> None:
    office.store.failing = [StorageUnavailableError(), ValueError("of ours")]
    await names(office)
    await office.soon(5)
    assert office.store.saves == 0
    await office.soon(200)
    assert office.store.kept["test"].symbols.keys() == {"AUSD", "BUSD", "CUSD"}


# ---------------------------------------------------------------- what changes


def written(office: ListingOffice, symbol: str) -> str:
    """Return the state of a market as it is stored."""
    return office.store.kept["test"].symbols[symbol].state


async def test_halts_and_delistings_are_told_as_they_are_found(office: ListingOffice) -> None:
    await names(office)
    await office.soon()
    office.exchange.halt("AUSD")
    del office.exchange.symbols["BUSD"]
    await again_and_again(office)
    assert office.told.events == [
        {"exchange": "test", "symbol": "AUSD", "state": "halted", "previous": "trading"},
        {"exchange": "test", "symbol": "BUSD", "state": "delisted", "previous": "trading"},
    ]
    await office.soon()
    assert {change for _, change, _ in office.told.changes} == {
        StateChange("AUSD", "halted", "trading"), StateChange("BUSD", "delisted", "trading"),
    }  # fmt: skip
    gone = (await office.listings.listing("test")).symbols["BUSD"]
    assert (gone.state, gone.delisted_at, gone.rank) == ("delisted", NOON + 22_200, None)
    office.exchange.halt("AUSD", trading=True)
    office.exchange.symbols["BUSD"] = Symbol(name="BUSD", base="B", quote="USD")
    await again(office)
    await office.soon()
    assert [event["state"] for event in office.told.events[2:]] == ["trading", "trading"]
    assert len(office.told.changes) == 4
    assert (await office.listings.listing("test")).symbols["BUSD"].first_seen_at == NOON


async def test_what_one_listing_leaves_out_is_there_until_another_one_does_so_too(
    office: ListingOffice,
) -> None:
    await names(office)
    shelf = office.listings._shelves["test"]
    gone = office.exchange.symbols.pop("BUSD")
    await again(office)
    assert shelf.markets_for({"BUSD"}).keys() == {"AUSD", "BUSD", "CUSD"}
    assert shelf.markets_for(()).keys() == {"AUSD", "CUSD"}
    office.exchange.symbols["BUSD"] = gone
    await office.soon(LOOKED_AGAIN + 1)
    assert shelf.markets_for(()).keys() == {"AUSD", "BUSD", "CUSD"}
    assert (office.exchange.asked, office.told.events) == (
        ["listing", "days", "listing", "days", "listing"],
        [],
    )
    del office.exchange.symbols["BUSD"]
    await again(office)
    await office.soon(LOOKED_AGAIN + 1)
    assert [event["state"] for event in office.told.events] == ["delisted"]
    assert shelf.markets_for({"BUSD"}).keys() == {"AUSD", "CUSD"}


async def test_what_changed_while_nothing_ran_is_told_at_the_next_start(office: ListingOffice) -> None:
    await names(office)
    await office.soon()
    del office.exchange.symbols["BUSD"]
    later = office.started_anew()
    await later.start()
    await later.listing("test")
    await office.soon(LOOKED_AGAIN + 3)
    assert office.told.changes == [("test", StateChange("BUSD", "delisted", "trading"), NOON + 33_000)]
    await later.stop()


async def test_what_could_not_be_told_is_told_later_with_the_same_time(office: ListingOffice) -> None:
    await names(office)
    await office.soon()
    office.told.failing = [StorageUnavailableError()]
    del office.exchange.symbols["BUSD"]
    await again_and_again(office)
    await office.soon()
    assert (written(office, "BUSD"), office.told.changes) == ("delisted", [])
    await office.soon(90)
    gone = office.store.kept["test"].symbols["BUSD"].delisted_at
    assert office.told.changes == [("test", StateChange("BUSD", "delisted", "trading"), gone)]


async def test_what_a_crash_left_untold_is_found_by_its_time(office: ListingOffice) -> None:
    await names(office)
    await office.soon()
    office.told.failing = [StorageUnavailableError()]
    office.exchange.halt("BUSD")
    await again(office)
    await office.soon()
    later = office.started_anew()
    began = NOON + 2100
    assert await later.turned_since("test", began + 1) == await later.turned_since("nowhere", 0) == []
    (found,) = await later.turned_since("test", began)
    assert (found.name, found.state, found.state_since) == ("BUSD", "halted", began)
    assert await later.turned_since("off", 0) == []


async def test_nothing_is_told_before_it_is_written_down(office: ListingOffice) -> None:
    await names(office)
    await office.soon()
    office.store.failing = [StorageUnavailableError()]
    del office.exchange.symbols["BUSD"]
    await again_and_again(office)
    await office.soon()
    assert (written(office, "BUSD"), office.told.changes) == ("trading", [])
    await office.soon(90)
    assert written(office, "BUSD") == "delisted"
    assert len(office.told.changes) == 1


async def test_what_halts_before_the_first_listing_is_written_down_is_told(office: ListingOffice) -> None:
    await names(office)
    office.exchange.halt("AUSD")
    await again(office)
    assert office.store.saves == 0
    await office.soon()
    assert [event["state"] for event in office.told.events] == ["halted"]
    assert office.told.changes == [("test", StateChange("AUSD", "halted", "trading"), NOON + 100)]


# ---------------------------------------------------------------- quotes


async def test_a_quote_is_asked_at_most_once_in_two_seconds(office: ListingOffice) -> None:
    quotes = [await office.listings.quote("test", "AUSD") for _ in range(5)]
    assert len(set(map(id, quotes))) == 1
    await asyncio.gather(*(office.listings.quote("test", "BUSD") for _ in range(5)))
    assert office.exchange.asked == ["quote AUSD", "quote BUSD"]
    await office.clock.advance(2.5)
    await office.listings.quote("test", "AUSD")
    assert office.exchange.asked == ["quote AUSD", "quote BUSD", "quote AUSD"]


async def test_an_unknown_quote_says_so_and_few_are_remembered(office: ListingOffice) -> None:
    office.exchange.error = NotFoundError("no such market")
    for number in range(QUOTES + 50):
        with pytest.raises(NotFoundError, match="no such market"):
            await office.listings.quote("test", f"N{number}")
    gc.collect()
    kept = office.listings._shelves["test"]._quotes
    assert len(kept) == QUOTES


# ---------------------------------------------------------------- judging


async def verdicts(office: ListingOffice, *inputs: str) -> list[Fitness]:
    return [one.verdict for one in await office.listings.judged("test", inputs)]


async def test_each_input_gets_its_verdict_in_order(office: ListingOffice) -> None:
    office.exchange.halt("BUSD")
    await names(office)
    del office.exchange.symbols["CUSD"]
    judged = await office.listings.judged("test", ["AUSD", "a/usd", "BUSD", "AUST", "CUSD"])
    assert [one.verdict for one in judged] == [
        Fitness.OK, Fitness.DUPLICATE, Fitness.HALTED, Fitness.UNKNOWN, Fitness.OK,
    ]  # fmt: skip
    assert "did you mean AUSD" in (judged[3].detail or "")
    await again_and_again(office)
    judged = await office.listings.judged("test", ["BUSD", "CUSD"])
    assert [one.verdict for one in judged] == [Fitness.HALTED, Fitness.DELISTED]
    assert [one.symbol for one in judged] == ["BUSD", "CUSD"]


async def test_a_name_is_not_denied_by_an_old_listing(office: ListingOffice) -> None:
    assert await verdicts(office, "DUSD") == [Fitness.UNKNOWN]
    office.exchange.symbols["DUSD"] = Symbol(name="DUSD", base="D", quote="USD")
    assert await verdicts(office, "DUSD") == [Fitness.UNKNOWN]
    await office.clock.advance(DENIES + 1)
    assert await verdicts(office, "AUSD") == [Fitness.OK]
    assert office.exchange.asked == ["listing"]
    assert await verdicts(office, "DUSD") == [Fitness.OK]


@pytest.mark.parametrize(
    ("error", "verdict"), [(AWAY, Fitness.UNREACHABLE), (BlockedError(), Fitness.BLOCKED)]
)
async def test_an_exchange_that_will_not_tell_is_another_answer_than_no(
    office: ListingOffice, error: Exception, verdict: Fitness
) -> None:
    office.exchange.error = error
    judged = await office.listings.judged("test", ["AUSD", "NOPE"])
    assert [one.verdict for one in judged] == [verdict] * 2
    assert all(str(error) in (one.detail or "") for one in judged)


async def test_an_old_listing_says_yes_for_a_day_and_never_no() -> None:
    office = ListingOffice()
    await names(office)
    office.exchange.error = AWAY
    await office.clock.advance(FRESH + 1)
    judged = await office.listings.judged("test", ["AUSD", "NOPE", "ausd"])
    assert [one.verdict for one in judged] == [Fitness.OK, Fitness.UNREACHABLE, Fitness.DUPLICATE]
    assert "asked last at 2025-06-15T15:06:40.000Z" in (judged[0].detail or "")
    await office.clock.advance(86_400)
    assert await verdicts(office, "AUSD") == [Fitness.UNREACHABLE]
    office.exchange.error = BlockedError()
    await office.clock.advance(3)
    assert await verdicts(office, "AUSD") == [Fitness.BLOCKED]


async def test_what_was_written_down_is_read_once_and_kept_young_while_somebody_looks(
    office: ListingOffice,
) -> None:
    await names(office)
    await office.soon()
    anew = office.started_anew()
    office.store.loads = 0
    for _ in range(3):
        kept = anew.known("test") or await anew.load("test")
        assert kept is not None
        assert kept.symbols.keys() == {"AUSD", "BUSD", "CUSD"}
    assert office.store.loads == 1
    assert (await anew.load("nowhere"), await anew.load("off")) == (None, None)
    office.exchange.asked.clear()
    await anew.start()
    await office.soon()
    assert office.exchange.asked == ["listing", "days"]
    await anew.stop()


# ---------------------------------------------------------------- what settings may name


async def test_every_row_and_every_preset_is_known(office: ListingOffice) -> None:
    known = await office.listings.exchanges()
    assert known.keys() == {"test", "off", *PRESETS}
    assert tuple(known["test"]) == ("1h", "1d")


async def test_what_is_not_listed_is_named_with_what_was_meant(office: ListingOffice) -> None:
    found = await office.listings.unlisted("test", ["AUSD", "b-usd", "NOPE"])
    assert found == {
        "b-usd": Unlisted("test does not list it", "BUSD"),
        "NOPE": Unlisted("test does not list it", None),
    }


async def test_of_very_many_that_are_not_listed_only_the_first_are_held_against_every_name(
    office: ListingOffice,
) -> None:
    """To find the nearest of thousands of names kept everything else waiting for minutes."""
    strange = [f"AUS{number}" for number in range(SUGGESTED + 5)]
    found = await office.listings.unlisted("test", [*strange, "a-usd"])
    assert [found[name].suggestion for name in strange] == ["AUSD"] * SUGGESTED + [None] * 5
    assert found["a-usd"].suggestion == "AUSD"


async def test_a_market_that_is_gone_says_since_when(office: ListingOffice) -> None:
    await names(office)
    del office.exchange.symbols["BUSD"]
    await again_and_again(office)
    found = await office.listings.unlisted("test", ["BUSD"])
    assert found["BUSD"].reason == "test lists BUSD no more since 2025-06-15T15:07:00.200Z"


async def test_a_listing_holds_for_a_while_and_denies_only_while_it_is_young(office: ListingOffice) -> None:
    await office.listings.unlisted("test", ["AUSD"])
    await office.clock.advance(DENIES + 1)
    await office.listings.unlisted("test", ["AUSD", "BUSD"])
    assert office.exchange.asked == ["listing"]
    office.exchange.symbols["DUSD"] = Symbol(name="DUSD", base="D", quote="USD")
    assert await office.listings.unlisted("test", ["DUSD"]) == {}
    assert await office.listings.unlisted("test", ["OLD"]) != {}
    assert office.exchange.asked == ["listing"] * 2
    await office.clock.advance(FRESH + 1)
    await office.listings.unlisted("test", ["AUSD"])
    assert office.exchange.asked == ["listing"] * 3


async def test_what_was_listed_within_a_day_counts_while_the_exchange_is_away() -> None:
    office = ListingOffice()
    await office.listings.unlisted("test", ["AUSD"])
    office.exchange.error = AWAY
    await office.clock.advance(FRESH + 1)
    assert await office.listings.unlisted("test", ["AUSD"]) == {}
    with pytest.raises(ExchangeUnreachableError, match="cannot be looked up: it is away"):
        await office.listings.unlisted("test", ["AUSD", "NOPE"])
    office.exchange.error = BlockedError("not here")
    await office.clock.advance(3)
    with pytest.raises(ExchangeUnreachableError, match="not here"):
        await office.listings.unlisted("test", ["AUSD"])


async def test_where_a_desk_is_at_work_what_is_known_counts_however_old() -> None:
    office = ListingOffice()
    await office.listings.unlisted("test", ["AUSD"])
    office.exchange.error = AWAY
    await office.clock.advance(100_000)
    with pytest.raises(ExchangeUnreachableError):
        await office.listings.unlisted("test", ["AUSD"])
    office.desks["test"] = SimpleNamespace(exchange=office.exchange, streamed=())
    assert await office.listings.unlisted("test", ["AUSD"]) == {}
    with pytest.raises(ExchangeUnreachableError):
        await office.listings.unlisted("test", ["NOPE"])


async def test_where_a_desk_is_at_work_its_connection_is_used(office: ListingOffice) -> None:
    def spawn(work: Coroutine[None, None, None]) -> None:
        work.close()

    async def follow(listing: dict[str, Symbol]) -> None: ...

    other = ListedExchange(office.clock)
    office.desks["test"] = SimpleNamespace(
        exchange=other, works=SimpleNamespace(spawn=spawn), follow=follow, streamed=()
    )
    await office.listings.listing("test")
    await office.listings.quote("test", "AUSD")
    assert (other.asked, other.opened) == (["listing", "days", "quote AUSD"], 0)
    assert office.exchange.asked == []


async def test_an_exchange_that_is_away_or_switched_off_cannot_be_told_of(office: ListingOffice) -> None:
    office.exchange.error = AWAY
    for name in ("test", "off"):
        with pytest.raises(ExchangeUnreachableError):
            await office.listings.unlisted(name, ["AUSD"])


async def test_what_is_read_slowly_takes_the_place_of_nothing_that_was_just_said() -> None:
    office, read = ListingOffice(), asyncio.Event()
    load = office.store.load

    async def follow(_: object) -> None:
        """Watch nothing."""

    async def slowly(exchange: str) -> Listing | None:
        found = await load(exchange)
        await read.wait()
        return found

    works = SimpleNamespace(spawn=lambda work: work.close())
    office.desks["test"] = SimpleNamespace(exchange=office.exchange, works=works, follow=follow, streamed=())
    office.store.load = slowly  # type: ignore[method-assign]
    await office.listings.start()
    asking = asyncio.create_task(office.listings.listing("test"))
    await office.soon(5)
    read.set()
    assert (await asking).symbols
    assert office.exchange.asked == ["listing", "days"]
    await office.listings.stop()


async def test_what_shares_an_order_book_is_told_as_far_as_it_is_known(office: ListingOffice) -> None:
    office.exchange.symbols["AUSDC"] = Symbol(name="AUSDC", base="A", quote="USDC", alias="AUSD")
    assert await office.listings.sharing("test", ["AUSDC"]) == {}
    await names(office)
    asked = list(office.exchange.asked)
    assert await office.listings.sharing("test", ["AUSDC", "AUSD", "NOPE"]) == {"AUSDC": "AUSD"}
    assert office.exchange.asked == asked


async def test_quote_assets_are_told_by_how_many_markets_have_them_and_asked_once(
    office: ListingOffice,
) -> None:
    office.exchange.symbols["ABTC"] = Symbol(name="ABTC", base="A", quote="BTC")
    assert await office.listings.quotes("test") == ["USD", "BTC"]
    assert await office.listings.quotes("test") == ["USD", "BTC"]
    assert office.exchange.asked == ["listing"]


async def test_no_quote_asset_is_told_where_nobody_can_tell() -> None:
    office = ListingOffice()
    office.exchange.error = AWAY
    assert await office.listings.quotes("test") == []
    assert await office.listings.quotes("nowhere") == []
