"""Whoever watches a market that is halted or delisted is told, once, also when nothing ran meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import StorageUnavailableError
from livermore.market import absences
from livermore.runtime.notices import MarketNotices
from livermore.settings.drafts import patching
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship
from livermore.signals.alert import Alert

from .inside import Place, connect_hastily, live_systems, until
from .symbols import port_of, serving

VARIABLE = "WATCHER_URL"
BY = Authorship(author="jesse", source="api")


@asynccontextmanager
async def watcher() -> AsyncIterator[tuple[str, list[dict[str, object]]]]:
    """Take what is posted, and lend the address with all that came."""
    came: list[dict[str, object]] = []

    async def take(request: web.Request) -> web.Response:
        came.append(json.loads(await request.text()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", came
    finally:
        await runner.cleanup()


ROUTE = {
    "channel": "webhook", "url_environment_variable": VARIABLE,
    "events": {"level": "off", "reversal": "off", "system": "on"},
}  # fmt: skip


def place(server: SimulatedExchange) -> Place:
    """Say where the exchange is, and what is watched there."""
    return Place(port_of(server), ("BTCUSDT", "ETHUSDT"))


@asynccontextmanager
async def watching(folder: Path, server: SimulatedExchange) -> AsyncIterator[bootstrap.System]:
    """Watch two symbols until what the exchange lists now is written down."""
    began = SystemClock().now()
    async with live_systems(folder, binance=place(server)) as system:
        shelves = system.listings._shelves
        await until(lambda: "binance" in shelves)
        await until(lambda: (shelf := shelves["binance"].recorded) is not None and shelf.asked_at >= began)
        yield system


async def test_what_happens_while_nothing_runs_is_told_at_the_next_start_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_hastily(monkeypatch)
    monkeypatch.setattr(absences, "CONFIRMED", 0.0)
    async with watcher() as (url, came), serving("binance") as servers:
        monkeypatch.setenv(VARIABLE, url)
        server = servers["binance"]
        async with watching(tmp_path, server) as system:
            change = patching(MergePatch({"alerts": {"routes": [ROUTE]}}))
            await system.settings.write(system.user.scope(), change, BY)
        server.halt("BTCUSDT")
        server.delist("ETHUSDT")
        server.halt("SOLUSDT")
        async with watching(tmp_path, server):
            await until(lambda: len(came) == 2)
        server.reopen("BTCUSDT")
        async with watching(tmp_path, server):
            await until(lambda: len(came) == 3)
    told = [(alert["event"], alert["symbol"], alert["state"], alert["previous"]) for alert in came]
    assert set(told[:2]) == {
        ("system", "BTCUSDT", "halted", "trading"), ("system", "ETHUSDT", "delisted", "trading"),
    }  # fmt: skip
    assert told[2:] == [("system", "BTCUSDT", "trading", "halted")]
    assert len({alert["id"] for alert in came}) == 3


async def test_what_was_written_down_and_not_told_is_told_by_whoever_hosts_the_user_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_hastily(monkeypatch)

    async def broken(*_: object) -> None:
        raise StorageUnavailableError

    async with serving("binance") as servers:
        server = servers["binance"]
        with monkeypatch.context() as cut:
            cut.setattr(MarketNotices, "_put", broken)
            async with watching(tmp_path, server) as system:
                server.halt("BTCUSDT")
                await system.listings.listing("binance", oldest=0.0)
                while not (found := await system.listings.turned_since("binance", 0)):
                    await system.clock.sleep(0.05)
        async with live_systems(tmp_path, binance=place(server)) as system:
            alerts: list[Alert] = []
            while not alerts:
                alerts = (await system.signals.alerts(system.user.scope())).alerts
                await system.clock.sleep(0.05)
    said = [(alert.event, alert.payload["symbol"], alert.payload["time"]) for alert in alerts]
    assert said == [("system", "BTCUSDT", found[0].state_since)]
