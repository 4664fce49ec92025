"""An alert: one signal, or one event of the system, on its way through one channel."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

AlertState = Literal["pending", "sent", "failed", "held"]
AlertEvent = Literal["level", "reversal", "system"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go: a channel's name, and the environment variable that holds its URL."""

    channel: str
    url_environment_variable: str | None = None
    events: dict[str, Literal["on", "silent", "off"]] = {}


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the outbox; `payload` is what is sent, complete enough to need nothing else.

    `id` is derived from signal and channel; receivers may discard one that they have seen.
    """

    id: str
    signal_id: str | None
    event: AlertEvent
    channel: str
    state: AlertState
    attempts: int
    created_at: str
    sent_at: str | None
    error: str | None
    payload: dict[str, Any]
    next_attempt: int = 0
