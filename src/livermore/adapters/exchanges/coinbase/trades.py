"""Trades in any order, bars out: what makes Coinbase's candles of one minute. The hot path.

A bar's open is the price of its lowest trade id, its close that of its highest; a trade that is known is
not counted again. Sizes are summed as whole numbers of the finest unit seen, so that a volume is the very
float that the exchange's decimal sum reads as.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from livermore.adapters.exchanges.coinbase.names import Names
from livermore.adapters.exchanges.coinbase.tape import EXACT, Tape
from livermore.adapters.exchanges.coinbase.wire import Trade, TradeEvent
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.candle import BarUpdate

Tell = Callable[[BarUpdate, int], Any]


class Trades:
    """Build the bars of many products."""

    def __init__(self, base: Timeframe = Timeframe.M1) -> None:
        self._length = base.milliseconds
        self._tapes: dict[str, Tape] = {}

    def inherited(self) -> Trades:
        """Return trades of their own for the next connection, which go on where these stand now."""
        return copy.deepcopy(self)

    def take(self, events: list[TradeEvent], event_time: int, names: Names, tell: Tell) -> list[Trade]:
        """Take a frame's trades and tell every bar that has changed, once; return trades that cannot be."""
        tapes = self._tapes
        changed: list[Tape] = []
        refused: list[Trade] = []
        for event in events:
            for trade in event.trades:
                tape = tapes.get(trade.product_id) or self._begin(trade.product_id, names)
                if not tape.changed:
                    tape.changed = True
                    changed.append(tape)
                if trade.trade_id == tape.next_id and tape.begin <= trade.time < tape.end:
                    # The next trade of the running bucket; it stands here because a call costs as much.
                    tape.next_id += 1
                    bucket = tape.running
                    bucket.close = price = trade.price
                    if price > bucket.high:
                        bucket.high = price
                    elif price < bucket.low:
                        bucket.low = price
                    size = trade.size
                    units = round(size * tape.factor)
                    if units / tape.factor != size or units > EXACT:
                        units = tape.finer_units(size)
                    bucket.units += units
                elif not tape.take(trade, event_time + MINUTE):
                    refused.append(trade)
            if event.type == "snapshot":
                _recall(changed)
        for tape in changed:
            tape.changed = False
            if tape.is_shaken or tape.product in names.others:
                _tell_all(tape, event_time, names, tell)
            else:
                tell(tape.running_bar(), event_time)
        return refused

    def _begin(self, product: str, names: Names) -> Tape:
        """Return a new tape; one of a product that nobody asked for is not kept."""
        tape = Tape(product, self._length)
        if product in names:
            self._tapes[product] = tape
        return tape


def _recall(tapes: list[Tape]) -> None:
    """Have the newest bars told again: a snapshot that brings no news proves that nothing was lost."""
    for tape in tapes:
        tape.recall()


def _tell_all(tape: Tape, event_time: int, names: Names, tell: Tell) -> None:
    for bar in tape.bars():
        for name in names.of(tape.product):
            tell(bar if name == bar.symbol else replace(bar, symbol=name), event_time)
