"""Receiving the commands of every user whose runtime is in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple

from livermore.control.audit import expired
from livermore.control.command import Command, Failure
from livermore.control.executor import Executor
from livermore.control.intake import Arrival, Author, Authors, Intake, presentable
from livermore.control.lifecycle import WAITING, Status, Step
from livermore.control.outcome import ORPHANED, failure_of
from livermore.control.ports import Accepted, Facts, Journal, Waiting
from livermore.control.queue import LAST, Turn
from livermore.control.registry import Registry
from livermore.control.rest import rest, within
from livermore.control.scribe import Ground, Lease
from livermore.control.switchboard import Line, Switchboard
from livermore.control.traces import NO_REVISIONS, Revisions, Traces
from livermore.control.voice import Voice
from livermore.control.wire import (
    COMMANDS,
    Message,
    UnreadableMessageError,
    check_age,
    command_channel,
    read_command,
)
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError, LivermoreError, NotAllowedError, TransientError
from livermore.kernel.events import EventBus
from livermore.kernel.ids import new_id
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health

__all__ = ["Author", "Authors", "Receiver"]

APART = 1.0
"""So often (seconds) the journal is asked for commands whose message was lost."""
JOINING = 1.0
"""Whoever hosts users waits for so many seconds for their channels; the bus joins them later, too."""
AT_ONCE = 100
"""So many dead commands are buried before the journal is asked for living ones again."""
YOUNG = 500
"""The message of a command that is younger (ms) may still come."""
PARTING = 2.0
"""At the end, answers are given so many seconds to go out."""
FORGED = failure_of(NotAllowedError("this is another user's channel", where="identitySub"))
log = logger("control")


class Desk(NamedTuple):
    """What there is of a user while something is under way."""

    executor: Executor
    intake: Intake


class Receiver:
    """Acknowledge what comes in, let each user's executor carry it out, and find what was lost.

    A user who is hosted costs an entry in a dictionary; what works for him is made when something comes.
    """

    name = "commands"

    def __init__(
        self, switchboard: Switchboard, journal: Journal, registry: Registry, authors: Authors,
        *, events: EventBus, clock: Clock, runner: str, revisions: Revisions = NO_REVISIONS,
    ) -> None:  # fmt: skip
        """Name what commands have stored in `revisions` when they are cut off."""
        self._switchboard = switchboard
        self._journal = journal
        self._authors = authors
        self._clock = clock
        self._voice = Voice(switchboard, events, clock)
        self._traces = Traces(revisions)
        self._ground = Ground(journal, registry, self._voice, clock, runner, Lease(), self._traces)
        self._line = Line(COMMANDS, self._heard, self._look_at_once)
        self._hosted: dict[str, Scope] = {}
        self._desks: dict[str, Desk] = {}
        self._hurry = asyncio.Event()
        self._polling = Background(self._poll)

    # ---------------------------------------------------------------- whose commands

    async def start(self) -> None:
        """Begin to receive for those who are hosted, now and later, and for who was at the last stop."""
        if self._hosted:
            await self.host(list(self._hosted.values()))
        self._switchboard.connect(self._line)
        self._polling.start()

    async def stop(self) -> None:
        """Receive nothing more until the next start, and end what is under way for everybody."""
        await self._polling.stop()
        await self._let_go(list(self._hosted))
        self._switchboard.disconnect(self._line)
        await self._voice.finish(PARTING)

    def health(self) -> Health:
        """Say whether lost commands are looked for."""
        return self._polling.health()

    async def host(self, scopes: Collection[Scope]) -> None:
        """Receive these users' commands; return once their channels are heard, or soon if the bus is away.

        What the journal holds waits for its turn before anything new comes in; while the bus is away,
        commands are found there.
        """
        channels = {command_channel(scope.identity_sub): scope for scope in scopes}
        self._hosted |= channels
        try:
            await self._find(young=0)
        except LivermoreError as error:
            log.warning("the journal could not be asked for what waits", error=str(error))
        except Exception:
            # One command that cannot be read must not leave all users unheard.
            log.exception("the journal could not be asked for what waits")
        self._look_at_once()
        joining = asyncio.ensure_future(self._switchboard.join(channels.keys()))
        if await within(self._clock, JOINING, joining):
            joining.result()

    async def release(self, scopes: Collection[Scope]) -> None:
        """Receive these users' commands no more; return once nothing is done for them."""
        channels = [command_channel(scope.identity_sub) for scope in scopes]
        for channel in channels:
            self._hosted.pop(channel, None)
        await self._let_go(channels)

    def leased(self, until: int | None) -> None:
        """Begin nothing at or after a time (ms UTC), for others may act for the users then; None: no end."""
        self._ground.lease.until = until

    def cancel_jobs(self, scope: Scope, why: str) -> int:
        """Cancel a user's jobs for a reason, waiting for no end of them; return how many they were."""
        desk = self._desks.get(command_channel(scope.identity_sub))
        return desk.executor.cancel_jobs(why) if desk is not None else 0

    def depth(self, scope: Scope) -> int:
        """Return how many of a user's commands wait for their turn."""
        desk = self._desks.get(command_channel(scope.identity_sub))
        return desk.executor.depth if desk is not None else 0

    async def _let_go(self, channels: Sequence[str]) -> None:
        await asyncio.gather(*map(self._close, channels))
        await self._switchboard.leave(channels)

    async def _close(self, channel: str) -> None:
        desk = self._desks.get(channel)
        if desk is not None:
            await desk.intake.stop()
            await desk.executor.stop()
            self._tidy(channel)

    def _desk(self, channel: str, scope: Scope) -> Desk:
        """Return what works for a user, made when it is needed and gone when it is idle."""
        desk = self._desks.get(channel)
        if desk is None:
            idle = partial(self._tidy, channel)
            intake = Intake(scope, self._ground, self._authors, self._taken, idle)
            desk = self._desks[channel] = Desk(Executor(scope, self._ground, idle), intake)
        return desk

    def _tidy(self, channel: str) -> None:
        """Forget what works for a user once nothing is under way; until then nobody takes its place."""
        desk = self._desks.get(channel)
        if desk is not None and desk.executor.is_idle and desk.intake.is_idle:
            del self._desks[channel]

    # ---------------------------------------------------------------- what is published

    def _heard(self, channel: str, raw: bytes) -> None:
        """Take a message in: acknowledge a journalled one before anything else is done."""
        scope = self._hosted.get(channel)
        if scope is None:
            return
        now = self._clock.now()
        arrival = self._read(scope, raw, now)
        message = arrival.message
        if message is not None and message.journalled and arrival.failure is None:
            self._voice.acknowledge(scope, arrival.id)
            priority = message.priority or self._ground.registry.priority(message.type)
            number = LAST if message.number is None else message.number
            self._desk(channel, scope).executor.put(Turn(priority, number, arrival.id, now))
        else:
            self._desk(channel, scope).intake.put(arrival)

    def _read(self, scope: Scope, raw: bytes, now: int) -> Arrival:
        """Read a message, and say what is wrong with it."""
        try:
            message = read_command(raw)
        except UnreadableMessageError as error:
            found = error.found
            return Arrival(found.id or new_id(), presentable(found.type), now, 0, None, failure_of(error))
        fault = _fault(scope, message, now)
        return Arrival(message.correlation_id.lower(), message.type, now, len(raw), message, fault)

    def _taken(self, scope: Scope, accepted: Accepted) -> None:
        """Go on with a message that has been written down; a repeat is told the first outcome."""
        command = accepted.command
        if not command.is_open:
            self._voice.answer(scope, command)
            return
        if not accepted.repeated:
            self._voice.tell(scope, command)
        self._welcome(scope, command)

    def _welcome(self, scope: Scope, command: Command) -> None:
        """Acknowledge a command that the journal holds, and let it wait for its turn."""
        overdue = command.status in WAITING and command.is_overdue(self._clock.now())
        if not overdue:
            self._voice.acknowledge(scope, command.id)
        channel = command_channel(scope.identity_sub)
        if command.status in WAITING and channel in self._hosted:
            acknowledged_at = None if overdue else command.acknowledged_at or self._clock.now()
            turn = Turn(command.priority, command.number, command.id, acknowledged_at)
            self._desk(channel, scope).executor.put(turn)

    # ---------------------------------------------------------------- what was lost

    def _look_at_once(self) -> None:
        self._hurry.set()

    async def _poll(self) -> None:
        """Ask the journal again and again for what nobody has told us."""
        while True:
            await rest(self._clock, APART, self._hurry)
            self._hurry.clear()
            if self._ground.lease.has_ended(self._clock.now()):
                continue  # what runs elsewhere is no more ours to end than to begin
            try:
                await self._bury(await self._find(YOUNG))
            except TransientError as error:
                log.debug("the journal could not be asked for lost commands", error=str(error))
            except Exception:
                log.exception("lost commands could not be looked for")

    async def _find(self, young: int) -> list[Waiting]:
        """Take in what waits unknown to us, but not what is younger (ms), which may still be told us.

        Returns what can never be carried out any more.
        """
        lost = [one for one in await self._journal.open() if self._is_lost(*one)]
        now, dead = self._clock.now(), []
        for scope, command in lost:
            if command.status is Status.RUNNING or command.is_overdue(now):
                dead.append(Waiting(scope, command))
            elif not 0 <= now - command.submitted_at < young:
                self._welcome(scope, command)
        return dead

    async def _bury(self, dead: Sequence[Waiting]) -> None:
        """End what a process that is gone has left running, and what is overdue; say so."""
        for scope, command in dead[:AT_ONCE]:
            now, step, error = self._clock.now(), Step.EXPIRE, None
            if command.status is Status.RUNNING:
                step, error = Step.FAIL, await self._traces.told(scope, command, ORPHANED)
            facts = Facts(at=now, error=error or expired(now, command.submitted_at))
            ended = await self._journal.step(scope, command.id, step, facts)
            if ended is not None:
                self._voice.answer(scope, ended)
        if len(dead) > AT_ONCE:
            self._look_at_once()

    def _is_lost(self, scope: Scope, command: Command) -> bool:
        """Say whether a command is ours, and nobody here knows it."""
        channel = command_channel(scope.identity_sub)
        desk = self._desks.get(channel)
        return channel in self._hosted and (desk is None or not desk.executor.knows(command.id))


def _fault(scope: Scope, message: Message, now: int) -> Failure | None:
    """Say what is wrong with a message beyond its form."""
    if message.identity_sub is not None and message.identity_sub != scope.identity_sub:
        return FORGED
    try:
        check_age(message.timestamp, now)
    except InvalidError as error:
        return None if message.journalled else failure_of(error)
    return None
