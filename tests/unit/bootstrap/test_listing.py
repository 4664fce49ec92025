"""Who writes settings learns what exchanges list, and as little is asked as may be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from livermore.bootstrap.listing import DENIES, FRESH, Listings, asking
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ExchangeUnreachableError, NotFoundError
from livermore.market.budget import Budgets
from livermore.market.exchange import COINBASE, PRESETS, ExchangeInfo
from livermore.settings.ports import Unlisted
from tests.unit.market.exchange import TapeExchange
from tests.unit.market.office import busy

HOURLY = ExchangeInfo(name="hourly", display_name="Hourly", supported_timeframes=("1h", "1d"))
OFF = ExchangeInfo(name="off", display_name="Off", supported_timeframes=("1m",), is_active=False)


class Rows:
    """The rows of `exchanges`."""

    def __init__(self, *rows: ExchangeInfo) -> None:
        self.rows = {row.name: row for row in rows}

    async def all(self) -> list[ExchangeInfo]:
        return list(self.rows.values())

    async def get(self, name: str) -> ExchangeInfo | None:
        return self.rows.get(name)

    async def put(self, info: ExchangeInfo) -> None:
        raise AssertionError("nothing is written")

    async def seed(self, infos: Sequence[ExchangeInfo]) -> None:
        raise AssertionError("nothing is written")


class Office:
    """Listings over one exchange that lists S0, S1 and S2, and counts who asks."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.asked = 0
        self.exchange = TapeExchange(busy(symbols=3, minutes=5), self.clock)
        self.held: set[str] = set()
        self.listings = Listings(Rows(HOURLY), self.adapter, lambda _: self.held, self.clock)

    async def adapter(self, name: str) -> TapeExchange | None:
        if name == "off":
            return None
        self.asked += 1
        return self.exchange


async def test_every_row_and_every_preset_is_known() -> None:
    known = await Office().listings.exchanges()
    assert known.keys() == {"hourly", *PRESETS}
    assert tuple(known["hourly"]) == ("1h", "1d")


async def test_what_is_not_listed_is_named_with_what_was_meant() -> None:
    office = Office()
    found = await office.listings.unlisted("test", ["S0", "s1", "NOPE"])
    assert found == {
        "s1": Unlisted("test does not list it", "S1"),
        "NOPE": Unlisted("test does not list it", None),
    }
    assert office.exchange.closed


async def test_a_running_desk_answers_for_what_it_knows() -> None:
    office = Office()
    office.held = {"S0"}
    assert await office.listings.unlisted("test", ["S0"]) == {}
    assert office.asked == 0


async def test_a_listing_holds_for_a_while_and_denies_only_while_it_is_young() -> None:
    office = Office()
    await office.listings.unlisted("test", ["S0"])
    await office.clock.advance(DENIES + 1)
    await office.listings.unlisted("test", ["S0", "S1"])
    assert office.asked == 1
    office.exchange.listed.append("NEW")
    assert await office.listings.unlisted("test", ["NEW"]) == {}
    assert await office.listings.unlisted("test", ["OLD"]) != {}
    assert office.asked == 2
    await office.clock.advance(FRESH + 1)
    await office.listings.unlisted("test", ["S0"])
    assert office.asked == 3


async def test_an_exchange_that_is_away_or_switched_off_cannot_be_told_of() -> None:
    office = Office()
    office.exchange.away = True
    for name in ("test", "off"):
        with pytest.raises(ExchangeUnreachableError):
            await office.listings.unlisted(name, ["S0"])
    assert office.exchange.closed


async def test_asking_writes_no_row_and_opens_no_exchange_that_is_switched_off() -> None:
    clock = ManualClock()
    adapter = asking(Rows(OFF), clock, Budgets(clock))
    assert await adapter("off") is None
    coinbase = await adapter("coinbase")
    assert coinbase is not None
    assert coinbase.info == COINBASE
    await coinbase.close()
    with pytest.raises(NotFoundError):
        await adapter("nowhere")
