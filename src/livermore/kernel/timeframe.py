"""The nine timeframes; a bucket opens at a UTC multiple of its length."""

from __future__ import annotations

from enum import StrEnum

MINUTE = 60_000


class Timeframe(StrEnum):
    """A candle's length, named as exchanges name it."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    D1 = "1d"

    milliseconds: int

    def __new__(cls, name: str) -> Timeframe:
        """Read the length out of the name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.milliseconds = int(name[:-1]) * {"m": 1, "h": 60, "d": 1440}[name[-1]] * MINUTE
        return member

    def bucket(self, time: int) -> int:
        """Return the open (ms) of the bucket that holds a time (ms)."""
        return time - time % self.milliseconds

    @classmethod
    def of_length(cls, milliseconds: int) -> Timeframe:
        """Find the timeframe of a length in milliseconds; raise ValueError when there is none."""
        for timeframe in cls:
            if timeframe.milliseconds == milliseconds:
                return timeframe
        raise ValueError(f"no timeframe is {milliseconds} ms long")


DEFAULT_TIMEFRAMES = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.D1)
