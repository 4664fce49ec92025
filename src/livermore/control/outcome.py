"""How a handler's work has ended."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec

from livermore.control.command import Failure
from livermore.control.lifecycle import Step
from livermore.control.registry import Job
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger, redacted

UNFORESEEN = Failure(code="internal", detail="something went wrong inside Livermore; its log says what")
CUT_SHORT = Failure(code="internal", detail="Livermore was stopped before this was done")
CANCELLED = Failure(code="cancelled", detail="it was cancelled before it was done")
ORPHANED = Failure(code="internal", detail="the process that ran it has ended")
log = logger("control")


def too_slow(seconds: float, what: str) -> Failure:
    """Say that a command was cut off after so many seconds of something."""
    return Failure(
        code="internal", detail=f"it was cut off after {seconds:g} s {what}; what it has done stays"
    )


class Outcome(NamedTuple):
    """The step that ends a command, and what comes with it."""

    step: Step
    result: Any = None
    error: Failure | None = None


def failure_of(error: LivermoreError) -> Failure:
    """Say in a code and words why something could not be done; never more than may be told abroad."""
    said = error.abroad if error.abroad is not None else str(error)
    return Failure(code=error.code, detail=redacted(f"{said}; {error.hint}" if error.hint else said))


def outcome_of(work: asyncio.Task[Any], cut_short: Outcome) -> Outcome | Job:
    """Return how work has ended, which is `cut_short` if somebody cancelled it, or the job that it leaves.

    What goes on although it was cancelled counts as cancelled.
    """
    if not work.done() or work.cancelled():
        return cut_short
    error = work.exception()
    if isinstance(error, LivermoreError):
        return Outcome(Step.FAIL, error=failure_of(error))
    if error is not None:
        log.error("a command has met a fault of ours", exc_info=error)
        return Outcome(Step.FAIL, error=UNFORESEEN)
    result = work.result()
    return result if isinstance(result, Job) else succeeded(result)


def succeeded(result: Any) -> Outcome:
    """Write a result as plain JSON values, so that whoever reads it sees the same everywhere."""
    try:
        return Outcome(Step.SUCCEED, result=msgspec.json.decode(msgspec.json.encode(result)))
    except (TypeError, ValueError, OverflowError, RecursionError):
        log.exception("a command's result is not JSON")
        return Outcome(Step.FAIL, error=UNFORESEEN)
