"""Carrying out one user's commands: one at a time, each claimed before anything is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from livermore.control.command import HIGHEST, Command
from livermore.control.lifecycle import Step
from livermore.control.limits import deadline, seen_through
from livermore.control.outcome import (
    CUT_SHORT,
    Outcome,
    failure_of,
    outcome_of,
    too_slow,
)
from livermore.control.queue import Queue, Turn
from livermore.control.registry import Call, Job
from livermore.control.reporter import Reporter
from livermore.control.rest import rest, within
from livermore.control.scribe import Ground, Patience, Scribe
from livermore.control.working import STOPPED, Working
from livermore.kernel.errors import NotFoundError, RateLimitedError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope

UNWRITTEN = 0.25
"""A command that has waited for so many seconds has its acknowledgement written down while it waits."""
PATIENCE, GRACE = 5.0, 1.0
"""At the end, so many seconds are given to a handler that is changing something, and to be written down."""
WAITING, JOBS = 10_000, 100
"""So many commands of one user are kept in memory (the journal keeps the others), and so many jobs run.

For pause and resume there is as much room again, so that they overtake whatever crowd.
"""
TURN = 1.0
"""A handler that holds its turn for longer (seconds) is named in the log."""
UNKNOWN = failure_of(NotFoundError("there is no such command"))
CROWDED = failure_of(RateLimitedError(f"{JOBS} jobs are under way", hint="wait until some have ended"))
log = logger("control")


class Executor:
    """Take a user's commands by priority, then arrival, and run each handler to the end of its turn.

    A job that a handler leaves behind goes on beside the turns of others. There are tasks only while there
    is work; `idle` is called when there is none any more.
    """

    def __init__(self, scope: Scope, ground: Ground, idle: Callable[[], None]) -> None:
        self._scope = scope
        self._ground = ground
        self._idle = idle
        self._ending = asyncio.Event()
        self._scribe = Scribe(scope, ground, self._ending)
        self._queue = Queue()
        self._hands: set[str] = set()
        self._jobs: dict[str, Working] = {}
        self._handler: asyncio.Task[Any] | None = None
        self._taking = self._noting = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def depth(self) -> int:
        """Return how many commands wait."""
        return len(self._queue)

    @property
    def is_idle(self) -> bool:
        """Say whether nothing is under way."""
        return not self._tasks

    def knows(self, command_id: str) -> bool:
        """Say whether a command waits here or is being carried out."""
        return command_id in self._queue or command_id in self._hands

    def put(self, turn: Turn) -> None:
        """Let a command wait for its turn, unless it is known; what finds no room is left to the journal."""
        room = WAITING if turn.priority >= HIGHEST else 2 * WAITING
        if self._ending.is_set() or self.knows(turn.id) or len(self._queue) >= room:
            return
        self._queue.put(turn)
        if not self._taking:
            self._taking = True
            self._run(self._take())
        elif not self._noting:
            self._noting = True
            self._run(self._note())

    def cancel_jobs(self, why: str) -> int:
        """Cancel every job for a reason, waiting for none; return how many they were."""
        return sum(job.cut_off(why) for job in self._jobs.values())

    async def stop(self) -> None:
        """End: what waits stays in the journal, jobs are cancelled, a handler may finish its turn."""
        self._ending.set()
        self.cancel_jobs(STOPPED)
        if not await self._ended(PATIENCE) and self._handler is not None:
            self._handler.cancel()
        if not await self._ended(GRACE):
            log.error("a command does not end", whose=self._scope.identity_sub)

    async def _ended(self, seconds: float) -> bool:
        """Wait until nothing runs any more; say whether that is so."""
        clock = self._ground.clock
        deadline = clock.monotonic() + seconds
        while self._tasks and (left := deadline - clock.monotonic()) > 0:
            await within(clock, left, asyncio.wait(set(self._tasks)))
        return not self._tasks

    # ---------------------------------------------------------------- one after the other

    async def _take(self) -> None:
        """Serve turns until none waits; while the journal is away, all of them wait."""
        patience = Patience(self._ground.clock, self._ending)
        while not self._ending.is_set() and (turn := self._queue.take()) is not None:
            self._hands.add(turn.id)
            try:
                await self._serve(turn)
                patience.renew()
            except TransientError as error:
                log.warning("commands wait", error=str(error))
                self._hands.discard(turn.id)
                self._queue.put(turn)
                await patience.wait()
            except Exception:
                # The poll of the journal finds it again, where it may be sound by then.
                log.exception("a command could not be started", command=turn.id)
                self._hands.discard(turn.id)
        self._taking = False

    async def _serve(self, turn: Turn) -> None:
        """Claim a command and run its handler, or answer what has become of it.

        Raises TransientError if it is not known to be claimed: then nothing has been done.
        """
        command, granted = await self._scribe.claim(turn)
        if command is not None and granted:
            self._ground.voice.answer(self._scope, command)
            await self._carry_out(command)
            return
        self._hands.discard(turn.id)
        if command is None:
            self._ground.voice.refuse(self._scope, turn.id, UNKNOWN)
        elif not command.is_open:
            self._ground.voice.answer(self._scope, command)

    async def _carry_out(self, command: Command) -> None:
        ground = self._ground
        reporter = Reporter(self._scope, command, ground.journal, ground.voice, ground.clock)
        outcome: Outcome | Job = Outcome(Step.FAIL, error=CROWDED)
        # Refused with its job alone, a handler would have changed something that is said to have failed.
        if len(self._jobs) < JOBS or command.priority < HIGHEST:
            outcome = await self._turn(command, reporter)
        if isinstance(outcome, Job):
            self._leave(outcome, command, reporter)
        else:
            await self._finish(command, reporter, outcome)

    async def _turn(self, command: Command, reporter: Reporter) -> Outcome | Job:
        """Run a handler to the end of its turn."""
        clock, limit = self._ground.clock, self._ground.registry.limits(command.type).turn
        before = clock.monotonic()
        self._handler = handler = asyncio.create_task(self._handle(command, reporter))
        in_time = await seen_through(handler, deadline(limit))
        self._handler = None
        if (held := clock.monotonic() - before) > TURN:
            log.warning("a command held up all others", command=command.type, seconds=round(held, 1))
        error = CUT_SHORT if in_time else too_slow(limit, "in which all others waited")
        return outcome_of(handler, Outcome(Step.FAIL, error=error))

    async def _handle(self, command: Command, reporter: Reporter) -> Any:
        registry = self._ground.registry
        payload = registry.read(command.type, command.payload, command.role)
        call = Call(self._scope, command, payload, reporter.report)
        return await registry.entry(command.type).handler(call)

    async def _finish(self, command: Command, reporter: Reporter, outcome: Outcome) -> None:
        """Write down how a command has ended, then say it."""
        await reporter.close()
        try:
            ended = await self._scribe.finish(command, outcome)
        finally:
            self._hands.discard(command.id)
        if ended is not None:
            self._ground.voice.answer(self._scope, ended)

    # ---------------------------------------------------------------- beside the turns

    def _leave(self, job: Job, command: Command, reporter: Reporter) -> None:
        """Let a job go on while others have their turn."""
        self._jobs[command.id] = working = Working(job)
        self._run(self._see_through(working, command, reporter))
        if self._ending.is_set():
            working.cut_off(STOPPED)

    async def _see_through(self, working: Working, command: Command, reporter: Reporter) -> None:
        limit = self._ground.registry.limits(command.type).job
        in_time = await seen_through(working.task, lambda: limit - reporter.still_for())
        del self._jobs[command.id]
        slow = None
        if not in_time:
            slow = Outcome(Step.FAIL, error=too_slow(limit, "without getting any further"))
        await self._finish(command, reporter, working.outcome(slow))

    async def _note(self) -> None:
        """Write down the acknowledgement of what has to wait; what starts soon has it written then."""
        noted: set[str] = set()
        while self._queue and not self._ending.is_set():
            await rest(self._ground.clock, UNWRITTEN, self._ending)
            for turn in self._queue.waiting():
                if turn.acknowledged_at is not None and turn.id not in noted and turn.id in self._queue:
                    noted.add(turn.id)
                    await self._acknowledge(turn)
        self._noting = False

    async def _acknowledge(self, turn: Turn) -> None:
        command = await self._scribe.acknowledge(turn)
        if command is not None and turn.id in self._queue:
            self._ground.voice.tell(self._scope, command)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._has_ended)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("what carries commands out has ended", exc_info=error)
        if not self._tasks:
            self._idle()
