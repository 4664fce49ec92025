"""Structured logging: console lines for people, JSON lines for machines, and no secrets in either."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, cast
from urllib.parse import quote

import structlog

LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
HIDDEN = "***"
SHORTEST_SECRET = 6  # a shorter value would be found in many a word
SHORTEST_LINE = 16  # of a secret of several lines, such as a PEM
# None of them takes a backslash along: in a line of JSON it belongs to the sign behind it.
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r'-----BEGIN[^"]*?(?:-----END[A-Z0-9 ]*-----|(?=\\*")|\Z)', HIDDEN),
        (r"\b(?i:(bearer|basic))\s+[\w.~+/=-]{6,}", rf"\1 {HIDDEN}"),
        (r"\blvm_[\w-]{6,}", HIDDEN),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", HIDDEN),
        (r"(://[^/\s:@\"'\\]*):[^/\s@\"'\\]+@", rf"\1:{HIDDEN}@"),
        (
            r"(?<![A-Za-z0-9])((?i:[a-z_]*token|signature|secret|password|jwt)=)[^&\s\"'#;,)\\]+",
            rf"\1{HIDDEN}",
        ),
    )
)
_concealed: set[str] = set()


def conceal(*variables: str) -> None:
    """Let no log line hold the value of an environment variable, of whatever time it is."""
    _concealed.update(variables)


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text with `***` for every concealed value, and for whatever looks like a secret."""
    values = {environment.get(name, "").strip() for name in _concealed}
    forms = {form for value in values if len(value) >= SHORTEST_SECRET for form in _forms(value)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _forms(value: str) -> Iterator[str]:
    """Yield a secret as it may be written: plain, represented, in JSON, in an address, line by line."""
    for written in (value, repr(value)[1:-1]):
        yield written
        yield json.dumps(written)[1:-1]
    yield quote(value, safe="")
    lines = value.replace("\\n", "\n").split("\n")
    yield from (line.strip() for line in lines if len(line.strip()) >= SHORTEST_LINE)


def set_up_logging(level: str = "info", form: Literal["console", "json"] = "console") -> None:
    """Send structured log lines to standard error at a level named as in the settings.

    What libraries log of themselves goes the same way.
    """
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
            _redact_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _StandardError(),
    )
    if _LIBRARIES not in logging.root.handlers:
        logging.root.addHandler(_LIBRARIES)


def _redact_line(_: Any, __: str, line: Any) -> str:
    """Redact what was rendered: nothing is written that was not looked at, whatever it was made of."""
    return redacted(str(line))


class _StandardError:
    """Write lines to standard error as it is now; one that cannot be written stops nothing."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    log = debug = info = warn = warning = error = critical = exception = msg


class _Libraries(logging.Handler):
    """Hand on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one of our own lines."""
        with contextlib.suppress(Exception):  # a record that cannot be formatted stops nothing
            logger("library").log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
            )


_LIBRARIES: Final = _Libraries(logging.WARNING)


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one room."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(room=room))
