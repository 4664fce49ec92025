"""How a bar comes about in trades: their prices make its prices, their sizes sum exactly to its volume."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from livermore.adapters.exchanges.simulated.coinbase.writing import recurring, stamp_of_trade
from livermore.adapters.exchanges.simulated.numbers import decimal
from livermore.adapters.exchanges.simulated.path import State, Whole

WAYPOINTS = 4
WEIGHTS = (3, 1, 2, 5, 1, 4, 2)


class Trade(NamedTuple):
    """One trade as it is written; `side` is the maker's."""

    trade_id: int
    price: str
    size: str
    time: str
    side: str


class Trades(NamedTuple):
    """A bar's trades: their prices, their sizes in units of 10^-`decimals`, and the id of the first."""

    prices: list[float]
    units: list[int]
    decimals: int
    first_id: int

    def until(self, last_id: int) -> Trades:
        """Return the trades up to an id."""
        count = last_id - self.first_id + 1
        return self._replace(prices=self.prices[:count], units=self.units[:count])

    def state(self, told: int) -> State:
        """Return the bar after so many trades."""
        prices = self.prices[:told]
        volume = sum(self.units[:told]) / 10**self.decimals
        return State(max(prices), min(prices), prices[-1], volume, self.first_id + len(prices) - 1)

    def written(self, bucket: int, times: Sequence[tuple[int, int]]) -> list[Trade]:
        """Write every trade; `times` says when each of a bucket's trades happens."""
        decimals, before = self.decimals, itertools.chain(self.prices[:1], self.prices)
        rows = zip(itertools.count(self.first_id), self.prices, before, self.units, times[: len(self.units)])
        return [
            Trade(
                trade_id,
                recurring(price),
                amount(units, decimals),
                stamp_of_trade(bucket + milliseconds, microseconds),
                "SELL" if price > last or (price == last and trade_id % 2) else "BUY",
            )
            for trade_id, price, last, units, (milliseconds, microseconds) in rows
        ]


def trades_of(bar: Whole, price_decimals: int) -> Trades:
    """Tell a bar in as many trades as its ids say."""
    count = bar.last_id - bar.first_id + 1
    units, decimals = _units(bar.volume, count)
    return Trades(_prices(bar, count, price_decimals), _cut(units, count), decimals, bar.first_id)


def amount(units: int, decimals: int) -> str:
    """Write so many units of 10^-decimals: 0.84275842, 3."""
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}".rstrip("0") if rest else str(whole)


def _units(volume: float, count: int) -> tuple[int, int]:
    """Return a volume exactly, in units small enough that each trade can have one."""
    whole, _, fraction = decimal(volume).partition(".")
    fraction = fraction.rstrip("0")
    units, decimals = int(whole + fraction), len(fraction)
    while units < count:
        units, decimals = units * 10, decimals + 1
    return units, decimals


def _cut(units: int, count: int) -> list[int]:
    """Cut an amount into so many unequal parts, or nearly equal ones when it is too small for that."""
    shares = _shares(count)
    if units < shares[-1]:
        shares = tuple(range(1, count + 1))
    ends = [units * share // shares[-1] for share in shares]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


@lru_cache(maxsize=256)
def _shares(count: int) -> tuple[int, ...]:
    return tuple(itertools.accumulate(itertools.islice(itertools.cycle(WEIGHTS), count)))


def _prices(bar: Whole, count: int, decimals: int) -> list[float]:
    """Return each trade's price: from the open by way of the nearer extreme and the other to the close."""
    extremes = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    way = (bar.open, *extremes, bar.close) if count >= WAYPOINTS else _shortest(bar, extremes)
    if count == len(way):
        return list(way)
    return [_between(way, place * (len(way) - 1), count - 1, decimals) for place in range(count)]


def _shortest(bar: Whole, extremes: tuple[float, float]) -> tuple[float, ...]:
    """Return as few prices as make the bar."""
    inner = [price for price in extremes if price not in {bar.open, bar.close}]
    last = [bar.close] if inner or bar.close != bar.open else []
    return (bar.open, *inner, *last)


def _between(way: tuple[float, ...], place: int, parts: int, decimals: int) -> float:
    """Return the price at place/parts of the way; the trade nearest to a way point is at the way point."""
    step, rest = divmod(place, parts)
    if not rest or rest * 2 < len(way) - 1:
        return way[step]
    if (parts - rest) * 2 <= len(way) - 1:
        return way[step + 1]
    start, end = way[step], way[step + 1]
    price = round(start + (end - start) * rest / parts, decimals)
    return min(max(price, min(start, end)), max(start, end))
