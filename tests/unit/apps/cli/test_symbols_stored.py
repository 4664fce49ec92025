"""`livermore symbols` where nothing runs: what is stored is shown with its age, and what is not is said."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from livermore.adapters.sql import Database, SqlCandleStore, SqlUserBook
from livermore.adapters.sql.listing import SqlListingStore
from livermore.apps.cli.errors import Exit
from livermore.kernel.clock import SystemClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.listing import Listing
from livermore.market.ports import Series
from tests.unit.apps.listed import ALIAS, listing_at

from .conftest import Run

MINUTE = 60_000
LAST = 1_735_691_460_000  # 2025-01-01 00:31:00 UTC, in a market that has a time of its own
WATCHED = ["BTC-USD", "ETH-USD", *(f"NEW{number}-USD" for number in range(7))]
DOCUMENT = {"version": 2, "perseus_profile": {"primary_exchange": "coinbase"}, "symbols": WATCHED}


pytestmark = pytest.mark.usefixtures("east_of_greenwich")


def stored(cli: Run, folder: Path, listing: Listing | None) -> None:
    """Have a workspace hold a watchlist, two minutes of its first symbol, and perhaps a listing."""
    assert cli("db", "upgrade").code == 0
    asyncio.run(fill(f"sqlite+aiosqlite:///{folder / '.livermore' / 'data' / 'livermore.db'}", listing))


async def fill(url: str, listing: Listing | None) -> None:
    database, clock = Database(url), SystemClock()
    await SqlUserBook(database, clock).create(
        username="local", identity_provider="local", identity_sub="local", role="admin", settings=DOCUMENT
    )
    prices = [70.0, 71.5]
    bars = Candles.of([LAST - MINUTE, LAST], prices, prices, prices, prices, [1.0, 1.0])
    await SqlCandleStore(database).save([(Series("coinbase", "BTC-USD", Timeframe.M1), bars)])
    if listing is not None:
        await SqlListingStore(database).save(listing)
    await database.close()


def dayless(listing: Listing) -> Listing:
    """Return a listing of which nobody has asked for the days."""
    bare = {"price": None, "change_24h_percent": None, "quote_volume_24h": None, "rank": None}
    return replace(listing, symbols={name: replace(one, **bare) for name, one in listing.symbols.items()})


def cells(line: str) -> list[str]:
    return line.split()


def test_prices_are_those_of_the_newest_candles_and_else_the_listed_ones(cli: Run, tmp_path: Path) -> None:
    stored(cli, tmp_path, listing_at(SystemClock().now()))
    shown = cli("symbols")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert cells(lines[1])[:4] == ["coinbase", "BTC-USD", "off", "71.5"]
    # Nobody knows what time it is in a market that does not go by our clock.
    assert lines[1].endswith("2025-01-01 02:32:00")
    assert cells(lines[2]) == [
        "coinbase", "ETH-USD", "off", "3180", "+1.25", "%", "400,000,000", "USD", "-"
    ]  # fmt: skip
    assert cells(lines[3]) == ["coinbase", "NEW0-USD", "unlisted", "-", "-", "-", "-"]
    assert "coinbase, as it listed them at " in shown.err
    assert "(2 min 3" in shown.err
    assert (
        "no price is stored of NEW0-USD, NEW1-USD, NEW2-USD, NEW3-USD, NEW4-USD and 2 more; start with: "
        "livermore up\n"
    ) in shown.err
    document = json.loads(cli("symbols", "--json").out)
    assert (document["symbols"][0]["price"], document["symbols"][0]["last_candle_at"]) == (
        71.5, "2025-01-01T00:32:00.000Z",
    )  # fmt: skip
    assert document["symbols"][1]["last_candle_at"] is None
    assert [one["exchange"] for one in document["listings"]] == ["coinbase"]


def test_what_is_listed_is_searched_where_it_is_stored(cli: Run, tmp_path: Path) -> None:
    stored(cli, tmp_path, listing_at(SystemClock().now()))
    found = cli("symbols", "search", "btc", "--limit", "1")
    assert found.code == 0
    (line,) = found.out.splitlines()[1:]
    assert cells(line)[:5] == ["BTC-USD", "BTC", "USD", "trading", "64120"]
    assert line.endswith("watched")
    assert "coinbase, as it listed them at " in found.err
    assert "no server was asked" in found.err
    document: Any = json.loads(cli("symbols", "search", ALIAS, "--source", "live", "--json").out)
    assert document["listing"]["exchange"] == "coinbase"


def test_a_listing_without_days_says_that_no_price_is_known(cli: Run, tmp_path: Path) -> None:
    stored(cli, tmp_path, dayless(listing_at(SystemClock().now())))
    shown, found = cli("symbols"), cli("symbols", "search", "eth")
    assert "no price is stored of ETH-USD, NEW0-USD" in shown.err
    assert "as it listed them" not in shown.err
    assert (found.code, "no price of these is known" in found.err) == (0, True)


def test_where_no_listing_is_stored_a_search_says_so(cli: Run, tmp_path: Path) -> None:
    stored(cli, tmp_path, None)
    outcome = cli("symbols", "search", "btc")
    assert outcome.code == Exit.NOT_REACHABLE
    assert "nothing is stored of what coinbase lists" in outcome.err
    unknown = cli("symbols", "search", "btc", "--exchange", "nowhere")
    assert (unknown.code, "known exchanges: " in unknown.err) == (Exit.REFUSED, True)
