"""Saying how far a command is, no more often than anybody wants to know."""

from __future__ import annotations

import asyncio

from livermore.control.command import Command, Progress
from livermore.control.ports import Journal
from livermore.control.rest import rest
from livermore.control.voice import Voice
from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope

APART = 0.5
"""Progress is written down and said at most once in so many seconds."""
log = logger("control")


class Reporter:
    """Write down and say the newest progress of one command; the last one always."""

    def __init__(self, scope: Scope, command: Command, journal: Journal, voice: Voice, clock: Clock) -> None:
        self._scope = scope
        self._command = command
        self._journal = journal
        self._voice = voice
        self._clock = clock
        self._newest: Progress | None = None
        self._reached: tuple[int, str] | None = None
        self._advanced_at = _now()
        self._closing = asyncio.Event()
        self._saying: asyncio.Task[None] | None = None

    def report(self, progress: Progress) -> None:
        """Take note of progress; it is said a moment later, unless newer has come until then."""
        if self._closing.is_set():
            return
        if (reached := (progress.done, progress.message)) != self._reached:
            self._reached, self._advanced_at = reached, _now()
        self._newest = progress
        if self._saying is None:
            self._saying = asyncio.create_task(self._say())

    def still_for(self) -> float:
        """Return for how many seconds it has not got any further; when it is done is no progress."""
        return _now() - self._advanced_at

    async def close(self) -> None:
        """Say what is left to say, and take no more."""
        self._closing.set()
        if self._saying is not None:
            await self._saying

    async def _say(self) -> None:
        while (progress := self._newest) is not None:
            self._newest = None
            await self._write(progress)
            await rest(self._clock, APART, self._closing)
        self._saying = None

    async def _write(self, progress: Progress) -> None:
        """Write progress down and say it; what cannot be written is said all the same."""
        try:
            await self._journal.progress(self._scope, self._command.id, progress)
        except LivermoreError as error:
            log.debug("progress was not written down", error=str(error))
        except Exception:
            log.exception("progress could not be written down")
        self._voice.progress(self._scope, self._command, progress)


def _now() -> float:
    return asyncio.get_running_loop().time()
