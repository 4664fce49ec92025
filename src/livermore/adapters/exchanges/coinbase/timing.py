"""How long Coinbase may take, and how fast we may talk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds for everything that takes time."""

    silence: float = 30.0
    spacing: float = 0.15  # Coinbase takes eight messages a second
    request: float = 10.0
    farewell: float = 1.0
