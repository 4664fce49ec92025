"""A market of our own making: the demonstration's, or one that was recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from livermore.adapters.exchanges.simulated import GeneratedSource, RecordedSource, SimulatedExchange
from livermore.adapters.files import read_markets_apart
from livermore.bootstrap.plan import Plan
from livermore.kernel.errors import InvalidError, NotImplementedYetError
from livermore.kernel.ids import derived_id
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.exchange import ExchangeInfo
from livermore.signals.replay import timeframes_of

Pace = Callable[[], Awaitable[None]]


class World(NamedTuple):
    """A market of our own making: what the demonstration or a replay watches instead of a real exchange."""

    exchange: str
    source: GeneratedSource | RecordedSource
    symbols: tuple[str, ...]
    digest: str

    async def open(self, speed: float | None, position: int | None, pace: Pace) -> SimulatedExchange:
        """Start the simulated exchange that serves it, where an earlier run stopped."""
        server = SimulatedExchange(self.source, speed=speed, position=position, pace=pace)
        await server.start()
        return server

    def info(self, row: ExchangeInfo, rest_url: str, ws_url: str) -> ExchangeInfo:
        """Return the exchange's row for this run: the simulated server's addresses and timeframes."""
        timeframes = tuple(timeframe.value for timeframe in self.source.timeframes)
        return msgspec.structs.replace(row, rest_url=rest_url, ws_url=ws_url, supported_timeframes=timeframes)

    def settings(self) -> dict[str, Any]:
        """Return revision 1 of its user: everything that it offers is watched from the start, and kept."""
        longer = [timeframe.value for timeframe in timeframes_of(self.source.timeframe, ())]
        return {
            "version": 2,
            "perseus_profile": {"primary_exchange": self.exchange},
            "livermore_runtime": {"auto_start": True, "mode": "scalper-macdv"},
            "symbols": list(self.symbols),
            "timeframes": longer,
            "storage": {"keep_days": {timeframe.value: None for timeframe in Timeframe}},
        }


def world_of(plan: Plan) -> World | None:
    """Make the market that a demonstration or a replay watches; None for live."""
    if plan.source == "live":
        return None
    if plan.source == "demo":
        source = GeneratedSource()
        return World("binance", source, tuple(market.symbol for market in source.markets), "")
    recorded = _recorded(plan.files, plan.exchange)
    updates = 1 if plan.speed is None else 5
    replayed = RecordedSource(recorded.candles, recorded.timeframe, updates_per_bar=updates)
    return World(recorded.exchange, replayed, tuple(recorded.candles), recorded.digest)


class Recorded(NamedTuple):
    """Recorded candles of one exchange and one timeframe, by symbol; `digest` tells recordings apart."""

    exchange: str
    timeframe: Timeframe
    candles: dict[str, Candles]
    digest: str


def _recorded(files: Sequence[Path], exchange: str | None) -> Recorded:
    """Read recordings that can be served together; raise InvalidError where they cannot."""
    markets = [market for file in files for market in read_markets_apart(file, exchange=exchange)]
    exchanges = {market.exchange for market in markets}
    timeframes = {market.timeframe for market in markets}
    for what, found in (("exchange", exchanges), ("timeframe", timeframes)):
        if len(found) > 1:
            named = ", ".join(sorted(found))
            raise InvalidError(
                f"the files are of more than one {what}: {named}", hint=f"replay one {what} at a time"
            )
    served = exchanges.pop()
    if not served.startswith("binance"):
        raise NotImplementedYetError(
            f"a recording of {served} cannot be served in this version",
            hint="serve it over Binance's protocol with --exchange binance, or use: livermore replay",
        )
    digest = derived_id(*(f"{file.name} {file.stat().st_size}" for file in sorted(files)))[:12]
    return Recorded(served, timeframes.pop(), {market.symbol: market.candles for market in markets}, digest)


def simulated(
    files: Sequence[Path], *, seed: int, symbols: Sequence[str], speed: float | None, host: str, port: int,
    exchange: str,
) -> SimulatedExchange:  # fmt: skip
    """Make a simulated exchange that stands alone: of recorded files, else of a made-up market."""
    if not exchange.startswith("binance"):
        raise NotImplementedYetError(
            f"{exchange} cannot be simulated in this version", hint="simulate binance"
        )
    source: GeneratedSource | RecordedSource
    if files:
        recorded = _recorded(files, exchange)
        source = RecordedSource(recorded.candles, recorded.timeframe)
    else:
        source = GeneratedSource(symbols, seed=seed) if symbols else GeneratedSource(seed=seed)
    return SimulatedExchange(source, speed=speed, host=host, port=port)
