"""What is to be run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEMO_SPEED = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run: where, on which source, how fast (`speed` None: as fast as it goes)."""

    workspace: Path
    source: Literal["live", "demo", "replay"] = "live"
    exchange: str | None = None
    symbols: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    speed: float | None = DEMO_SPEED
    database_url: str | None = None
