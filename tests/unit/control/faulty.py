"""A journal that is away when a test wants it: before it does something, or before it can say so."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from livermore.control.command import Command, NewCommand, Progress
from livermore.control.lifecycle import Step
from livermore.control.ports import Accepted, Facts, Journal, Page, Waiting
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.scope import Scope

Got = TypeVar("Got")
Lapse = Literal["before", "after", "never"]


class FaultyJournal:
    """Pass everything on to a journal, with the lapses that are set for methods and steps, and count."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.lapses: dict[str, list[Lapse]] = {}
        self.away = False
        self.calls: Counter[str] = Counter()

    async def _pass(self, name: str, work: Coroutine[Any, Any, Got]) -> Got:
        self.calls[name] += 1
        lapses = self.lapses.get(name)
        lapse = lapses.pop(0) if lapses else None
        if self.away or lapse == "before":
            work.close()
            raise StorageUnavailableError("the journal is away")
        if lapse == "never":
            work.close()
            await asyncio.Event().wait()
        answer = await work
        if lapse == "after":
            raise StorageUnavailableError("the journal is away")
        return answer

    async def accept(self, scope: Scope, command: NewCommand) -> Accepted:
        return await self._pass("accept", self._journal.accept(scope, command))

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Command | None:
        return await self._pass(step.value, self._journal.step(scope, command_id, step, facts))

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        await self._pass("progress", self._journal.progress(scope, command_id, progress))

    async def get(self, scope: Scope, command_id: str, now: int) -> Command | None:
        return await self._pass("get", self._journal.get(scope, command_id, now))

    async def history(self, scope: Scope, now: int, **wanted: Any) -> Page:
        return await self._pass("history", self._journal.history(scope, now, **wanted))

    async def open(self) -> list[Waiting]:
        return await self._pass("open", self._journal.open())

    async def close(self) -> None:
        await self._journal.close()
