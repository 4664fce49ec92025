"""Structured logging: console lines for people, JSON lines for machines."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any, Literal, cast

import structlog

LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}


def set_up_logging(level: str = "info", form: Literal["console", "json"] = "console") -> None:
    """Send structured log lines to standard error at a level named as in the settings."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _StandardError(),
    )


class _StandardError:
    """Write lines to standard error as it is now; one that cannot be written stops nothing."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    log = debug = info = warn = warning = error = critical = exception = msg


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one room."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(room=room))
