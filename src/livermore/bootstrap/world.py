"""A market of our own making: the demonstration's, or one that was recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from livermore.adapters.exchanges.simulated import (
    WELL_KNOWN,
    WELL_KNOWN_AT_COINBASE,
    CoinbaseRules,
    GeneratedSource,
    Protocol,
    RecordedSource,
    SimulatedExchange,
)
from livermore.adapters.exchanges.simulated.faults import FaultScript
from livermore.adapters.files import RecordedMarket, read_markets_apart
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.scanning import first_scanner
from livermore.kernel.errors import InvalidError
from livermore.kernel.ids import derived_id
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.exchange import COINBASE, ExchangeInfo
from livermore.signals.replay import timeframes_of

WELL_KNOWN_AT: dict[Protocol, tuple[str, ...]] = {"binance": WELL_KNOWN, "coinbase": WELL_KNOWN_AT_COINBASE}
# Requests a second that a Coinbase of our own grants: nobody is to wait for a market that is made up.
OWN_LIMIT = 250
Pace = Callable[[], Awaitable[None]]
DEMO = {
    "binance": ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"),
    "coinbase": ("BTC-USD", "ETH-USD", "ADA-USD", "LTC-USD", "ATOM-USD"),
}
"""What the demonstration watches; each of its exchanges lists more."""


class Served(NamedTuple):
    """One exchange of such a market: what it is called, fed with, and what is watched of it at first."""

    exchange: str
    source: GeneratedSource | RecordedSource
    symbols: tuple[str, ...]

    async def open(self, speed: float | None, position: int | None, pace: Pace) -> SimulatedExchange:
        """Start the simulated exchange that serves it, where an earlier run stopped; `pace` holds it."""
        server = SimulatedExchange(
            self.source, protocol=protocol_of(self.exchange), speed=speed, position=position, pace=pace,
            hold=False, coinbase_rules=CoinbaseRules(requests_per_second=OWN_LIMIT),
        )  # fmt: skip
        await server.start()
        return server

    def info(self, row: ExchangeInfo, server: SimulatedExchange) -> ExchangeInfo:
        """Return the exchange's row for this run: the simulated server's addresses and timeframes."""
        timeframes = tuple(timeframe.value for timeframe in self.source.timeframes)
        return msgspec.structs.replace(
            row, rest_url=server.rest_url, ws_url=server.ws_url, supported_timeframes=timeframes
        )


class World(NamedTuple):
    """What the demonstration or a replay watches instead of real exchanges; the first one is the primary."""

    served: tuple[Served, ...]
    digest: str = ""

    @property
    def keeps_one_time(self) -> bool:
        """Say whether its exchanges begin at one moment, and so stay at one."""
        return len({one.source.start for one in self.served}) == 1

    def settings(self) -> dict[str, Any]:
        """Return revision 1 of its user: everything that is watched is judged from the start, and kept."""
        primary = self.served[0].exchange
        longer = {timeframe for one in self.served for timeframe in timeframes_of(one.source.timeframe, ())}
        return {
            "version": 2,
            "perseus_profile": {"primary_exchange": primary},
            "livermore_runtime": {"auto_start": True, "mode": "scalper-macdv"},
            "symbols": [
                symbol if one.exchange == primary else f"{one.exchange}:{symbol}"
                for one in self.served
                for symbol in one.symbols
            ],
            "timeframes": [timeframe.value for timeframe in Timeframe if timeframe in longer],
            "storage": {"keep_days": {timeframe.value: None for timeframe in Timeframe}},
            **first_scanner(primary),
        }


def world_of(plan: Plan) -> World | None:
    """Make the market that a demonstration or a replay watches; None for live."""
    if plan.source == "live":
        return None
    if plan.source == "demo":
        return World(tuple(_generated(exchange, symbols) for exchange, symbols in DEMO.items()))
    recorded = _recorded(plan.files, plan.exchange)
    updates = 1 if plan.speed is None else 5
    return World(tuple(one.served(updates) for one in recorded), _digest(plan.files))


def _generated(exchange: str, watched: tuple[str, ...]) -> Served:
    """Make up an exchange that lists every well-known pair under the name that it would give it."""
    return Served(exchange, GeneratedSource(WELL_KNOWN_AT[protocol_of(exchange)]), watched)


class Recorded(NamedTuple):
    """Recorded candles of one exchange and one timeframe, by symbol."""

    exchange: str
    timeframe: Timeframe
    candles: dict[str, Candles]

    def served(self, updates_per_bar: int) -> Served:
        """Serve them."""
        source = RecordedSource(self.candles, self.timeframe, updates_per_bar=updates_per_bar)
        return Served(self.exchange, source, tuple(self.candles))


def protocol_of(exchange: str) -> Protocol:
    """Return the protocol of an exchange; raise InvalidError where we cannot serve it."""
    if exchange == COINBASE.name:
        return "coinbase"
    if exchange.startswith("binance"):
        return "binance"
    raise InvalidError(
        f"{exchange!r} cannot be simulated",
        hint="serve it as another one with --exchange coinbase or binance, or use: livermore replay",
    )


def _recorded(files: Sequence[Path], exchange: str | None) -> list[Recorded]:
    """Read recordings, exchange by exchange; raise InvalidError where they cannot be served."""
    markets: dict[str, list[RecordedMarket]] = defaultdict(list)
    for file in files:
        for market in read_markets_apart(file, exchange=exchange):
            markets[market.exchange].append(market)
    return [_joined(name, found) for name, found in markets.items()]


def _joined(exchange: str, markets: Iterable[RecordedMarket]) -> Recorded:
    protocol_of(exchange)
    timeframes = {market.timeframe for market in markets}
    if len(timeframes) > 1:
        named = ", ".join(sorted(timeframes))
        raise InvalidError(
            f"the files of {exchange} are of more than one timeframe: {named}",
            hint="replay one timeframe at a time",
        )
    return Recorded(exchange, timeframes.pop(), {market.symbol: market.candles for market in markets})


def _digest(files: Sequence[Path]) -> str:
    """Tell recordings apart."""
    return derived_id(*(f"{file.name} {file.stat().st_size}" for file in sorted(files)))[:12]


def simulated(
    files: Sequence[Path], *, seed: int, symbols: Sequence[str], speed: float | None, host: str, port: int,
    exchange: str, faults: Path | None = None,
) -> SimulatedExchange:  # fmt: skip
    """Make a simulated exchange that stands alone: of recorded files, else of a made-up market."""
    protocol = protocol_of(exchange)
    source: GeneratedSource | RecordedSource
    if files:
        (recorded,) = _recorded(files, exchange)
        source = RecordedSource(recorded.candles, recorded.timeframe)
    else:
        source = GeneratedSource(symbols or WELL_KNOWN_AT[protocol], seed=seed)
    script = None if faults is None else FaultScript.read(faults)
    return SimulatedExchange(
        source, protocol=protocol, speed=speed, host=host, port=port, faults=script
    )  # fmt: skip
