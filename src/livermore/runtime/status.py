"""What a user sees of the runtime."""

from __future__ import annotations

from typing import Literal

import msgspec

from livermore.market.plane import ExchangeStatus

Level = Literal["data", "alerts"]


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """What rests, why, until when (ms UTC; None: until it is resumed), and who asked for it."""

    level: Level
    reason: str | None = None
    until: int | None = None
    by: str | None = None


class Startup(msgspec.Struct, frozen=True, kw_only=True):
    """How far warming up is."""

    phase: str
    percent: int
    item: str | None
    eta_seconds: int | None


class RuntimeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a user's runtime is."""

    state: str
    desired_state: str
    pause: Pause | None
    mode: str
    uptime_seconds: int
    settings: dict[str, int]
    queue_depth: int
    symbols: dict[str, int]
    exchanges: list[ExchangeStatus]
    startup: Startup | None
    last_candle_age_ms: int | None
    services: dict[str, str]


STOPPED = RuntimeStatus(
    state="stopped", desired_state="stopped", pause=None, mode="", uptime_seconds=0,
    settings={"saved": 0, "applied": 0}, queue_depth=0, symbols={"active": 0, "total": 0}, exchanges=[],
    startup=None, last_candle_age_ms=None, services={},
)  # fmt: skip
