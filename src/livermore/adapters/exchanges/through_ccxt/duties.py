"""What every stream has: tasks of which the first to fail ends it, and the rolling days."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any

from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.adapters.exchanges.through_ccxt.telling import Teller
from livermore.adapters.exchanges.through_ccxt.tickers import tickers
from livermore.adapters.exchanges.through_ccxt.timing import Timing
from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import StreamSink


class StreamOfTasks:
    """Run until closed, or until one of the tasks fails."""

    def __init__(self, library: Library, base: Timeframe, clock: Clock, timing: Timing) -> None:
        self._library = library
        self._base = base
        self._clock = clock
        self._timing = timing
        self._teller = Teller()
        self._changing = asyncio.Lock()
        self._names: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, sink: StreamSink) -> None:
        """Deliver until closed, or raise when a connection ended."""
        self._teller.begin(sink.wire())
        try:
            await self._ended
        finally:
            await self._let_go()

    async def close(self) -> None:
        """Close every connection; `run` returns."""
        if not self._ended.done():
            self._ended.set_result(None)
        elif not self._ended.cancelled():
            self._ended.exception()  # nobody may have run: what ended the stream is then of no interest
        await self._let_go()

    async def _listed(self, symbols: Iterable[str]) -> dict[str, str]:
        """Return ccxt's names of the symbols that are listed and not asked for yet."""
        listed = {}
        for symbol in dict.fromkeys(symbols):
            with contextlib.suppress(NotFoundError):  # REST says so, to whoever asks for its history
                if symbol not in self._names:
                    listed[symbol] = await self._library.unified(symbol)
        return listed

    def _start(self, name: str, duty: Coroutine[Any, Any, None]) -> None:
        self._tasks[name] = task = asyncio.ensure_future(duty)
        task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._ended.done():
            self._ended.set_exception(error)

    async def _stop(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _let_go(self) -> None:
        for name in list(self._tasks):
            await self._stop(name)

    async def _keep_days(self) -> None:
        """Ask for the rolling days now and then; without them bars go on."""
        while True:
            with contextlib.suppress(LivermoreError):
                for day in await tickers(self._library, list(self._names)):
                    self._teller.days[day.symbol] = day
            await self._clock.sleep(self._timing.days)

    def _know_days(self) -> None:
        """Begin to ask for the rolling days, where one request answers for all."""
        if "the days" not in self._tasks and self._library.has("fetchTickers"):
            self._start("the days", self._keep_days())
