"""Exchanges side by side, each behind its own protocol: together where it matters, alone in trouble."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.bootstrap.world import DEMO
from livermore.kernel.errors import NotFoundError
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.plane import ExchangeStatus

from .bad_exchange import ANSWERS, serving
from .inside import Place, hasty, live_systems, until
from .program import livermore
from .test_bad_exchange import free_port

__all__ = ["hasty"]

SPEED = 240.0
AHEAD = 20 * MINUTE  # of market time that is watched


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[bootstrap.System]:
    """Run the demonstration inside this process, somewhat faster."""
    system = await bootstrap.build(bootstrap.Plan(workspace=folder, source="demo", speed=SPEED))
    await system.start()
    try:
        await until(lambda: system.status().state == "running", 60)
        yield system
    finally:
        await system.stop()


def statuses(system: bootstrap.System) -> dict[str, ExchangeStatus]:
    """Return how each exchange is, by name."""
    return {status.name: status for status in system.status().exchanges}


def served(system: bootstrap.System) -> dict[str, SimulatedExchange]:
    """Return the simulated exchanges by name."""
    return dict(zip(DEMO, system.sources, strict=True))


async def comes_to(exchange: SimulatedExchange, moment: int) -> None:
    """Wait until an exchange's market has come to a time (ms)."""
    await until(lambda: exchange.market_time() >= moment, 60)


def candles_of(folder: Path, file: str) -> dict[tuple[str, str], list[tuple[float, ...]]]:
    """Read every stored minute, by exchange and symbol."""
    query = """SELECT exchange, symbol, time, open, high, low, close, volume
        FROM candles JOIN series ON series.id = series_id WHERE timeframe = '1m' ORDER BY time"""
    found: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    with closing(sqlite3.connect(folder / ".livermore" / "data" / file)) as connection:
        for exchange, symbol, *candle in connection.execute(query):
            found.setdefault((exchange, symbol), []).append(tuple(candle))
    return found


async def test_a_cut_wire_of_one_leaves_the_other_unhurt_and_both_tell_all(tmp_path: Path) -> None:
    async with demo(tmp_path) as system:
        exchanges = served(system)
        start, before = exchanges["binance"].market_time(), statuses(system)
        await comes_to(exchanges["coinbase"], start + AHEAD // 2)
        exchanges["coinbase"].cut_connections()
        await until(lambda: statuses(system)["coinbase"].reconnects > before["coinbase"].reconnects)
        await until(lambda: statuses(system)["coinbase"].state == "connected")
        await comes_to(exchanges["coinbase"], start + AHEAD)
        assert statuses(system)["binance"].reconnects == before["binance"].reconnects
        assert set(system.status().services.values()) == {"healthy"}
        times = [exchange.market_time() for exchange in exchanges.values()]
        assert max(times) - min(times) < MINUTE
        signals = (await system.signals.list(system.user.scope(), limit=1000)).signals
        assert set(Counter(signal.exchange for signal in signals)) == set(DEMO)
    stored = candles_of(tmp_path, "demo.db")
    assert stored.keys() == {(name, symbol) for name, symbols in DEMO.items() for symbol in symbols}
    for (name, symbol), candles in stored.items():
        assert candles[-1][0] >= start + AHEAD // 2 + MINUTE
        assert_as_told(exchanges[name], symbol, candles)


def assert_as_told(exchange: SimulatedExchange, symbol: str, candles: list[tuple[float, ...]]) -> None:
    """Check that no minute is missing and each is as its exchange has it; a quiet one has no volume."""
    first, last = int(candles[0][0]), int(candles[-1][0])
    bars = exchange.source.bars(symbol, Timeframe.M1, first, last + 1)
    assert [candle[0] for candle in candles] == bars.time.tolist()
    columns = zip(bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    for candle, bar in zip(candles, columns, strict=True):
        if bar[-1]:
            assert candle == pytest.approx(tuple(map(float, bar)), rel=1e-9)
        assert candle[-1] == pytest.approx(bar[-1], rel=1e-9)


async def test_a_demonstration_goes_on_where_it_was_with_one_time_for_all(tmp_path: Path) -> None:
    async with demo(tmp_path) as system:
        start = served(system)["binance"].market_time()
        await comes_to(served(system)["binance"], start + 5 * MINUTE)
    before = candles_of(tmp_path, "demo.db")
    newest = min(candles[-1][0] for candles in before.values())
    async with demo(tmp_path) as system:
        times = [exchange.market_time() for exchange in system.sources]
        assert max(times) - min(times) < MINUTE
        assert min(times) > newest


@pytest.mark.usefixtures("hasty")
async def test_one_that_cannot_be_reached_keeps_nobody_waiting_and_is_watched_when_it_can(
    tmp_path: Path,
) -> None:
    port = free_port()
    places = {"coinbase": Place(port, ("BTC-USD",))}
    async with simulated("binance", "BTCUSDT") as (_, there):
        places["binance"] = there
        async with live_systems(tmp_path, **places) as system:
            await until(lambda: system.status().state == "running")
            told = statuses(system)
            assert (told["binance"].state, told["coinbase"].state) == ("connected", "disconnected")
            assert "could not be reached" in (told["coinbase"].detail or "")
            status = system.status()
            assert status.symbols == {"active": 1, "total": 2}
            assert status.services["exchange coinbase"] == "degraded"
            assert status.services["exchange binance"] == "healthy"
            async with simulated("coinbase", "BTC-USD", port=port):
                await until(lambda: system.status().symbols["active"] == 2)
                await until(lambda: statuses(system)["coinbase"].state == "connected")
                page = await system.market.candles("coinbase", "BTC-USD", "1m")
                assert len(page.candles) >= 450


@asynccontextmanager
async def simulated(
    exchange: str, symbol: str, port: int = 0
) -> AsyncIterator[tuple[SimulatedExchange, Place]]:
    """Run a simulated exchange on this machine."""
    server = bootstrap.simulated(
        [], seed=3, symbols=[symbol], speed=60.0, host="127.0.0.1", port=port, exchange=exchange
    )
    await server.start()
    try:
        yield server, Place(int(server.rest_url.rsplit(":", 1)[1]), (symbol,))
    finally:
        await server.stop()


@pytest.mark.usefixtures("hasty")
async def test_one_without_an_adapter_is_told_and_the_others_run(tmp_path: Path) -> None:
    async with (
        simulated("binance", "BTCUSDT") as (_, there),
        live_systems(tmp_path, "nowhere:ABC", binance=there) as system,
    ):
        await until(lambda: system.status().state == "running")
        told = statuses(system)["nowhere"]
        assert told.state == "disconnected"
        assert "'nowhere' is none of" in (told.detail or "")
        assert system.status().services["exchange nowhere"] == "degraded"
        assert statuses(system)["binance"].state == "connected"


async def test_where_nothing_can_be_watched_the_start_is_refused(tmp_path: Path) -> None:
    plan = bootstrap.Plan(workspace=tmp_path, exchange="nowhere", symbols=("ABC",))
    with pytest.raises(NotFoundError, match="'nowhere' is none of"):
        await bootstrap.build(plan)


def test_the_doctor_reaches_both(tmp_path: Path) -> None:
    assert livermore(tmp_path, "db", "upgrade").code == 0
    answer = ANSWERS["a web page"]
    with serving(answer) as one, serving(answer) as other:
        for name, port in (("coinbase", one), ("binance", other)):
            here = f"http://127.0.0.1:{port}"
            assert livermore(tmp_path, "exchanges", "edit", name, "--rest-url", here).code == 0
        found = json.loads(livermore(tmp_path, "doctor", "--network", "--json").out)
    told = {check["name"]: check for check in found["checks"]}
    for name, port in (("coinbase", one), ("binance", other)):
        assert told[name] == {
            "name": name, "state": "ok", "detail": f"http://127.0.0.1:{port} answers", "hint": None,
        }  # fmt: skip


async def test_the_primary_exchange_of_a_first_start_is_coinbase(tmp_path: Path) -> None:
    system = await bootstrap.build(bootstrap.Plan(workspace=tmp_path))
    document = (await system.settings.current(system.user.scope())).document
    await system.stop()
    assert document.perseus_profile.primary_exchange == "coinbase"
