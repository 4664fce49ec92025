"""Coinbase's protocol, put together."""

from __future__ import annotations

from livermore.adapters.exchanges.simulated.coinbase.bars import ToldBars
from livermore.adapters.exchanges.simulated.coinbase.broadcast import Broadcast
from livermore.adapters.exchanges.simulated.coinbase.history import History
from livermore.adapters.exchanges.simulated.coinbase.listing import Listing
from livermore.adapters.exchanges.simulated.coinbase.rest import RestDoor
from livermore.adapters.exchanges.simulated.coinbase.rules import CoinbaseRules
from livermore.adapters.exchanges.simulated.coinbase.sockets import Knowledge, SocketDoor
from livermore.adapters.exchanges.simulated.coinbase.timetable import TradeTimetable
from livermore.adapters.exchanges.simulated.coinbase.trades import trades_of
from livermore.adapters.exchanges.simulated.doors import Doors, Stage, tells_seconds
from livermore.adapters.exchanges.simulated.path import State, Whole
from livermore.adapters.exchanges.simulated.source import Source


class CoinbaseDialect:
    """Tell a source's bars in trades; `rules` says what a client must keep to."""

    def __init__(self, source: Source, speed: float | None, rules: CoinbaseRules) -> None:
        source.number_every_trade()
        self._source = source
        self._rules = rules
        self.timetable = TradeTimetable(
            len(source.markets),
            source.timeframe.milliseconds,
            source.updates_per_bar,
            every_second=tells_seconds(speed),
            beats=speed is None,
        )

    def told(self, symbol: int, bar: Whole, offset: int) -> State | None:
        """Return a bar as its trades up to an offset (ms) make it."""
        told = self.timetable.trades_by(symbol, offset)
        return trades_of(bar, self._source.markets[symbol].price_decimals).state(told) if told else None

    def open(self, stage: Stage) -> Doors:
        """Make the doors of one simulated exchange."""
        source, view, clock, counters = stage.source, stage.view, stage.clock, stage.counters
        bars = ToldBars(source, self.timetable)
        history = History(source, view, self.timetable, bars, stage.now)
        listing = Listing(source, stage.floor, view)
        voice = Broadcast(source, bars, view, clock, counters, flat_out=stage.flat_out)
        knowledge = Knowledge(listing, history, stage.now, stage.speed, stage.keys)
        sockets = SocketDoor(voice, knowledge, clock, self._rules, counters, stage.faults)
        return Doors(RestDoor(stage, listing, history, self._rules), sockets, voice)
