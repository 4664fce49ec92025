"""Binance's protocol, put together."""

from __future__ import annotations

from livermore.adapters.exchanges.simulated.binance.broadcast import Broadcast
from livermore.adapters.exchanges.simulated.binance.rest import RestDoor
from livermore.adapters.exchanges.simulated.binance.session import SocketRules
from livermore.adapters.exchanges.simulated.binance.sockets import SocketDoor
from livermore.adapters.exchanges.simulated.binance.weights import Weights
from livermore.adapters.exchanges.simulated.doors import Doors, Stage, tells_seconds
from livermore.adapters.exchanges.simulated.path import State, Whole, states
from livermore.adapters.exchanges.simulated.schedule import Schedule
from livermore.adapters.exchanges.simulated.source import Source


class BinanceDialect:
    """Tell a source's bars in klines; `weight_limit` a minute, and what a connection must keep to."""

    def __init__(self, source: Source, speed: float | None, weight_limit: int, rules: SocketRules) -> None:
        self._source = source
        self._weight_limit = weight_limit
        self._rules = rules
        self.timetable = Schedule(
            len(source.markets),
            source.timeframe.milliseconds,
            source.updates_per_bar,
            tickers_per_bar=None if tells_seconds(speed) else 1,
        )

    def told(self, symbol: int, bar: Whole, offset: int) -> State | None:
        """Return a bar as its updates up to an offset (ms) have told it."""
        told, market = self.timetable.updates_by(symbol, offset), self._source.markets[symbol]
        if not told:
            return None
        return states(bar, self._source.updates_per_bar, market.price_decimals, market.amount_decimals)[
            told - 1
        ]

    def open(self, stage: Stage) -> Doors:
        """Make the doors of one simulated exchange."""
        source, view, clock, counters = stage.source, stage.view, stage.clock, stage.counters
        voice = Broadcast(source, self.timetable, view, clock, counters, drains=stage.flat_out)
        weights = Weights(clock, self._weight_limit, counters)
        return Doors(
            RestDoor(stage, weights, self._weight_limit),
            SocketDoor(voice, clock, self._rules, counters, stage.faults),
            voice,
        )
