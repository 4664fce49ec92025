"""What a first start was given is looked through once its exchange has said what it lists."""

from __future__ import annotations

import asyncio

import pytest

from livermore.kernel.clock import ManualClock
from livermore.market.first_symbols import LOOK, SYSTEM, FirstSymbols
from livermore.market.listing import Listing
from livermore.settings.patch import PathPatch
from livermore.settings.ports import Authorship
from livermore.settings.service import SettingsService
from tests.unit.settings.standin import BY, JESSE, MemoryStore

from .listed import listing, market

LISTED = listing(
    market("BTC"), market("BTC", "USDC", alias="BTC-USD"), market("BTC", "USDX", alias="BTC-USD"),
    market("ETH"),
)  # fmt: skip


class Start:
    """A first start with some symbols, of which nothing is known yet."""

    def __init__(self, *symbols: str) -> None:
        document = {"perseus_profile": {"primary_exchange": "coinbase"}, "symbols": list(symbols)}
        self.store = MemoryStore(document)
        self.store.revisions = [self.store._revision(1, document, [], SYSTEM)]
        self.settings = SettingsService(self.store)
        self.listing: Listing | None = None
        self.clock = ManualClock(0)
        self.service = FirstSymbols(JESSE, self.settings, self.known, self.clock)

    async def known(self, exchange: str) -> Listing | None:
        assert exchange == "coinbase"
        return self.listing

    async def told(self) -> list[str]:
        """Have the exchange tell what it lists; return what is watched then."""
        await self.service.start()
        await self.clock.advance(LOOK)
        self.listing = LISTED
        await self.clock.advance(2 * LOOK)
        await asyncio.sleep(0)
        await self.service.stop()
        assert self.service.health().state == "healthy"
        return list((await self.settings.current(JESSE)).document.symbols)


@pytest.mark.parametrize(
    ("given", "watched"),
    [
        (["BTC-USDC", "BTC-USD", "ETH-USD"], ["BTC-USD", "ETH-USD"]),
        (["BTC-USDC", "ETH-USD", "BTC-USDX", "coinbase:BTC-USD"], ["ETH-USD", "coinbase:BTC-USD"]),
        (["BTC-USDX", "BTC-USDC"], ["BTC-USDX"]),
        (["BTC-USDC", "ETH-USD", "NOPE"], ["BTC-USDC", "ETH-USD", "NOPE"]),
    ],
)
async def test_one_name_of_each_order_book_is_left(
    given: list[str], watched: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    start = Start(*given)
    assert await start.told() == watched
    gone = len(given) - len(watched)
    assert len(start.store.revisions) == 1 + gone
    said = capsys.readouterr()
    assert (said.out + said.err).count("another name of its order book is watched") == gone


@pytest.mark.parametrize("by", [BY, Authorship(author="livermore", source="system")])
async def test_what_was_written_by_anybody_else_stays_as_it_is(by: Authorship) -> None:
    start = Start("BTC-USD", "BTC-USDC")
    await start.settings.patch(JESSE, PathPatch(("scanner", "limit"), 3), by)
    assert await start.told() == ["BTC-USD", "BTC-USDC"]
