"""What is said of a symbol that somebody wants to watch."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Fitness(StrEnum):
    """Whether a symbol can be watched, or why not; each reason calls for something else."""

    OK = "ok"
    UNKNOWN = "unknown"
    HALTED = "halted"
    DELISTED = "delisted"
    DUPLICATE = "duplicate"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input: the exchange and its own name of what was meant, and the verdict.

    `detail` says in words what was resolved, or why it cannot be watched and what to do.
    """

    input: str
    exchange: str | None = None
    symbol: str | None = None
    verdict: Fitness
    detail: str | None = None
