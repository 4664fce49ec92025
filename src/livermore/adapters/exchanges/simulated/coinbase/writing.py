"""Times and numbers as Coinbase writes them: RFC 3339 with a fraction, decimals without a trailing zero."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from livermore.adapters.exchanges.simulated.numbers import decimal
from livermore.kernel.clock import EPOCH
from livermore.kernel.timeframe import MINUTE


def plain(value: float) -> str:
    """Write a float so that reading it gives the same float: 65000, 0.5."""
    return decimal(value).removesuffix(".0")


recurring = lru_cache(maxsize=8192)(plain)  # prices recur from trade to trade, amounts do not


def stamp(time: int, below: int = 0) -> str:
    """Write a time (ms) and so many nanoseconds with nine digits: 2026-09-30T02:39:59.551901038Z."""
    within = time % MINUTE
    return f"{_minute(time - within)}{within // 1000:02d}.{within % 1000:03d}{below:06d}Z"


def stamp_of_trade(time: int, below: int) -> str:
    """Write a time (ms) and so many microseconds with six digits."""
    within = time % MINUTE
    return f"{_minute(time - within)}{within // 1000:02d}.{within % 1000:03d}{below:03d}Z"


def whole_second(time: int) -> str:
    """Write a time (ms) without a fraction."""
    return f"{_minute(time - time % MINUTE)}{time % MINUTE // 1000:02d}Z"


def as_go_prints(time: int, seconds: float) -> str:
    """Write a time as the heartbeats have it, which nobody should read."""
    text = stamp(time, 57_778).removesuffix("Z").replace("T", " ")
    return f"{text} +0000 UTC m=+{seconds:.9f}"


@lru_cache(maxsize=4096)
def _minute(time: int) -> str:
    return (EPOCH + timedelta(milliseconds=time)).strftime("%Y-%m-%dT%H:%M:")
