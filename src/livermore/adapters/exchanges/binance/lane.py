"""A connection's worth of streams; the connection is renewed before the exchange cuts it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from livermore.adapters.exchanges.binance.connection import Connection
from livermore.adapters.exchanges.binance.parse import FrameReader
from livermore.adapters.exchanges.binance.racing import first_of
from livermore.adapters.exchanges.binance.seam import Holding, Remembering, SkippingKnown
from livermore.adapters.exchanges.binance.subscription import StreamNames
from livermore.adapters.exchanges.binance.timing import Timing
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import StreamSink

Opener = Callable[[], Awaitable[Connection]]


class Lane:
    """Some symbols on one connection at a time."""

    def __init__(
        self, connection: Connection, opener: Opener, base: Timeframe, clock: Clock, timing: Timing
    ) -> None:
        self._connection = connection
        self._open = opener
        self._base = base
        self._names = StreamNames(base)
        self._clock = clock
        self._timing = timing
        self._changing = asyncio.Lock()
        self._successor: _Successor | None = None
        self.symbols: dict[str, None] = {}

    @property
    def room(self) -> int:
        """Return how many more symbols fit."""
        return self._names.symbols_per_connection - len(self.symbols)

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for more symbols."""
        self.symbols.update(dict.fromkeys(symbols))
        async with self._changing:
            await self._connection.ask("SUBSCRIBE", self._names.of(symbols))

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Ask no longer for some."""
        for symbol in symbols:
            del self.symbols[symbol]
        async with self._changing:
            await self._connection.ask("UNSUBSCRIBE", self._names.of(symbols))

    async def run(self, sink: StreamSink) -> None:
        """Deliver until the connection ends without another to take over, or falls silent."""
        self._reader = self._connection.reader(sink, self._base)
        await first_of(self._read(sink), self._watch(), self._keep_young(sink))

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _read(self, sink: StreamSink) -> None:
        while True:
            old = self._connection
            await old.read(self._reader)
            successor, self._successor = self._successor, None
            if successor is None:
                raise old.ended()
            self._connection, self._reader = successor.connection, successor.reader
            successor.take_over(sink)

    async def _watch(self) -> None:
        """Raise when no frame at all, not even a ping, has come for too long."""
        step = self._timing.silence / 6
        silent = 0.0
        while silent < self._timing.silence:
            await self._clock.sleep(step)
            silent = 0.0 if self._connection.spoke else silent + step
            self._connection.spoke = False
        raise ExchangeUnreachableError(f"Binance has sent nothing for {self._timing.silence:.0f} s")

    async def _keep_young(self, sink: StreamSink) -> None:
        """Renew the connection when it grows old or the server says that it will go."""
        while True:
            await first_of(self._clock.sleep(self._timing.renewal), self._connection.shutdown.wait())
            while not await self._renewed(sink):
                await self._clock.sleep(self._timing.renewal_retry)

    async def _renewed(self, sink: StreamSink) -> bool:
        """Open another connection beside this one and let it take over; return whether that went well."""
        async with self._changing:
            known = Remembering(sink)
            self._reader.redirect(known)
            try:
                successor = await self._prepare(known)
            except (LivermoreError, TimeoutError):
                self._reader.redirect(sink)
                return False
            await self._hand_over(successor)
            return True

    async def _prepare(self, known: Remembering) -> _Successor:
        """Open a connection and subscribe it to everything, holding back what it says."""
        connection = await self._open()
        try:
            held = Holding()
            reader = connection.reader(held, self._base)
            await connection.ask("SUBSCRIBE", self._names.of(self.symbols), last=True)
            async with asyncio.timeout(self._timing.answer):
                if not await connection.read(reader):
                    raise connection.ended()
        except BaseException:
            await connection.close()
            raise
        return _Successor(connection, reader, held, known)

    async def _hand_over(self, successor: _Successor) -> None:
        """Unsubscribe the old connection: after its answer nothing comes on it, and the new one goes on."""
        self._successor, old = successor, self._connection
        with contextlib.suppress(LivermoreError, TimeoutError):
            await old.ask("UNSUBSCRIBE", self._names.of(self.symbols), last=True)
            async with asyncio.timeout(self._timing.answer):
                await successor.taken.wait()
        await old.close()  # one that did not answer ends here, and the new one takes over
        await successor.taken.wait()


class _Successor:
    """A connection that is subscribed and waits to take over."""

    def __init__(
        self, connection: Connection, reader: FrameReader, held: Holding, known: Remembering
    ) -> None:
        self.connection = connection
        self.reader = reader
        self.taken = asyncio.Event()
        self._held = held
        self._known = known

    def take_over(self, sink: StreamSink) -> None:
        """Tell what was held back and is new, and everything from now on."""
        skipping = SkippingKnown(sink, self._known, lambda: self.reader.redirect(sink))
        self.reader.redirect(skipping)
        self._held.tell(skipping)
        self.taken.set()
