"""A steady day costs next to no requests: what was streamed whole is not asked for."""

from pathlib import Path

import pytest

from livermore.adapters.exchanges.simulated import Protocol

from .both_protocols import PROTOCOLS, SYMBOLS, watched

MOST = 500  # a day, of all symbols
FEWER = 25  # symbols, for every day: each has its part of the requests
HOUR = 60
EVERY = 8  # minutes at least lie between two questions what the exchange lists, of however many symbols
QUARTERS = 23 * 4 - 1  # of the day behind the first hour


@pytest.mark.timeout(300)
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_the_first_hours_cost_no_more_than_their_part_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    async with watched(tmp_path, monkeypatch, exchange, FEWER) as market:
        loaded = market.requests_for_symbols
        # What the start found quiet at REST is asked for again after ten minutes and an hour, and no more.
        await market.goes_on(HOUR + 5)
        settled, listings = market.requests_for_symbols, market.listings
        await market.goes_on(HOUR // 4)
        after = market.requests_for_symbols
        assert market.listings - listings <= HOUR // 4 // EVERY + 1
        assert (market.desk.state, market.desk.reconnects, market.desk.feed.skips) == ("connected", 0, {})
        assert market.desk.feed.market_time > market.server.market_time() - 2 * HOUR * 1_000
    most = (MOST - 24 * HOUR // EVERY) * FEWER / SYMBOLS
    print(f"{exchange}: {settled - loaded} requests, then {after - settled} in a quarter; at most {most}")
    assert (settled - loaded) + QUARTERS * (after - settled) < most


@pytest.mark.soak
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_day_costs_few_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    async with watched(tmp_path, monkeypatch, exchange) as market:
        loaded = market.requests
        await market.goes_on(24 * HOUR)
        asked = market.requests - loaded
        print(f"{exchange}: {asked} requests in a day")
        assert (market.desk.state, market.desk.reconnects, market.desk.feed.skips) == ("connected", 0, {})
    assert asked < MOST
