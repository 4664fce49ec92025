"""Recorded days of 128 symbols go through either protocol, and nobody falls ever further behind."""

import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest
from pyarrow import compute, parquet

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import Protocol
from livermore.kernel.timeframe import Timeframe

from .both_protocols import PROTOCOLS, comes_to, desk_of
from .inside import until

SAMPLES = 40
BACKLOG = 10_000  # bars that may wait to be written before the market is held back
PACK = "packs/binance_spot_all_5m_20240603_20240610.parquet"
SYMBOLS = 128
TWO_DAYS = 2 * 24 * 3_600_000  # ms


class Lag(NamedTuple):
    """How far the product is behind: ms of the market, and bars that are not written yet."""

    market: int
    unwritten: int


@pytest.mark.timeout(900)
async def test_two_recorded_days_are_kept_up_with(tmp_path: Path, shared_data: Path) -> None:
    part = tmp_path / Path(PACK).name
    week = parquet.read_table(shared_data / PACK)
    times = week["timestamp_ms"]
    first = compute.less(times, compute.min(times).as_py() + TWO_DAYS)
    parquet.write_table(week.filter(first), part)
    await kept_up_with(tmp_path, part, "binance")


# Coinbase allows ten requests a second of the wall: its 128 symbols take minutes to be asked for.
@pytest.mark.soak
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_recorded_week_is_kept_up_with(tmp_path: Path, shared_data: Path, exchange: Protocol) -> None:
    await kept_up_with(tmp_path, shared_data / PACK, exchange)


async def kept_up_with(folder: Path, file: Path, exchange: Protocol) -> None:
    """Send a recording through a protocol as fast as it goes, and look how far behind the product is."""
    plan = bootstrap.Plan(workspace=folder, source="replay", files=(file,), exchange=exchange, speed=None)
    system = await bootstrap.build(plan)
    await system.start()
    try:
        await until(lambda: system.status().state == "running", 600)
        began = time.perf_counter()
        lags = await lags_of(system, exchange)
        await system.recording_ended()
        seconds = time.perf_counter() - began
        desk = desk_of(system, exchange)
        assert len(desk.loaded) == SYMBOLS
        assert (desk.reconnects, desk.feed.skips) == (0, {})
    finally:
        await system.stop()
    rate = parquet.read_metadata(file).num_rows / seconds
    print(f"{exchange}: {rate:,.0f} candles a second, {lags[:: SAMPLES // 8]}")
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
