"""A first start that is given two names of one order book watches it once."""

import asyncio
from pathlib import Path

import pytest

from livermore.adapters.exchanges.simulated import GeneratedSource, SimulatedExchange
from livermore.market.verdict import Fitness
from livermore.settings.patch import PathPatch
from livermore.settings.ports import Authorship
from livermore.settings.problems import SettingsProblemsError

from .inside import Place, live_systems

GIVEN = ("BTC-USDC", "ETH-USDC", "BTC-USD")
LEFT = ["coinbase:ETH-USDC", "coinbase:BTC-USD"]
BY = Authorship(author="local", source="api")


async def test_two_names_of_one_order_book_are_watched_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = GeneratedSource(["BTC-USD", "ETH-USD"], past_days=1, updates_per_bar=6)
    server = SimulatedExchange(source, protocol="coinbase", speed=60.0, hold=False)
    await server.start()
    try:
        port = int(server.rest_url.rsplit(":", 1)[1])
        async with live_systems(tmp_path, coinbase=Place(port, GIVEN)) as system:
            scope = system.user.scope()
            async with asyncio.timeout(30):
                while [row.state for row in await system.watchlist.rows(scope)] != ["live"] * len(LEFT):
                    await asyncio.sleep(0.02)
            newest = await system.settings.current(scope)
            assert list(newest.document.symbols) == LEFT
            said = capsys.readouterr()
            assert "another name of its order book is watched" in said.out + said.err
            (verdict,) = await system.watchlist.validated(scope, ["ETH-USD"])
            assert (verdict.verdict, verdict.symbol) == (Fitness.DUPLICATE, "ETH-USDC")
            with pytest.raises(SettingsProblemsError, match=r"ETH-USDC .*\(symbols\.2\)"):
                await system.settings.patch(scope, PathPatch(("symbols", "-"), "ETH-USD"), BY)
    finally:
        await server.stop()
