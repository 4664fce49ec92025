"""What somebody asks of a runtime, and what has become of it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from livermore.control.lifecycle import OPEN, Status
from livermore.kernel.role import Role

Source = Literal["ui", "api", "cli", "wire", "system"]
HIGHEST, LOWEST = 10, 100
"""The priorities that may be asked for; lower is sooner, and what lies below is kept for pause and resume."""
LIFETIME = 30_000
"""A command that has not started so many ms after it was submitted never does."""
AHEAD = 5_000
"""A message whose time lies further (ms) in the future is rejected."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command did not succeed: one of the error codes, and words."""

    code: str
    detail: str


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a command is: done of total, in words, and when it will be done at this pace."""

    done: int
    total: int
    message: str
    eta_seconds: int | None = None


class NewCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it is written down at first; one with a `failure` is rejected from the start."""

    id: str
    type: str
    payload: dict[str, Any]
    priority: int
    source: Source
    author: str
    role: Role
    submitted_at: int
    failure: Failure | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command as the journal knows it; times are ms UTC, `number` is its place in arrival order.

    `id` is its correlationId, unique among one user's commands; `runner` is the process that has started it.
    """

    number: int
    id: str
    type: str
    payload: dict[str, Any]
    priority: int
    status: Status
    source: Source
    author: str
    role: Role
    submitted_at: int
    acknowledged_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    runner: str | None = None
    progress: Progress | None = None
    result: Any = None
    error: Failure | None = None

    @property
    def is_open(self) -> bool:
        """Say whether something may still become of it."""
        return self.status in OPEN

    def is_overdue(self, now: int) -> bool:
        """Say whether it can never start any more."""
        return now - self.submitted_at > LIFETIME
