"""How many connections to an exchange may be open, and how many be tried: its row sets ceilings."""

from __future__ import annotations

from typing import Protocol

from livermore.kernel.clock import Clock
from livermore.kernel.errors import RateLimitedError
from livermore.market.budget import Budget
from livermore.market.exchange import ExchangeInfo

FIVE_MINUTES = 300.0
OPEN, TRIED, SPOKEN = "ws_connections_per_ip", "ws_connections_per_5min", "ws_messages_per_second"


class Open(Protocol):
    """A connection that was opened."""

    @property
    def is_open(self) -> bool:
        """Say whether it still is."""
        ...


class Connections:
    """Keep connections to one exchange within its row; of those `tried`, the exchange allows so many."""

    def __init__(self, info: ExchangeInfo, clock: Clock, *, tried: int | None = None) -> None:
        self._most = info.ceiling(OPEN)
        self._where = info.name
        self._open: list[Open] = []
        limits = [limit for limit in (tried, info.ceiling(TRIED)) if limit is not None]
        self._attempts = Budget(clock, limit=int(min(limits)), seconds=FIVE_MINUTES) if limits else None

    async def admit(self) -> None:
        """Wait until another connection may be tried; raise RateLimitedError when too many are open."""
        self._open = [connection for connection in self._open if connection.is_open]
        if self._most is not None and len(self._open) >= self._most:
            hint = f"its row allows {self._most:g}: livermore exchanges edit {self._where} --limit {OPEN}=…"
            raise RateLimitedError("as many connections are open as may be", where=self._where, hint=hint)
        if self._attempts is not None:
            await self._attempts.spend(1)

    def opened(self, connection: Open) -> None:
        """Take note of one that was opened."""
        self._open.append(connection)


def spacing_of(info: ExchangeInfo, spacing: float) -> float:
    """Return the seconds between two messages: ours, or more where the row allows fewer a second."""
    most = info.ceiling(SPOKEN)
    return spacing if most is None else max(spacing, 1 / most)
