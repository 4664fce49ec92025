"""Frames, written once for everybody but for the sequence number, which is each connection's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from livermore.adapters.exchanges.simulated.coinbase.trades import Trade
from livermore.adapters.exchanges.simulated.coinbase.writing import as_go_prints, plain, recurring, stamp
from livermore.adapters.exchanges.simulated.view import Day

HEARTBEATS = "heartbeats"
STATUS = "status"
TRADES, CANDLES, TICKER, BATCH = "market_trades", "candles", "ticker", "ticker_batch"
OF_PRODUCTS = (TRADES, CANDLES, TICKER, BATCH)
CHANNELS = (HEARTBEATS, STATUS, *OF_PRODUCTS)


class Frame(NamedTuple):
    """A frame around its sequence number; `key` says who gets it."""

    key: str
    channel: str
    head: bytes
    tail: bytes


def key_of(channel: str, product: str) -> str:
    """Name what a connection is subscribed to."""
    return f"{channel}:{product}"


def frame(channel: str, product: str, time: int, events: str) -> Frame:
    """Put events into the envelope; `time` is the market's, in ms."""
    head = f'{{"channel":"{channel}","timestamp":"{stamp(time, 901_038)}","sequence_num":'
    return Frame(key_of(channel, product), channel, head.encode(), f',"events":[{events}]}}'.encode())


def trades_frame(product: str, time: int, kind: str, trades: Iterable[Trade]) -> Frame:
    """Tell of trades, in the order in which they are given."""
    rows = ",".join(
        f'{{"product_id":"{product}","trade_id":"{trade_id}","price":"{price}","size":"{size}","time":"{when}",'
        f'"side":"{side}"}}'
        for trade_id, price, size, when, side in trades
    )
    return frame(TRADES, product, time, f'{{"type":"{kind}","trades":[{rows}]}}')


def candles_frame(product: str, time: int, kind: str, candles: Iterable[str]) -> Frame:
    """Tell of candles that are already written."""
    return frame(CANDLES, product, time, f'{{"type":"{kind}","candles":[{",".join(candles)}]}}')


def candle(
    product: str, start: int, prices: tuple[float, float, float, float], volume: str
) -> str:  # fmt: skip
    """Write a candle of a start (ms): open, high, low and close, and a volume."""
    open_, high, low, close = map(recurring, prices)
    return (
        f'{{"start":"{start // 1000}","high":"{high}","low":"{low}","open":"{open_}","close":"{close}",'
        f'"volume":"{volume}","product_id":"{product}"}}'
    )


def ticker_frame(channel: str, product: str, time: int, kind: str, price: float, day: Day | None) -> Frame:
    """Tell a price and its rolling day; only `ticker` has the best offers."""
    day = day or Day(price, price, price, price, 0.0, 0.0, 0)
    high, low = recurring(max(day.high, price)), recurring(min(day.low, price))
    change = (price / day.open - 1) * 100
    best = "" if channel == BATCH else _best(recurring(price))
    return frame(
        channel,
        product,
        time,
        f'{{"type":"{kind}","tickers":[{{"type":"ticker","product_id":"{product}","price":"{recurring(price)}",'
        f'"volume_24_h":"{plain(round(day.volume, 8))}","low_24_h":"{low}","high_24_h":"{high}",'
        f'"low_52_w":"{low}","high_52_w":"{high}","price_percent_chg_24_h":"{change:.14f}"{best}}}]}}',
    )


def heartbeat(time: int, counter: int) -> Frame:
    """Tell the market's time; `counter` is the connection's own."""
    event = f'{{"current_time":"{as_go_prints(time, counter)}","heartbeat_counter":{counter}}}'
    return frame(HEARTBEATS, HEARTBEATS, time, event)


def _best(price: str) -> str:
    return f',"best_bid":"{price}","best_bid_quantity":"1","best_ask":"{price}","best_ask_quantity":"1"'
