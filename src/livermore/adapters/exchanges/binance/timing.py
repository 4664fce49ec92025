"""How long Binance may take, and how fast we may talk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds for everything that takes time; Binance cuts a connection at 24 h."""

    renewal: float = 23 * 3600.0
    renewal_retry: float = 60.0
    silence: float = 30.0
    spacing: float = 0.3  # at most four messages a second, which leaves one for the answer to a ping
    answer: float = 10.0
    request: float = 10.0
