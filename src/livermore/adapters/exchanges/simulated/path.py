"""How a bar came about: its states from the first trade to the last, without ever contradicting the whole."""

from __future__ import annotations

from typing import NamedTuple

WAYPOINTS = 4


class Whole(NamedTuple):
    """A traded bar, as it ends."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    first_id: int
    last_id: int


class State(NamedTuple):
    """A bar after some of its trades."""

    high: float
    low: float
    close: float
    volume: float
    last_id: int


def states(bar: Whole, updates: int, price_decimals: int, amount_decimals: int) -> list[State]:
    """Return the bar's states, the whole last: first trade, the nearer extreme, the other, the last price."""
    points = _prices(bar, updates - 1, price_decimals)
    trades = bar.last_id - bar.first_id + 1
    path: list[State] = []
    high = low = bar.open
    for place, price in enumerate(points, start=1):
        high, low = max(high, price), min(low, price)
        volume = round(bar.volume * place / updates, amount_decimals) or bar.volume
        last_id = bar.first_id + max(1, trades * place // updates) - 1
        path.append(State(high, low, price, volume, last_id))
    path.append(State(bar.high, bar.low, bar.close, bar.volume, bar.last_id))
    return path


def _prices(bar: Whole, count: int, decimals: int) -> list[float]:
    """Return the price at so many moments: a few see the first way points, many what lies between too."""
    extremes = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    way = (bar.open, *extremes, bar.close)
    if count <= WAYPOINTS:
        return list(way[:count])
    return [_between(way, 3 * place / (count - 1), decimals) for place in range(count)]


def _between(way: tuple[float, ...], place: float, decimals: int) -> float:
    """Return the price at a place between way points; the way points themselves are met exactly."""
    step = min(int(place), WAYPOINTS - 2)
    start, end = way[step], way[step + 1]
    part = place - step
    if part in {0.0, 1.0}:
        return end if part else start
    return min(max(round(start + (end - start) * part, decimals), min(start, end)), max(start, end))
