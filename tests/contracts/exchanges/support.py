"""What the exchange tests share: a sink that writes everything down, sources, and a server that replays."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from aiohttp import WSMsgType, web

from livermore.adapters.exchanges.binance import Binance, Timing
from livermore.adapters.exchanges.simulated import RecordedSource, SimulatedExchange
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate, Candles
from livermore.market.exchange import BINANCE
from livermore.market.symbol import Ticker

T0 = 1_700_006_400_000  # 2023-11-15T00:00Z
MINUTE = 60_000


class RecordingSink:
    """Write down everything that a stream delivers."""

    def __init__(self) -> None:
        self.bars: list[tuple[BarUpdate, int]] = []
        self.tickers: list[Ticker] = []
        self.beats: list[int] = []
        self.notes: list[tuple[str, str]] = []
        self.longer_bars: list[tuple[Timeframe, BarUpdate]] = []
        self.gaps = 0

    def wire(self) -> "RecordingSink":
        return self

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        self.longer_bars.append((timeframe, update))

    def gap(self) -> None:
        self.gaps += 1

    def bar(self, update: BarUpdate, event_time: int) -> None:
        self.bars.append((update, event_time))

    def ticker(self, ticker: Ticker) -> None:
        self.tickers.append(ticker)

    def beat(self, event_time: int) -> None:
        self.beats.append(event_time)

    def skipped(self, kind: str, detail: str) -> None:
        self.notes.append((kind, detail))

    def of(self, symbol: str) -> list[BarUpdate]:
        return [bar for bar, _ in self.bars if bar.symbol == symbol]

    def closed(self, symbol: str) -> list[BarUpdate]:
        return [bar for bar in self.of(symbol) if bar.closed]


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def candles(
    count: int, *, start: int = T0, seed: int = 1, length: int = MINUTE, price: float = 100.0
) -> Candles:
    """A walk of so many bars without gaps."""
    random = np.random.default_rng(seed)
    close = (price + np.cumsum(random.normal(0, 0.1, count))).round(2)
    open_ = np.concatenate(([price], close[:-1]))
    return Candles.of(
        start + np.arange(count) * length,
        open_,
        (np.maximum(open_, close) + random.random(count)).round(2),
        (np.minimum(open_, close) - random.random(count)).round(2),
        close,
        (random.random(count) * 10 + 0.01).round(3),
    )


def recorded(symbols: int, bars: int, timeframe: Timeframe = Timeframe.M1) -> RecordedSource:
    """Some symbols with some bars each, five frames and five trades a bar."""
    series = {
        f"C{number}USDT": candles(bars, seed=number, length=timeframe.milliseconds)
        for number in range(symbols)
    }
    return RecordedSource(series, timeframe)


def binance(
    rest_url: str,
    ws_url: str = "ws://127.0.0.1:1",
    *,
    clock: Clock | None = None,
    base: Timeframe = Timeframe.M1,
    timing: Timing | None = None,
    weight_limit: int = 6000,
) -> Binance:
    """The adapter, pointed at a server of ours."""
    info = msgspec.structs.replace(
        BINANCE, rest_url=rest_url, ws_url=ws_url, api_limits={"rest_weight_limit": weight_limit}
    )
    return Binance(info, clock or SystemClock(), base=base, timing=timing)


@contextlib.asynccontextmanager
async def running(server: SimulatedExchange) -> AsyncIterator[SimulatedExchange]:
    """Start a simulated exchange and stop it."""
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def connected(
    server: SimulatedExchange,
    symbols: Sequence[str],
    *,
    timing: Timing | None = None,
    base: Timeframe = Timeframe.M1,
) -> AsyncIterator[tuple[RecordingSink, "asyncio.Task[None]"]]:
    """Stream some symbols of a simulated exchange into a sink."""
    exchange = binance(server.rest_url, server.ws_url, base=base, timing=timing)
    stream = await exchange.connect()
    sink = RecordingSink()
    task = asyncio.create_task(stream.run(sink))
    try:
        await stream.subscribe(symbols)
        yield sink, task
    finally:
        await stream.close()
        await asyncio.gather(task, return_exceptions=True)
        await exchange.close()


@contextlib.asynccontextmanager
async def serving(*routes: web.AbstractRouteDef) -> AsyncIterator[str]:
    """Serve some routes; gives the address without its scheme."""
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def recorded_frames(shared_data: Path) -> list[str]:
    """Every frame of the Binance recording, as it was received."""
    with gzip.open(shared_data / "ws_recordings" / "binance_spot_ws_20211012.raw.gz", "rt") as file:
        lines = file.read().splitlines()
    return [line.split(": ", 1)[1] for line in lines if line[:1].isdigit()]


@contextlib.asynccontextmanager
async def replaying(shared_data: Path) -> AsyncIterator[str]:
    """Serve Binance's own recorded bodies and frames."""
    rows = json.loads((shared_data / "rest_samples" / "binance_http_spot_market_klines.json").read_text())
    listing = gzip.decompress(
        (shared_data / "markets" / "binance_exchangeInfo_20211012.json.gz").read_bytes()
    )

    async def klines(request: web.Request) -> web.Response:
        if request.query["symbol"] != "BTCUSDT":
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        start, end = int(request.query["startTime"]), int(request.query["endTime"])
        return web.json_response([row for row in rows if start <= row[0] <= end])

    async def days(request: web.Request) -> web.Response:
        one, some = request.query.get("symbol"), request.query.get("symbols", '["BTCUSDT"]')
        if one not in {None, "BTCUSDT"} or json.loads(some) != ["BTCUSDT"]:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        return web.json_response([DAY] if one is None else DAY)

    async def socket(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        async for message in answer:
            if message.type is WSMsgType.TEXT:
                await answer.send_json({"result": None, "id": message.json()["id"]})
                for frame in recorded_frames(shared_data):
                    await answer.send_str(frame)
        return answer

    routes = [
        web.get("/api/v3/exchangeInfo", _answering(listing)),
        web.get("/api/v3/klines", klines),
        web.get("/api/v3/ticker/24hr", days),
        web.get("/api/v3/time", _answering(b'{"serverTime":1633998511098}')),
        web.get("/stream", socket),
    ]
    async with serving(*routes) as address:
        yield address


def _answering(body: bytes) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return handler


DAY: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "openPrice": "57000.00000000",
    "highPrice": "58000.00000000",
    "lowPrice": "56000.00000000",
    "lastPrice": "57500.50000000",
    "volume": "1000.00000000",
    "quoteVolume": "57250000.00000000",
    "bidPrice": "57500.49000000",
    "askPrice": "57500.51000000",
    "openTime": 1633912111098,
    "closeTime": 1633998511098,
    "firstId": 1,
    "lastId": 2,
    "count": 2,
}
