"""A command as it is told to people and programs."""

from __future__ import annotations

from typing import Any

import msgspec

from livermore.control.command import Command
from livermore.kernel.clock import rfc3339


def shape_of(command: Command) -> dict[str, Any]:
    """Return a command as the API answers it: JSON-ready, times in RFC 3339, durations in ms."""
    return {
        "id": command.id,
        "type": command.type,
        "payload": command.payload,
        "priority": command.priority,
        "status": command.status.value,
        "source": command.source,
        "author": command.author,
        "submitted_at": rfc3339(command.submitted_at),
        "acknowledged_at": _moment(command.acknowledged_at),
        "acknowledged_in_ms": _between(command.submitted_at, command.acknowledged_at),
        "started_at": _moment(command.started_at),
        "finished_at": _moment(command.finished_at),
        "duration_ms": _between(command.started_at, command.finished_at),
        "progress": msgspec.to_builtins(command.progress),
        "result": command.result,
        "error": msgspec.to_builtins(command.error),
    }


def _moment(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)


def _between(earlier: int | None, later: int | None) -> int | None:
    return None if earlier is None or later is None else later - earlier
