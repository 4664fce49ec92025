"""A scan asks the exchange for what its listing does not tell: of no more markets than it must, and once."""

from __future__ import annotations

import pytest

from livermore.control.command import Progress
from livermore.kernel.errors import ExchangeUnreachableError, InvalidError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.scanner import Filters, filters_of
from tests.unit.settings.standin import JESSE

from .listed import NOW, listing, market
from .scanned import DAY, Office

MARKETS = listing(*(market(name, volume=1e9 - place) for place, name in enumerate("ABCDEFGH")))
OLD = dict.fromkeys((f"{name}-USD" for name in "ABCDEFGH"), 1_000)


def filters(**changes: object) -> Filters:
    return Filters(**{"exchange": "coinbase", "limit": 3} | changes)  # type: ignore[arg-type]


async def scanned(office: Office, **changes: object) -> list[str]:
    proposal = await office.scanner.scan(JESSE, filters(**changes))
    return [one.symbol for one in proposal.candidates]


async def test_without_age_and_spread_nothing_is_asked() -> None:
    office = Office(MARKETS, {"symbols": ["B-USD", "H-USD"]})
    told: list[Progress] = []
    proposal = await office.scanner.scan(JESSE, filters(), told.append)
    assert [(one.symbol, one.rank, one.watched) for one in proposal.candidates] == [
        ("A-USD", 1, False), ("B-USD", 2, True), ("C-USD", 3, False),
    ]  # fmt: skip
    assert (proposal.add, proposal.keep, proposal.missing) == (("A-USD", "C-USD"), ("B-USD",), ("H-USD",))
    assert proposal.left_out == {"limit": 5}
    assert (proposal.made_at, proposal.listing_age_seconds) == ("2025-06-15T15:06:45.000Z", 5)
    assert (proposal.exchange, proposal.trouble, proposal.filters) == ("coinbase", None, filters())
    assert (office.exchange.opened, told) == (0, [])


async def test_the_age_is_asked_of_as_many_as_it_takes_and_only_once() -> None:
    office = Office(MARKETS, ages=OLD | {"B-USD": 29, "D-USD": 30})
    assert await scanned(office, minimum_age_days=30) == ["A-USD", "C-USD", "D-USD"]
    assert office.exchange.asked == ["A-USD", "B-USD", "C-USD", "D-USD"]
    assert office.exchange.askers == {"local"}
    assert (office.exchange.opened, office.exchange.closed) == (1, 1)
    day = (NOW - 30 * DAY) // DAY * DAY
    assert office.exchange.ranges[0] == (Timeframe.D1, day - 29 * DAY, day + DAY)
    office.exchange.asked.clear()
    assert await scanned(office, minimum_age_days=30, limit=4) == ["A-USD", "C-USD", "D-USD", "E-USD"]
    assert await scanned(office, minimum_age_days=10, limit=1) == ["A-USD"]
    assert await scanned(office, minimum_age_days=40, limit=1) == ["A-USD"]
    assert office.exchange.asked == ["E-USD", "A-USD"], "40 days are more than what was known of it"


async def test_who_tells_when_it_was_opened_is_not_asked() -> None:
    markets = listing(
        market("A", opened_at=NOW - 31 * DAY), market("B", opened_at=NOW - 29 * DAY),
        market("C", first_seen_at=NOW - 40 * DAY), market("D"),
    )  # fmt: skip
    office = Office(markets)
    proposal = await office.scanner.scan(JESSE, filters(minimum_age_days=30))
    assert [one.symbol for one in proposal.candidates] == ["A-USD", "C-USD"]
    assert proposal.left_out == {"age": 2}
    assert office.exchange.asked == ["D-USD"]


async def test_the_spread_is_asked_of_those_that_are_old_enough() -> None:
    office = Office(
        MARKETS, ages=OLD | {"A-USD": 1}, spreads={"B-USD": 0.2, "C-USD": 0.6, "D-USD": None, "F-USD": 0.5}
    )
    told: list[Progress] = []
    proposal = await office.scanner.scan(
        JESSE, filters(minimum_age_days=30, maximum_spread_percent=0.5, limit=2), told.append
    )
    spreads = [(one.symbol, one.rank, round(one.spread_percent or 0, 9)) for one in proposal.candidates]
    assert spreads == [("B-USD", 1, 0.2), ("F-USD", 2, 0.5)]
    assert proposal.left_out == {"age": 1, "spread": 3, "limit": 2}
    assert office.listings.quoted == ["B-USD", "C-USD", "D-USD", "E-USD", "F-USD"]
    assert [(one.done, one.total, one.message) for one in told][-2:] == [(1, 2, "F-USD"), (2, 2, "proposed")]


async def test_a_bid_above_the_ask_is_no_narrow_spread() -> None:
    office = Office(MARKETS, spreads={"A-USD": -0.1, "B-USD": 0.0})
    assert await scanned(office, maximum_spread_percent=0.5) == ["B-USD"]


async def test_an_exchange_that_fails_ends_the_scan_and_what_is_known_stays_known() -> None:
    office = Office(MARKETS, ages=OLD)
    assert await scanned(office, minimum_age_days=30, limit=2) == ["A-USD", "B-USD"]
    office.exchange.failing.append(ExchangeUnreachableError("it does not answer"))
    with pytest.raises(ExchangeUnreachableError):
        await scanned(office, minimum_age_days=30)
    assert office.exchange.opened == office.exchange.closed == 2
    office.exchange.asked.clear()
    assert await scanned(office, minimum_age_days=30) == ["A-USD", "B-USD", "C-USD"]
    assert office.exchange.asked == ["C-USD"]


async def test_no_exchange_is_guessed() -> None:
    office = Office(MARKETS)
    with pytest.raises(InvalidError) as none:
        await scanned(office, exchange=None)
    with pytest.raises(NotFoundError) as unknown:
        await scanned(office, exchange="nasdaq")
    assert (none.value.where, unknown.value.where) == ("exchange", "exchange")
    with pytest.raises(InvalidError) as quote:
        await scanned(office, quote="USDT")
    assert str(quote.value.hint).startswith("choose one of: USD; ")


async def test_a_listing_with_trouble_is_told_with_it() -> None:
    old = listing(*MARKETS.symbols.values(), asked_at=NOW - 3_600_000, trouble="coinbase cannot be asked")
    office = Office(old)
    proposal = await office.scanner.scan(JESSE, filters())
    assert (proposal.listing_age_seconds, proposal.trouble) == (3_605, "coinbase cannot be asked")


async def test_where_no_volume_is_known_nothing_is_proposed() -> None:
    office = Office(listing(market("A", volume=None), trouble="coinbase cannot be asked"))
    with pytest.raises(ExchangeUnreachableError, match="not known: coinbase cannot be asked"):
        await office.scanner.scan(JESSE, filters())


async def test_the_filters_of_the_settings_can_be_tried() -> None:
    office = Office(MARKETS, {"scanner": {"limit": 2, "blacklist": ["a-*"]}})
    document = (await office.settings.current(JESSE)).document
    proposal = await office.scanner.scan(JESSE, filters_of(document))
    assert [one.symbol for one in proposal.candidates] == ["B-USD", "C-USD"]
    assert len(office.store.revisions) == 1
