"""A job that goes on beside the turns of others, and what is said of it when it is cut off."""

from __future__ import annotations

import asyncio
from typing import Any

from livermore.control.lifecycle import Step
from livermore.control.outcome import CANCELLED, UNFORESEEN, Outcome, outcome_of, succeeded
from livermore.control.registry import Job
from livermore.kernel.log import logger

STOPPED = "the runtime does not run"
log = logger("control")


class Working:
    """A job at work."""

    def __init__(self, job: Job) -> None:
        self.task: asyncio.Task[Any] = asyncio.create_task(_work(job))
        self._job = job
        self._why: str | None = None

    def cut_off(self, why: str) -> bool:
        """Cancel it, without waiting for its end; say whether there was anything left to cancel."""
        self._why = self._why or why
        return self.task.cancel()

    def outcome(self, cut_short: Outcome | None) -> Outcome:
        """Return how it has ended: as `cut_short` where that is given and it had not ended by itself.

        What was cut off for a reason, and stands already, has succeeded, and says for what it waits.
        """
        outcome = outcome_of(self.task, cut_short or self._cut_off())
        if isinstance(outcome, Job):
            log.error("a job has left a job behind")
            return Outcome(Step.FAIL, error=UNFORESEEN)
        return outcome

    def _cut_off(self) -> Outcome:
        try:
            said = None if self._why is None else self._job.so_far(self._why)
        except Exception:
            log.exception("a job cannot say what stands")
            return Outcome(Step.FAIL, error=UNFORESEEN)
        return Outcome(Step.CANCEL, error=CANCELLED) if said is None else succeeded(said)


async def _work(job: Job) -> Any:
    return await job.work()
