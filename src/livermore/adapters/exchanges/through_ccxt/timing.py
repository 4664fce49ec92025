"""How long an exchange behind ccxt may take, and how often one without a stream is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds for everything that takes time; `sweeps` is how often a base bucket is polled at most."""

    request: float = 10.0
    answer: float = 5.0
    pulse: float = 0.25
    lag: float = 1.0  # how late a frame may come that does not say when it was sent
    settle: float = (
        2.5  # after a close, before REST is asked for the bar: some answer from a cache of a second
    )
    sweeps: int = 4
    days: float = 60.0
