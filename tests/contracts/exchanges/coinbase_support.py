"""What the tests of Coinbase share: frames and trades as it writes them, and a server of our own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from aiohttp import WSMsgType, web

from livermore.adapters.exchanges.coinbase import Coinbase, Credentials, FrameReader, Timing, Trades
from livermore.kernel.clock import Clock, SystemClock, rfc3339
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.exchange import COINBASE
from tests.contracts.exchanges.support import MINUTE, T0, RecordingSink, serving

REST = "/api/v3/brokerage"
PRODUCT: dict[str, Any] = {
    "product_id": "BTC-USD",
    "price": "68925.98",
    "price_percentage_change_24h": "-0.28225832119521",
    "volume_24h": "11005.02587005",
    "base_increment": "0.00000001",
    "quote_currency_id": "USD",
    "base_currency_id": "BTC",
    "status": "online",
    "is_disabled": False,
    "trading_disabled": False,
    "view_only": False,
    "auction_mode": False,
    "alias": "",
    "alias_to": ["BTC-USDC"],
    "approximate_quote_24h_volume": "758506775.12",
    "fcm_trading_session_details": None,
}
PRODUCTS = [
    PRODUCT,
    {**PRODUCT, "product_id": "BTC-USDC", "quote_currency_id": "USDC", "alias": "BTC-USD", "alias_to": []},
    {**PRODUCT, "product_id": "ETH-USD", "base_currency_id": "ETH", "alias_to": []},
    {**PRODUCT, "product_id": "OLD-USD", "base_currency_id": "OLD", "price": "", "is_disabled": True},
]


class Sold(NamedTuple):
    """A trade: its id, price, size and time (ms)."""

    number: int
    price: str
    size: str
    time: int

    def wire(self, product: str = "BTC-USD") -> dict[str, str]:
        """Write it as Coinbase does."""
        return {
            "product_id": product,
            "trade_id": str(self.number),
            "price": self.price,
            "size": self.size,
            "time": rfc3339(self.time)[:-1] + "138Z",
            "side": "SELL",
        }


def frame(channel: str, number: int | str, *events: Mapping[str, Any], time: int = T0 + 10 * MINUTE) -> bytes:
    """A frame, sent at a time (ms)."""
    stamp = rfc3339(time)[:-1] + "901038Z"
    return json.dumps(
        {"channel": channel, "timestamp": stamp, "sequence_num": number, "events": events}
    ).encode()


def trades_frame(
    number: int | str, trades: Iterable[Sold], *, product: str = "BTC-USD", kind: str = "update",
    time: int = T0 + 10 * MINUTE,
) -> bytes:  # fmt: skip
    """A frame with trades of one product."""
    event = {"type": kind, "trades": [trade.wire(product) for trade in trades]}
    return frame("market_trades", number, event, time=time)


def bars_of(trades: Iterable[Sold], length: int = MINUTE) -> dict[int, tuple[float, ...]]:
    """The candles that the exchange itself would make of all trades: o, h, l, c and v by open time."""
    buckets: dict[int, list[Sold]] = {}
    for trade in sorted(trades):
        buckets.setdefault(trade.time // length * length, []).append(trade)
    return {
        time: (
            float(inside[0].price),
            max(float(trade.price) for trade in inside),
            min(float(trade.price) for trade in inside),
            float(inside[-1].price),
            float(str(sum(Decimal(trade.size) for trade in inside))),
        )
        for time, inside in buckets.items()
    }


def values(bar: BarUpdate) -> tuple[float, ...]:
    """The numbers of a bar."""
    return bar.open, bar.high, bar.low, bar.close, bar.volume


def read(*frames: bytes | str, base: Timeframe = Timeframe.M1, trades: Trades | None = None) -> RecordingSink:
    """Read frames of one connection."""
    sink = RecordingSink()
    reader = FrameReader(sink, base=base, trades=trades)
    for one in frames:
        reader.feed(one)
    return sink


def newest(sink: RecordingSink) -> dict[int, BarUpdate]:
    """The last state of every bucket that was told."""
    return {bar.time: bar for bar, _ in sink.bars}


def coinbase(
    rest_url: str,
    ws_url: str = "ws://127.0.0.1:1",
    *,
    clock: Clock | None = None,
    timing: Timing | None = None,
    environment: Mapping[str, str] | None = None,
    credentials: Credentials | None = None,
) -> Coinbase:
    """The adapter, pointed at a server of ours."""
    info = msgspec.structs.replace(COINBASE, rest_url=rest_url, ws_url=ws_url)
    return Coinbase(
        info, clock or SystemClock(), timing=timing, environment=environment or {}, credentials=credentials
    )


class Server:
    """A small Coinbase: it lists products and writes down what it is told over sockets."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.address = ""
        self.listed: list[dict[str, Any]] = PRODUCTS
        self.welcome: Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]] | None = None

    @property
    def socket(self) -> web.WebSocketResponse:
        """The newest socket."""
        return self.sockets[-1]

    def of(self, channel: str, kind: str = "subscribe") -> list[list[str]]:
        """What was asked of a channel."""
        wanted = [one for one in self.asked if (one["channel"], one["type"]) == (channel, kind)]
        return [one.get("product_ids", []) for one in wanted]

    async def products(self, _: web.Request) -> web.Response:
        listed = {"products": self.listed, "num_products": len(self.listed), "pagination": None}
        return web.json_response(listed)

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.asked.append(message.json())
                if self.welcome is not None:
                    await self.welcome(socket, message.json())
        return socket

    @contextlib.asynccontextmanager
    async def running(self, *more: web.AbstractRouteDef) -> AsyncIterator["Server"]:
        """Serve until the block ends."""
        routes = [*more, web.get(f"{REST}/market/products", self.products), web.get("/", self.stream)]
        async with serving(*routes) as self.address:
            yield self

    def adapter(self, **more: Any) -> Coinbase:
        """The adapter, pointed here."""
        return coinbase(f"http://{self.address}", f"ws://{self.address}", **more)

    @contextlib.asynccontextmanager
    async def streaming(
        self, symbols: Sequence[str], exchange: Coinbase
    ) -> AsyncIterator[tuple[RecordingSink, "asyncio.Task[None]"]]:
        """Stream some symbols into a sink."""
        stream, sink = await exchange.connect(), RecordingSink()
        task = asyncio.create_task(stream.run(sink))
        try:
            await stream.subscribe(symbols)
            yield sink, task
        finally:
            await stream.close()
            await asyncio.gather(task, return_exceptions=True)
