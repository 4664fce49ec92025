"""What a feed finds out and cannot settle by itself."""

from __future__ import annotations

from typing import Protocol

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.ports import Cause


class FeedOwner(Protocol):
    """Be told what a feed finds out."""

    def bars_ready(self) -> None:
        """See to it that `Feed.take` is called soon."""
        ...

    def repair_wanted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Have the buckets that open in [start, end) read from REST and handed to `Feed.repaired`."""
        ...

    def gave_up(self, symbol: str, start: int, end: int) -> None:
        """Take note that a lane goes on without the buckets that it waited for: they are missing."""
        ...

    def doubted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Have the closed buckets that open in [start, end) compared with REST: they may lack trades."""
        ...

    def silent(self, symbol: str) -> None:
        """Have a symbol subscribed again that should have spoken and did not."""
        ...

    def proven(self, symbol: str, start: int, end: int) -> None:
        """Take note that trade ids now prove the closed buckets that open in [start, end)."""
        ...

    def correction(self, symbol: str, update: BarUpdate) -> None:
        """Take note that a closed bucket is told differently now."""
        ...

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Hold a longer bar as the exchange tells it against ours."""
        ...
