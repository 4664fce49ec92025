"""What a desk has to do in the background, and what its symbols lack until it is done."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, TypeVar

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, NotFoundError
from livermore.kernel.log import logger
from livermore.market.reconnect import LONGEST_DELAY

if TYPE_CHECKING:
    from livermore.market.desk import Desk

CAUSES = "look for causes with: livermore doctor"
Work = Coroutine[None, None, None]
T = TypeVar("T")
log = logger("market")


class Works:
    """Run the tasks of a desk, each known by the symbol that it is done for."""

    def __init__(self, desk: Desk, clock: Clock, again: float) -> None:
        """Do what has failed once more after `again` seconds, and then more rarely."""
        self._desk = desk
        self._clock = clock
        self.again = again
        self.lacking: set[str] = set()
        self.trouble: str | None = None
        self._told: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._of: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    def spawn(self, work: Work, symbol: str | None = None) -> asyncio.Task[None]:
        """Begin something, for a symbol or for all; one that breaks is told as trouble of the desk."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if symbol is not None:
            works = self._of[symbol]
            works.add(task)
            task.add_done_callback(works.discard)
        return task

    async def until_done(self, symbol: str, what: str, work: Callable[[], Work]) -> None:
        """Do something for a symbol again and again until it is done."""
        delay = self.again
        while True:
            try:
                await work()
                self.lacks_nothing(symbol)
                return
            except LivermoreError as error:
                self.say(symbol, f"{symbol} {what}", error)
                await self._clock.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)

    async def hosted(self, symbol: str, work: Coroutine[None, None, T]) -> T:
        """Do something for a symbol on behalf of somebody who waits for it, and return what came of it.

        It ends with either: when whoever waits is cancelled, and with NotFoundError when the symbol leaves.
        """
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self.spawn(_host(symbol, work, outcome), symbol)
        try:
            return await outcome
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise

    async def leave_off(self, symbols: Iterable[str]) -> None:
        """Cancel all that is being done for some symbols."""
        works = [work for symbol in symbols for work in self._of.pop(symbol, ())]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    async def stop(self) -> None:
        """Cancel everything."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def say(self, symbol: str, what: str, error: LivermoreError) -> None:
        """Tell of a symbol's trouble; what many have in common, such as REST being away, is told once."""
        self.lacking.add(symbol)
        others = len(self.lacking) - 1
        self._desk.detail = f"{what}{f', as do {others} more' if others else ''}: {error}"
        tell = log.debug if str(error) in self._told else log.error
        self._told.add(str(error))
        tell(what, exchange=self._desk.info.name, error=str(error), hint=error.hint or CAUSES)

    def lacks_nothing(self, symbol: str) -> None:
        """Take note that a symbol has all its bars; when all have, the desk's trouble is over."""
        self.lacking.discard(symbol)
        if not self.lacking:
            self._told.clear()
            if self._desk.state == "connected":
                self._desk.detail = self._desk.not_listed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.trouble = f"a task has ended: {error!r}"
            log.error("a task has ended", exchange=self._desk.info.name, error=repr(error))


async def unbroken(work: Coroutine[None, None, T]) -> T:
    """Do something to its end, even when whoever waits for it is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _host(symbol: str, work: Coroutine[None, None, T], outcome: asyncio.Future[T]) -> None:
    """Hand on what comes of something; when nobody waits for that any more, nobody is told."""
    try:
        result = await work
    except asyncio.CancelledError:
        if not outcome.done():
            outcome.set_exception(NotFoundError(f"{symbol} is not watched any more"))
        raise
    except Exception as error:
        if not outcome.done():
            outcome.set_exception(error)
    else:
        if not outcome.done():
            outcome.set_result(result)
