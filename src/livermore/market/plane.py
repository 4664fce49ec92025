"""Who watches what: one market plane in a process, one desk for each exchange."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from livermore.kernel.clock import Clock, rfc3339
from livermore.market.candle import Candle, Candles, CandleSource, CandleState
from livermore.market.desk import Desk
from livermore.market.ports import Series


class ExchangeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the connection to an exchange is."""

    name: str
    state: str
    detail: str | None
    connected_at: str | None
    last_message_ms_ago: int | None
    reconnects: int
    requests: dict[str, int]
    market_time: int
    frames: int
    skipped: dict[str, int]


def resting(name: str) -> ExchangeStatus:
    """Say of an exchange that its user has paused."""
    return ExchangeStatus(
        name=name, state="paused", detail=None, connected_at=None, last_message_ms_ago=None, reconnects=0,
        requests={"used": 0, "limit": 0}, market_time=0, frames=0, skipped={},
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What the ring holds of a series, and its running bar."""

    candles: Candles
    forming: Candle | None

    def merged(self, stored: Candles, start: int | None, end: int | None) -> Candles:
        """Return stored candles, with what the ring holds of the same range in their place."""
        recent = self.candles
        first = start if start is not None else (int(stored.time[0]) if len(stored) else 0)
        if len(recent):
            recent = recent.between(first, end if end is not None else int(recent.time[-1]) + 1)
        if not len(recent):
            return stored
        return Candles.joined(stored[stored.time < recent.time[0]], recent)


class MarketPlane:
    """Hold the desks, and answer for what they hold."""

    def __init__(self, desks: dict[str, Desk], clock: Clock) -> None:
        self.desks = desks
        self._clock = clock

    def watches(self, series: Series) -> bool:
        """Say whether a series is held."""
        desk = self.desks.get(series.exchange)
        return (
            desk is not None
            and series.symbol in desk.table.columns
            and series.timeframe in desk.table.timeframes
        )

    def recent(self, series: Series) -> Recent:
        """Return what is held of a series."""
        if not self.watches(series):
            return Recent(candles=Candles.none(), forming=None)
        desk = self.desks[series.exchange]
        row = desk.table.row(series.symbol, series.timeframe)
        return Recent(candles=desk.table.candles(row), forming=forming(desk, series))

    def last_price(self, exchange: str, symbol: str) -> float | None:
        """Return the last ticker's price of a symbol."""
        desk = self.desks.get(exchange)
        ticker = desk.feed.tickers.get(symbol) if desk is not None else None
        return ticker.price if ticker is not None else None

    def progress(self, names: Mapping[str, Collection[str]]) -> tuple[int, int]:
        """Return how many symbols, named by exchange, are loaded, of how many that are listed.

        An exchange that could not be reached yet keeps nobody waiting; its symbols are loaded when it can.
        """
        loaded = listed = 0
        for desk, symbols in self._seen(names):
            if desk.connected_at is not None or not desk.reconnects:
                loaded += len(desk.loaded.intersection(symbols))
                listed += len(symbols) - len(set(desk.unlisted).intersection(symbols))
        return loaded, listed

    def waiting(self, names: Mapping[str, Collection[str]]) -> Iterator[str]:
        """Yield the symbols, of those named by exchange, whose history is not there yet."""
        for desk, symbols in self._seen(names):
            yield from (one for one in symbols if one not in desk.loaded and one not in desk.unlisted)

    def connected(self, names: Collection[str]) -> bool:
        """Say whether one of some exchanges is connected, or none of them is to be."""
        desks = [desk for name, desk in self.desks.items() if name in names]
        return not desks or any(desk.state == "connected" for desk in desks)

    def _seen(self, names: Mapping[str, Collection[str]]) -> Iterator[tuple[Desk, Collection[str]]]:
        yield from ((self.desks[name], symbols) for name, symbols in names.items() if name in self.desks)

    def estimate(self) -> int | None:
        """Return after how many seconds the budgets will have let every history through; None without any."""
        waits = [desk.forecast().seconds for desk in self.desks.values()]
        return round(max(waits)) if waits else None

    def newest_age(self, names: Collection[str]) -> int | None:
        """Return how long ago (ms of market time) the newest candle of some exchanges closed."""
        ages = [
            self.now(name) - int(desk.table.newest.max()) - desk.table.base.milliseconds
            for name, desk in self.desks.items()
            if name in names and desk.table.newest.max() >= 0
        ]
        return max(min(ages), 0) if ages else None

    def now(self, exchange: str) -> int:
        """Return the market time (ms) of an exchange, which goes on when it falls silent."""
        desk = self.desks[exchange]
        silent = self._clock.monotonic() - desk.heard_at if desk.heard_at is not None else 0.0
        return desk.feed.market_time + int(silent * 1000)

    def statuses(self, names: Collection[str]) -> list[ExchangeStatus]:
        """Say how the connections to some exchanges are; nothing of one that nobody watches."""
        return [self._status(desk) for name, desk in self.desks.items() if name in names]

    def _status(self, desk: Desk) -> ExchangeStatus:
        heard = desk.heard_at
        return ExchangeStatus(
            name=desk.info.name,
            state=desk.state,
            detail=desk.detail,
            connected_at=rfc3339(desk.connected_at) if desk.connected_at is not None else None,
            last_message_ms_ago=int((self._clock.monotonic() - heard) * 1000) if heard is not None else None,
            reconnects=desk.reconnects,
            requests=desk.requests(),
            market_time=desk.feed.market_time,
            frames=desk.feed.frames,
            skipped=dict(desk.feed.skips),
        )


def forming(desk: Desk, series: Series) -> Candle | None:
    """Return the running bar of a series as it stands; None before its first trade.

    What has closed belongs to the bucket that closes next, which market time and even the newest update
    may have left behind while that bucket waits.
    """
    update, following = desk.feed.running(series.symbol), desk.feed.next_open(series.symbol)
    opened = series.timeframe.bucket(update.time if update is not None else following)
    running = None
    if series.timeframe != desk.table.base:
        if following < 0:
            return None
        if opened == series.timeframe.bucket(following):
            running = desk.rollup.running(desk.table.columns[series.symbol], series.timeframe)
    if update is not None and update.volume > 0:
        running = _with(running, update.open, update.high, update.low, update.close, update.volume)
    if running is None:
        return None
    open_, high, low, close, volume = running
    return Candle(
        time=opened, open=open_, high=high, low=low, close=close, volume=volume,
        state=CandleState.TRADED, source=CandleSource.STREAM,
    )  # fmt: skip


def _with(
    running: tuple[float, float, float, float, float] | None,
    open_: float, high: float, low: float, close: float, volume: float,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Add the running base bar to a running higher bar."""
    if running is None:
        return open_, high, low, close, volume
    first, highest, lowest, _, total = running
    return first, max(highest, high), min(lowest, low), close, total + volume
