"""What the simulated exchange has served, for tests and for the curious."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Requests by path, their weight, frames; refused requests, and connections cut for breaking a limit.

    `faults` counts by kind what was injected, which is never a client's fault and counted nowhere else.
    """

    requests: Counter[str] = field(default_factory=Counter)
    weight: int = 0
    over_limit: int = 0
    banned: int = 0
    connections: int = 0
    messages: int = 0
    frames: int = 0
    cut: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    subscriptions: set[str] = field(default_factory=set)
