"""When a fault is at work; everything in ms of market time."""

from __future__ import annotations

import sys
from collections.abc import Callable

from livermore.adapters.exchanges.simulated.faults.kinds import Cut, Fault, RowFault

ABSOLUTE = 100_000_000_000  # from 1973 on a time is absolute; before, it counts from the market's start
Draw = Callable[[int], float]


def absolute(moment: int, origin: int) -> int:
    """Return a script's time in ms UTC."""
    return moment if moment >= ABSOLUTE else origin + moment


def span(fault: Fault, origin: int) -> tuple[int, int]:
    """Return from when up to when a fault may be at work; candles may lie before the market's start."""
    first = 0 if isinstance(fault, RowFault) else origin
    start = first if fault.from_ is None else absolute(fault.from_, origin)
    return start, sys.maxsize if fault.to is None else absolute(fault.to, origin)


def window(fault: Fault, moment: int, origin: int, draw: Draw) -> int | None:
    """Return which of its windows a moment lies in, counted from 0; None where the fault rests."""
    start, end = span(fault, origin)
    if not start <= moment < end:
        return None
    if fault.every is None or fault.for_ is None:
        return 0
    period, length = _milliseconds(fault.every), _milliseconds(fault.for_)
    number, within = divmod(moment - start, period)
    begin = int(draw(number) * (period - length))
    return number if begin <= within < begin + length else None


def windows(fault: Fault, since: int, upto: int, origin: int, draw: Draw) -> list[int]:
    """Return the numbers of the windows that touch [since, upto], so that none is overlooked."""
    start, end = span(fault, origin)
    if upto < start or since >= end:
        return []
    if fault.every is None or fault.for_ is None:
        return [0]
    period, length = _milliseconds(fault.every), _milliseconds(fault.for_)
    numbers = range(max(0, since - start) // period, (upto - start) // period + 1)
    begins = ((number, start + number * period + int(draw(number) * (period - length))) for number in numbers)
    return [number for number, begin in begins if begin <= upto and since < begin + length and begin < end]


def strikes(cut: Cut, after: int, upto: int, origin: int, draw: Draw) -> list[int]:
    """Return the numbers of a cut's moments in (after, upto]."""
    start, end = span(cut, origin)
    if cut.every is None:
        moments = [(number, absolute(moment, origin)) for number, moment in enumerate(cut.at)]
    else:
        period = _milliseconds(cut.every)
        numbers = range(max(0, after - start) // period, max(0, upto - start) // period + 1)
        moments = [(number, start + int((number + draw(number)) * period)) for number in numbers]
    return [number for number, moment in moments if after < moment <= upto and start <= moment < end]


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
