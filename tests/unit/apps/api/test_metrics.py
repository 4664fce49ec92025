"""The numbers are few and true."""

import asyncio

import pytest
from httpx import ASGITransport, AsyncClient

from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import CountRequests, Metrics
from tests.unit.apps.doors import BEARER, guard_of
from tests.unit.apps.standin import NOW, StandIn, signal_at


@pytest.fixture
def metrics(system: StandIn) -> Metrics:
    return Metrics(system)  # type: ignore[arg-type]


async def lines(system: StandIn, metrics: Metrics, *paths: str) -> set[str]:
    guard = guard_of(system)
    api = api_app(system, streams=Streams(system.bus), counted=metrics, entrance=guard.entrance)  # type: ignore[arg-type]
    app = guard.before(CountRequests(api, metrics))
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://127.0.0.1", headers=BEARER
    ) as client:  # fmt: skip
        for path in paths:
            await client.get(path)
        return set((await client.get("/metrics")).text.splitlines())


async def test_readings_come_from_the_runtime(system: StandIn, metrics: Metrics) -> None:
    assert await lines(system, metrics) >= {
        "livermore_candle_age_seconds 23.0",
        "livermore_symbols_active 5.0",
        'livermore_exchange_connected{exchange="coinbase"} 1.0',
        'livermore_exchange_silence_seconds{exchange="coinbase"} 0.12',
        'livermore_reconnects_total{exchange="coinbase"} 1.0',
        'livermore_frames_total{exchange="coinbase"} 4711.0',
        'livermore_requests_used{exchange="coinbase"} 12.0',
    }


async def test_requests_are_counted_by_route(system: StandIn, metrics: Metrics) -> None:
    series = "/api/v1/candles/coinbase/{}/1m"
    paths = [
        series.format("BTC-USD"),
        series.format("ETH-USD"),
        series.format("NOTHING"),
        "/api/v1/x",
        "/api/v1/y",
    ]
    counted = await lines(system, metrics, *paths)
    route = "/api/v1/candles/{exchange}/{symbol}/{timeframe}"
    assert counted >= {
        f'livermore_http_requests_total{{method="GET",route="{route}",status="200"}} 2.0',
        f'livermore_http_requests_total{{method="GET",route="{route}",status="404"}} 1.0',
        'livermore_http_requests_total{method="GET",route="none",status="404"} 2.0',
    }


async def test_signals_and_alerts_are_counted(system: StandIn, metrics: Metrics) -> None:
    listening = asyncio.create_task(metrics.run())
    await asyncio.sleep(0)
    system.raise_signal(signal_at("BTC-USD", "1m", NOW, 155.0))
    system.raise_signal(signal_at("BTC-USD", "1m", NOW, 205.0), "failed")
    await asyncio.sleep(0.01)
    listening.cancel()
    assert await lines(system, metrics) >= {
        'livermore_signals_total{kind="level",timeframe="1m"} 2.0',
        'livermore_alerts_total{channel="terminal",state="sent"} 1.0',
        'livermore_alerts_total{channel="terminal",state="failed"} 1.0',
    }
