"""Writing down what becomes of one user's commands, however long the journal is away."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from livermore.control.command import Command
from livermore.control.lifecycle import Status, Step, destination
from livermore.control.outcome import UNFORESEEN, Outcome
from livermore.control.ports import Facts, Journal
from livermore.control.queue import Turn
from livermore.control.registry import Registry
from livermore.control.rest import rest
from livermore.control.traces import Traces
from livermore.control.voice import Voice
from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope

SOONEST, LATEST = 0.05, 1.0
"""Seconds before the journal is tried again: at first, and at most."""
log = logger("control")


class Lease:
    """Until when (ms UTC) this process may act for its users; None: for as long as it lives."""

    def __init__(self) -> None:
        self.until: int | None = None

    def has_ended(self, now: int) -> bool:
        """Say whether other processes may have the users now."""
        return self.until is not None and now >= self.until


class Ground(NamedTuple):
    """What every executor of a process works with; `runner` names the process, and no other one ever."""

    journal: Journal
    registry: Registry
    voice: Voice
    clock: Clock
    runner: str
    lease: Lease
    traces: Traces


class Patience:
    """Wait for what is away, longer from time to time, and no longer than until the end."""

    def __init__(self, clock: Clock, ending: asyncio.Event) -> None:
        self._clock = clock
        self._ending = ending
        self._pause = SOONEST

    async def wait(self) -> None:
        """Wait before the next attempt."""
        await rest(self._clock, self._pause, self._ending)
        self._pause = min(2 * self._pause, LATEST)

    def renew(self) -> None:
        """Begin with short waits again."""
        self._pause = SOONEST


class Claim(NamedTuple):
    """A command as it stands, None if there is none, and whether it is ours to carry out."""

    command: Command | None
    granted: bool


class Scribe:
    """Take the steps of a user's commands in the journal."""

    def __init__(self, scope: Scope, ground: Ground, ending: asyncio.Event) -> None:
        self._scope = scope
        self._ground = ground
        self._ending = ending
        self._doubtful: set[str] = set()

    async def claim(self, turn: Turn) -> Claim:
        """Mark a command as running here, if nobody has claimed it and it is in time.

        Raises TransientError if the outcome is not known; then another attempt finds out.
        """
        now = self._ground.clock.now()
        if self._ground.lease.has_ended(now):
            # This process may have stood still for so long that another one serves the user.
            raise TransientError("the lease on this user has ended")
        facts = Facts(at=now, runner=self._ground.runner, acknowledged_at=turn.acknowledged_at)
        doubtful = turn.id in self._doubtful
        self._doubtful.add(turn.id)
        started = await self._ground.journal.step(self._scope, turn.id, Step.START, facts)
        found = started or await self._ground.journal.get(self._scope, turn.id, now)
        self._doubtful.discard(turn.id)
        # An attempt of which we did not hear may have succeeded: nobody else claims in our name.
        return Claim(found, started is not None or (doubtful and self._runs_here(found)))

    def _runs_here(self, command: Command | None) -> bool:
        ours = (Status.RUNNING, self._ground.runner)
        return command is not None and (command.status, command.runner) == ours

    async def acknowledge(self, turn: Turn) -> Command | None:
        """Write down when a waiting command was acknowledged; None if it waits no more."""
        at = turn.acknowledged_at or self._ground.clock.now()
        try:
            facts = Facts(at=at, acknowledged_at=at)
            return await self._ground.journal.step(self._scope, turn.id, Step.ACKNOWLEDGE, facts)
        except LivermoreError as error:
            log.debug("an acknowledgement was not written down", error=str(error))
            return None

    async def finish(self, command: Command, outcome: Outcome) -> Command | None:
        """Write down how a command has ended; what cannot be written down ends as a failure.

        Returns None when somebody else has ended it, or when the end of the process came first.
        """
        at, patience = self._ground.clock.now(), Patience(self._ground.clock, self._ending)
        while True:
            try:
                return await self._end(command, outcome, at)
            except TransientError as error:
                log.warning("an outcome waits for the journal", command=command.id, error=str(error))
                if self._ending.is_set():
                    return None
                await patience.wait()
            except Exception:
                log.exception("an outcome cannot be written down", command=command.id)
                if outcome.step is Step.FAIL:
                    return None
                outcome = Outcome(Step.FAIL, error=UNFORESEEN)

    async def _end(self, command: Command, outcome: Outcome, at: int) -> Command | None:
        """Take the last step, or find that an earlier attempt, of which we did not hear, has taken it."""
        error = outcome.error
        if error is not None:
            error = await self._ground.traces.told(self._scope, command, error)
        facts = Facts(at=at, result=outcome.result, error=error)
        ended = await self._ground.journal.step(self._scope, command.id, outcome.step, facts)
        if ended is not None:
            return ended
        found = await self._ground.journal.get(self._scope, command.id, at)
        if found is not None and (found.status, found.finished_at) == (destination(outcome.step), at):
            return found
        log.warning("a command was ended elsewhere", command=command.id)
        return None
