"""A recorded week of 128 symbols goes through either protocol, and nobody falls ever further behind."""

import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import Protocol
from livermore.kernel.timeframe import Timeframe

from .both_protocols import comes_to, desk_of
from .inside import until

SAMPLES = 40
BACKLOG = 10_000  # bars that may wait to be written before the market is held back
PACK = "packs/binance_spot_all_5m_20240603_20240610.parquet"


class Lag(NamedTuple):
    """How far the product is behind: ms of the market, and bars that are not written yet."""

    market: int
    unwritten: int


# Coinbase allows ten requests a second of the wall: its 128 symbols take minutes to be asked for.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("exchange", ["binance", pytest.param("coinbase", marks=pytest.mark.soak)])
async def test_a_recorded_week_is_kept_up_with(tmp_path: Path, shared_data: Path, exchange: Protocol) -> None:
    plan = bootstrap.Plan(
        workspace=tmp_path, source="replay", files=(shared_data / PACK,), exchange=exchange, speed=None
    )
    system = await bootstrap.build(plan)
    await system.start()
    try:
        await until(lambda: system.status().state == "running", 600)
        began = time.perf_counter()
        lags = await lags_of(system, exchange)
        await system.recording_ended()
        seconds = time.perf_counter() - began
        desk = desk_of(system, exchange)
        assert len(desk.loaded) == 128
        assert (desk.reconnects, desk.feed.skips) == (0, {})
    finally:
        await system.stop()
    print(f"{exchange}: {128 * 2016 / seconds:,.0f} candles a second, {lags[:: SAMPLES // 8]}")
    quarter = SAMPLES // 4
    second, last = lags[quarter : 2 * quarter], lags[-quarter:]
    bucket = Timeframe.M5.milliseconds
    assert median(lag.market for lag in last) <= median(lag.market for lag in second) + bucket
    assert max(lag.unwritten for lag in last) <= max(BACKLOG * 2, *(lag.unwritten for lag in second))


async def lags_of(system: bootstrap.System, exchange: str) -> list[Lag]:
    """Look again and again on the way through a recording."""
    (server,) = system.sources
    source, feed, lags = server.source, desk_of(system, exchange).feed, []
    assert source.end is not None
    for look in range(SAMPLES):
        moment = source.start + (source.end - source.start) * (look + 1) // (SAMPLES + 1)
        await comes_to(server, moment)
        lags.append(Lag(server.market_time() - feed.market_time, system.recorder.backlog))
    return lags
