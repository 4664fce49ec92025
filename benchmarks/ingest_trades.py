"""Coinbase's frames of 100 symbols, from bytes or a socket to signals, beside bare decoding."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from benchmarks.hearing import Wire, check, read, wired
from benchmarks.loopback import Server
from benchmarks.market import START, Market, eventually
from benchmarks.race import race
from benchmarks.table import Row, at_least, per_second
from benchmarks.trade_frames import TradeTape
from livermore.adapters.exchanges.coinbase import Coinbase, FrameReader, Timing
from livermore.kernel.clock import SystemClock
from livermore.kernel.timeframe import MINUTE
from livermore.market.exchange import COINBASE

SYMBOLS = 100
MINUTES = 20  # a round; the rounds go on from one another, over hours
BEFORE = 4  # minutes after which every symbol is past the first, which it heard from the middle on
NOT_COUNTED = b'{"channel":"candles"'  # what is told of longer bars is no frame of the base series
PATIENT = Timing(silence=600.0)  # nothing is said while others have their turn


class Trade(msgspec.Struct):
    """A trade, typed; decimals stay the strings that they are."""

    product_id: str
    trade_id: int
    price: str
    size: str
    time: datetime


class Trades(msgspec.Struct):
    trades: list[Trade]


class Day(msgspec.Struct):
    product_id: str
    price: str


class Days(msgspec.Struct):
    tickers: list[Day]


class Candle(msgspec.Struct):
    product_id: str
    start: int
    open: str
    high: str
    low: str
    close: str
    volume: str


class Bars(msgspec.Struct):
    candles: list[Candle]


class Envelope(msgspec.Struct, tag_field="channel"):
    timestamp: datetime
    sequence_num: int


class TradesFrame(Envelope, tag="market_trades"):
    events: list[Trades]


class DaysFrame(Envelope, tag="ticker_batch"):
    events: list[Days]


class BarsFrame(Envelope, tag="candles"):
    events: list[Bars]


class BeatFrame(Envelope, tag="heartbeats"):
    pass


class Heard:
    """A market whose frames are handed to the adapter's reader, and the tape that they come from."""

    def __init__(self, runner: asyncio.Runner, *, only_trades: bool) -> None:
        self.market = Market(SYMBOLS, info=COINBASE)
        runner.run(self.market.open())
        feed = self.market.desk.feed
        self.tape = TradeTape(self.market.symbols, self.market.prices, START, only_trades=only_trades)
        self.feed = FrameReader(feed.wire()).feed
        runner.run(read(self.feed, self.tape.minutes(BEFORE)))
        runner.run(eventually(lambda: not feed.waiting()))


def run(*, quick: bool) -> list[Row]:
    """Measure everything on the same frames, in turns."""
    rounds, minutes = (3, MINUTES // 4) if quick else (9, MINUTES)
    best = dict.fromkeys(("trades", "bare trades", "all", "wire", "bare"), float("inf"))
    with asyncio.Runner() as runner, wired(runner, coinbase, "coinbase", SYMBOLS) as wire:
        begin(runner, wire)
        heard, alone = Heard(runner, only_trades=False), Heard(runner, only_trades=True)
        for _ in range(rounds):
            wire.server.prepare(minutes)
            for name, spent in _round(runner, wire, heard, alone, minutes).items():
                best[name] = min(best[name], spent)
            for market in (heard.market, alone.market, wire.market):
                check(market, heard.tape.now - 2 * MINUTE)  # nothing tells yet that the last is over
        runner.run(heard.market.desk.stop())
        runner.run(alone.market.desk.stop())
    return _rows(best)


def coinbase(server: Server) -> Coinbase:
    """Return the real adapter, led to a server."""
    here = f"127.0.0.1:{server.port}"
    info = msgspec.structs.replace(COINBASE, ws_url=f"ws://{here}", rest_url=f"http://{here}")
    return Coinbase(info, SystemClock(), timing=PATIENT)


def begin(runner: asyncio.Runner, wire: Wire) -> None:
    """Have the first minutes said, and wait until no symbol waits for those that it heard in part."""
    wire.server.prepare(BEFORE)
    feed = wire.market.desk.feed
    wire.server.speak()
    runner.run(eventually(lambda: feed.market_time >= START + BEFORE * MINUTE - 1_000))
    runner.run(eventually(lambda: not feed.waiting()))


def _round(runner: asyncio.Runner, wire: Wire, heard: Heard, alone: Heard, minutes: int) -> dict[str, float]:
    """Return the seconds that each takes for a frame."""
    frames, trades = heard.tape.minutes(minutes), alone.tape.minutes(minutes)
    counted = sum(not frame.startswith(NOT_COUNTED) for frame in frames)
    spent = race(
        1,
        {
            "trades": lambda: runner.run(read(alone.feed, trades)),
            "bare trades": lambda: bare(trades),
            "all": lambda: runner.run(read(heard.feed, frames)),
            "wire": lambda: runner.run(wire.hear(counted)),
            "bare": lambda: bare(frames),
        },
    )
    return {name: seconds / len(trades if "trades" in name else frames) for name, seconds in spent.items()}


def bare(frames: Sequence[bytes]) -> float:
    """Decode with types and make floats of the decimals that a bar needs: the limit of what Python can do."""
    decode = msgspec.json.Decoder(TradesFrame | DaysFrame | BarsFrame | BeatFrame, strict=False).decode
    total = 0.0
    for raw in frames:
        frame = decode(raw)
        if isinstance(frame, TradesFrame):
            for event in frame.events:
                for trade in event.trades:
                    total += float(trade.price) + float(trade.size)
        elif isinstance(frame, BarsFrame):
            for bars in frame.events:
                for bar in bars.candles:
                    total += float(bar.open) + float(bar.high) + float(bar.low) + float(bar.close)
                    total += float(bar.volume)
        elif isinstance(frame, DaysFrame):
            for days in frame.events:
                for day in days.tickers:
                    total += float(day.price)
    return total


def _rows(best: dict[str, float]) -> list[Row]:
    rates = {name: per_second(1 / spent) for name, spent in best.items()}
    trades, all_ = (f"msgspec and the floats {rates[name]}" for name in ("bare trades", "bare"))
    name = "ingest, Coinbase"
    return [
        at_least(
            f"{name}: trades to rules", rates["trades"], trades, best["bare trades"] / best["trades"], 0.4
        ),
        at_least(f"{name}: all frames to rules", rates["all"], all_, best["bare"] / best["all"], 0.25),
        at_least(f"{name}: socket to rules", rates["wire"], all_, best["bare"] / best["wire"], 0.2),
    ]
