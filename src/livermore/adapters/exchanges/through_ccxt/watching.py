"""A stream that ccxt keeps: it waits for the news of each symbol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any

from livermore.adapters.exchanges.through_ccxt.duties import StreamOfTasks
from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.adapters.exchanges.through_ccxt.readers import Watch
from livermore.adapters.exchanges.through_ccxt.refusals import streaming
from livermore.adapters.exchanges.through_ccxt.stamps import stamp_of
from livermore.adapters.exchanges.through_ccxt.timing import Timing
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import StreamSink


class WatchingStream(StreamOfTasks):
    """Watch candles or trades; ccxt opens as many connections as it likes, and the end of one is ours.

    Market time is what the newest frame says that it is, and where frames say nothing, the exchange's clock.
    """

    def __init__(self, watch: Watch, library: Library, base: Timeframe, clock: Clock, timing: Timing) -> None:
        super().__init__(library, base, clock, timing)
        self._watch = watch
        self._stamped = 0
        self._heard = False
        self._ccxt = library.loaded
        self._ccxt.newUpdates = watch.new_only
        library.listener = self._hear

    async def run(self, sink: StreamSink) -> None:
        """Deliver until closed, or raise when a connection ended."""
        self._start("the pulse", self._pulse())
        await super().run(sink)

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for more symbols, at the pace that ccxt knows; return when all of it was sent."""
        async with self._changing:
            for name, unified in (await self._listed(symbols)).items():
                self._names[name] = unified
                self._start(name, self._follow(name, unified))
                await self._clock.sleep(self._spacing())
            if self._names:
                await self._reached()
                self._know_days()

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Ask no longer for some; where ccxt cannot say so, what comes of them is dropped."""
        async with self._changing:
            for name in symbols:
                unified = self._names.pop(name, None)
                if unified is not None:
                    await self._stop(name)
                    self._teller.forget(name)
                    await self._unwatch(unified)

    async def _follow(self, name: str, unified: str) -> None:
        """Deliver one symbol's bars.

        Nothing is awaited between an answer and the next question: what comes in between would wake nobody.
        """
        reader = self._watch.reader(name, self._now())
        ask, arguments = getattr(self._ccxt, self._watch.method), self._watch.arguments(unified)
        while True:
            with streaming(self._library.info.name):
                updates = reader.take(await self._answer(ask(*arguments)))
            if reader.lost:
                (await self._teller.sink()).gap()
            for update in updates:
                await self._teller.bar(update, self._now())

    async def _answer(self, asked: Awaitable[list[Any]]) -> list[Any]:
        """Wait for an answer; that ccxt cancels it must not end a task in silence, as if we had."""
        try:
            return await asked
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ExchangeUnreachableError(
                "ccxt has given up a subscription", where=self._library.info.name
            ) from None

    async def _unwatch(self, unified: str) -> None:
        if not self._library.has(self._watch.ending_feature):
            return
        with contextlib.suppress(LivermoreError, TimeoutError):
            async with asyncio.timeout(self._timing.answer):
                await self._library.ask(self._watch.ending, *self._watch.arguments(unified))

    async def _reached(self) -> None:
        """Wait until every connection is open, or the stream has ended."""
        try:
            async with asyncio.timeout(self._timing.request):
                while not (self._ended.done() or self._is_open()):
                    await self._clock.sleep(self._timing.pulse / 10)
        except TimeoutError as error:
            raise ExchangeUnreachableError(
                "no connection was made in time", where=self._library.info.name
            ) from error

    def _is_open(self) -> bool:
        clients = list(self._ccxt.clients.values())
        return bool(clients) and all(client.isConnected for client in clients)

    def _spacing(self) -> float:
        """Return the seconds between two subscriptions: ccxt keeps them, but does not say when it is done."""
        cost = (self._ccxt.options.get("ws") or {}).get("cost", 1)
        return float(self._ccxt.rateLimit * cost / 1000)

    async def _pulse(self) -> None:
        """Tell the time as long as something is heard, be it the answer to a ping."""
        sink = await self._teller.sink()
        answered: dict[str, Any] = {}
        while True:
            await self._clock.sleep(self._timing.pulse)
            now = {url: client.lastPong for url, client in self._ccxt.clients.items()}
            if self._names and (self._heard or now != answered):
                sink.beat(self._now())
            answered, self._heard = now, False

    def _hear(self, message: Any) -> None:
        self._heard = True
        self._stamped = max(self._stamped, stamp_of(message, self._base.milliseconds) or 0)

    def _now(self) -> int:
        return max(self._stamped, self._library.time.now() - int(self._timing.lag * 1000))

    async def _let_go(self) -> None:
        """Close ccxt's connections and forget what they told: another stream must not find it."""
        await super()._let_go()
        if self._library.listener == self._hear:
            self._library.listener = None
            clients, self._ccxt.clients = list(self._ccxt.clients.values()), {}
            await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)
            self._ccxt.ohlcvs, self._ccxt.trades = {}, {}
