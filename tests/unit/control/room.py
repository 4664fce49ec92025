"""A control room on a real journal: a door, a runtime that obeys, and everything that was done and said."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self
from uuid import uuid4

from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.memory.command_bus import MemoryCommandBus, Wire
from livermore.adapters.sql import Database, SqlJournal
from livermore.control.channel import Channel
from livermore.control.command import Command, Progress
from livermore.control.lifecycle import Status
from livermore.control.limits import Limits
from livermore.control.ports import CommandBus, Journal
from livermore.control.receiver import Author, Receiver
from livermore.control.registry import Call, Job, Nothing, Payload, Registry
from livermore.control.switchboard import Switchboard
from livermore.control.traces import NO_REVISIONS, Revisions
from livermore.control.wire import command_channel, response_channel
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ConflictError
from livermore.kernel.events import Event
from livermore.kernel.scope import Scope

PATIENCE = 20.0
BRIEF = Limits(turn=0.02)
BRIEFLY = Limits(job=0.02)


class Noted(Payload, frozen=True, kw_only=True):
    """What is noted; work is held up until the gate `behind` is opened."""

    mark: str
    behind: str | None = None


class Deeds:
    """Handlers that note what they do, and gates that hold them up."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun: list[str] = []
        self.at_once = self.most_at_once = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.calls: list[Call] = []

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    def registry(self) -> Registry:
        registry = Registry()
        registry.register("pause", Nothing, self.pause, priority=1, about="Pause.")
        registry.register("soon", Noted, self.note, priority=10, about="Note something soon.")
        registry.register("note", Noted, self.note, priority=20, about="Note something.")
        registry.register("job", Noted, self.job, priority=20, about="Note something in a job.")
        registry.register("standing-job", Noted, self.standing, priority=20, about="Note what stands.")
        registry.register("mute-job", Noted, self.mute, priority=20, about="Be unable to say what stands.")
        registry.register("hang", Noted, self.note, priority=20, about="Hang.", limits=BRIEF)
        registry.register("hang-on", Noted, self.heedless, priority=20, about="Hang on.", limits=BRIEF)
        registry.register("hanging-job", Noted, self.job, priority=20, about="Hang later.", limits=BRIEFLY)
        registry.register("refuse", Nothing, self.refuse, priority=20, about="Refuse.")
        registry.register("break", Nothing, self.fault, priority=20, about="Break down.")
        registry.register("master", Nothing, self.pause, priority=20, about="Obey masters.", role="admin")
        return registry.seal()

    async def note(self, call: Call) -> dict[str, str]:
        self.calls.append(call)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self._work(call.payload)
        finally:
            self.at_once -= 1
        return {"noted": call.payload.mark}

    async def heedless(self, call: Call) -> None:
        """Go on although cancelled, until the gate is opened."""
        working = asyncio.ensure_future(self.note(call))
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(working)

    async def _work(self, payload: Noted) -> None:
        self.begun.append(payload.mark)
        await asyncio.sleep(0)
        if payload.behind is not None:
            await self.gate(payload.behind).wait()
        self.done.append(payload.mark)

    async def pause(self, call: Call) -> None:
        self.calls.append(call)
        self.done.append(call.command.type)

    async def job(self, call: Call) -> Job:
        async def work() -> dict[str, str]:
            call.progress(Progress(done=0, total=1, message="begun"))
            await self._work(call.payload)
            call.progress(Progress(done=1, total=1, message="all but done"))
            return {"noted": call.payload.mark}

        return Job(work)

    async def standing(self, call: Call) -> Job:
        """Leave a job behind of which something stands from its beginning on."""
        job = await self.job(call)
        return Job(job.work, lambda why: {"noted": call.payload.mark, "waits_for": why})

    async def mute(self, call: Call) -> Job:
        """Leave a job behind that breaks down when it is asked what stands."""
        return Job((await self.job(call)).work, json.loads)

    async def refuse(self, call: Call) -> None:
        raise ConflictError("it is paused", where="runtime", hint="resume it")

    async def fault(self, call: Call) -> None:
        raise RuntimeError("the password is swordfish")


class Room:
    """One process: everything between a door and the handlers, for users who are hosted here."""

    def __init__(
        self, journal: Journal, clock: Clock, scope: Scope, bus: CommandBus, ear: CommandBus,
        *, runner: str = "", deeds: Deeds | None = None, revisions: Revisions = NO_REVISIONS,
    ) -> None:  # fmt: skip
        self.journal, self.clock, self.scope, self.ear = journal, clock, scope, ear
        self.deeds = deeds or Deeds()
        self.events = MemoryBus()
        self.heard: list[dict[str, Any]] = []
        self.author = Author("Jesse", "operator")
        registry = self.deeds.registry()
        self.switchboard = Switchboard(bus)
        self.receiver = Receiver(
            self.switchboard, journal, registry, self.find_author,
            events=self.events, clock=clock, runner=runner or str(uuid4()), revisions=revisions,
        )  # fmt: skip
        self.channel = Channel(self.switchboard, journal, registry, events=self.events, clock=clock)
        self.told: list[Event] = []

    async def find_author(self, scope: Scope) -> Author:
        return self.author

    async def __aenter__(self) -> Self:
        await self.ear.start(self._hear, lambda: None)
        await self.ear.join([response_channel(self.scope.identity_sub)])
        await self.switchboard.start()
        await self.receiver.start()
        await self.receiver.host([self.scope])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.receiver.stop()
        await self.switchboard.stop()
        await self.ear.stop()

    def _hear(self, _: str, message: bytes) -> None:
        self.heard.append(json.loads(message))

    # ------------------------------------------------------------ asking

    async def submit(self, name: str = "note", *, behind: str | None = None, **more: Any) -> Command:
        """Submit a command as an operator; `mark` is its payload's."""
        mark = more.pop("mark", None)
        payload = more.pop("payload", None)
        if payload is None:
            payload = {} if mark is None else {"mark": mark} | ({"behind": behind} if behind else {})
        asked = {"author": "Jesse", "role": "operator", "source": "api"} | more
        return await self.channel.submit(self.scope, name, payload, **asked)

    async def ask(self, name: str = "note", **more: Any) -> Command:
        """Submit a command and wait for its end."""
        command = await self.submit(name, **more)
        return await self.channel.wait(self.scope, command.id, PATIENCE)

    async def publish(self, message: Any, *, scope: Scope | None = None) -> None:
        """Publish a message as any program may that speaks to the bus."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.ear.publish(command_channel((scope or self.scope).identity_sub), raw)

    def message(self, name: str = "note", **fields: Any) -> dict[str, Any]:
        """Write a raw message."""
        payload = {"mark": "raw"} if name in {"note", "soon", "job"} else {}
        usual = {
            "correlationId": str(uuid4()),
            "type": name,
            "timestamp": self.clock.now(),
            "payload": payload,
        }
        return usual | fields

    # ------------------------------------------------------------ looking

    def said(self, command_id: str) -> list[str]:
        """Return the statuses of the answers to one command."""
        return [answer["status"] for answer in self.heard if answer["correlationId"] == command_id]

    async def answer(self, command_id: str, status: str) -> dict[str, Any]:
        """Wait for an answer to a command."""

        def found() -> dict[str, Any] | None:
            mine = (answer for answer in self.heard if answer["correlationId"] == command_id)
            return next((answer for answer in mine if answer["status"] == status), None)

        await until(lambda: found() is not None)
        return found() or {}

    async def stands(self, command_id: str) -> Command:
        """Return a command as the journal has it."""
        found = await self.journal.get(self.scope, command_id, self.clock.now())
        assert found is not None
        return found

    async def reaches(self, command_id: str, status: Status) -> Command:
        """Wait until a command has a status."""
        while (command := await self.stands(command_id)).status is not status:
            await asyncio.sleep(0.002)
        return command

    async def history(self) -> list[Command]:
        """Return all commands, oldest first."""
        page = await self.journal.history(self.scope, self.clock.now(), limit=1_000)
        return page.commands[::-1]


async def until(look: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not look():
            await asyncio.sleep(0.002)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SqlJournal]:
    """Open a journal."""
    database = Database(url)
    journal = SqlJournal(database)
    try:
        yield journal
    finally:
        await journal.close()
        await database.close()


def buses() -> tuple[MemoryCommandBus, MemoryCommandBus]:
    """Return two ends of one wire."""
    wire = Wire()
    return MemoryCommandBus(wire), MemoryCommandBus(wire)
