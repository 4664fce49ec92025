"""Kline frames of 100 symbols, from bytes or a socket to signals, beside bare decoding and ccxt.pro."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import ccxt.pro
import msgspec

from benchmarks.frames import Tape
from benchmarks.hearing import Wire, check, read, wired
from benchmarks.loopback import Server
from benchmarks.market import START, Market
from benchmarks.race import race
from benchmarks.table import Row, at_least, per_second
from livermore.adapters.exchanges.binance import Binance
from livermore.adapters.exchanges.binance.parse import FrameReader
from livermore.kernel.clock import SystemClock
from livermore.kernel.timeframe import MINUTE
from livermore.market.exchange import BINANCE

SYMBOLS = 100
MINUTES = 40  # a round; the rounds go on from one another, over hours
FEW = 10_000  # enough for ccxt, which is slow


class Told(msgspec.Struct):
    """The `k` of a kline, typed; numbers stay the strings that they are."""

    t: int
    s: str
    o: str
    h: str
    l: str  # noqa: E741 - Binance's name
    c: str
    v: str
    x: bool
    f: int
    L: int


class Event(msgspec.Struct):
    E: int
    k: Told


class Combined(msgspec.Struct):
    data: Event


def run(*, quick: bool) -> list[Row]:
    """Measure everything on the same frames, in turns."""
    rounds, minutes = (3, MINUTES // 4) if quick else (7, MINUTES)
    best = dict.fromkeys(("ours", "wire", "bare", "ccxt"), float("inf"))
    with asyncio.Runner() as runner, wired(runner, binance, "binance", SYMBOLS) as wire:
        market = Market(SYMBOLS)
        runner.run(market.open())
        tape, peer = Tape(market.symbols, market.prices, START), Peer(market.symbols)
        for _ in range(rounds):
            wire.server.prepare(minutes)
            for name, spent in _round(runner, wire, market, tape.minutes(minutes), peer).items():
                best[name] = min(best[name], spent)
            check(market, tape.now - MINUTE)
            check(wire.market, tape.now - MINUTE)
        runner.run(market.desk.stop())
    return _rows(best)


def binance(server: Server) -> Binance:
    """Return the real adapter, led to a server."""
    url = f"ws://127.0.0.1:{server.port}"
    return Binance(msgspec.structs.replace(BINANCE, ws_url=url), SystemClock())


def _round(
    runner: asyncio.Runner, wire: Wire, market: Market, frames: list[bytes], peer: Peer
) -> dict[str, float]:
    """Return the seconds that each takes for a frame."""
    few = [msgspec.json.decode(frame)["data"] for frame in frames[:FEW]]
    spent = race(
        1,
        {
            "ours": lambda: runner.run(read(FrameReader(market.desk.feed).feed, frames)),
            "wire": lambda: runner.run(wire.hear(len(frames))),
            "bare": lambda: bare(frames),
            "ccxt": lambda: peer.handle(few),
        },
    )
    return {name: seconds / len(few if name == "ccxt" else frames) for name, seconds in spent.items()}


def bare(frames: Sequence[bytes]) -> float:
    """Decode with types and make five floats of each frame: the limit of what Python can do."""
    decode = msgspec.json.Decoder(Combined).decode
    total = 0.0
    for frame in frames:
        told = decode(frame).data.k
        total += float(told.o) + float(told.h) + float(told.l) + float(told.c) + float(told.v)
    return total


class Peer:
    """ccxt.pro's own handler of messages, without its socket and without its decoding."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._exchange = ccxt.pro.binance()
        self._exchange.set_markets([_market(symbol) for symbol in symbols])
        self._client = _Client()

    def handle(self, messages: Sequence[Any]) -> None:
        handle, client = self._exchange.handle_message, self._client
        for message in messages:
            handle(client, message)


class _Client:
    url = "wss://stream.binance.com:9443/stream"

    def __init__(self) -> None:
        self.subscriptions: dict[str, Any] = {}

    def resolve(self, result: Any, message_hash: str) -> None:
        """Nobody waits."""


def _market(symbol: str) -> dict[str, Any]:
    base = symbol.removesuffix("USDT")
    return {
        "id": symbol, "symbol": f"{base}/USDT", "base": base, "quote": "USDT", "spot": True, "type": "spot",
        "baseId": base, "quoteId": "USDT", "active": True,
    }  # fmt: skip


def _rows(best: dict[str, float]) -> list[Row]:
    rates = {name: per_second(1 / spent) for name, spent in best.items()}
    limit, peer = f"msgspec and five floats {rates['bare']}", f"ccxt.pro handle_message {rates['ccxt']}"
    return [
        at_least("ingest: bytes to rules", rates["ours"], limit, best["bare"] / best["ours"], 0.5),
        at_least("ingest: socket to rules", rates["wire"], limit, best["bare"] / best["wire"], 0.35),
        at_least("ingest: bytes to rules", rates["ours"], peer, best["ccxt"] / best["ours"], 2),
    ]
