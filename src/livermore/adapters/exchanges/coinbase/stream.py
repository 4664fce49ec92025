"""Market data of some symbols over one connection, which carries as many as are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from livermore.adapters.exchanges.coinbase.connection import CHANNELS, Connection, Method
from livermore.adapters.exchanges.coinbase.names import Aliases, Wanted
from livermore.adapters.exchanges.coinbase.parse import FrameReader
from livermore.adapters.exchanges.coinbase.timing import Timing
from livermore.adapters.exchanges.coinbase.trades import Trades
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.market.ports import StreamSink


class CoinbaseStream:
    """One connection, and what is wanted of it."""

    def __init__(
        self,
        connection: Connection,
        trades: Trades,
        aliases: Callable[[], Awaitable[Aliases]],
        clock: Clock,
        timing: Timing,
        *,
        failed: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._trades = trades
        self._aliases = aliases
        self._clock = clock
        self._silence = timing.silence
        self._failed = failed
        self._changing = asyncio.Lock()
        self._wanted = Wanted()
        self._closed = False
        self._failure: ExchangeUnreachableError | None = None

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for the trades, prices and candles of more symbols, by the products that stand behind them."""
        aliases = await self._aliases()
        async with self._changing:
            pairs = [(aliases.product(symbol), symbol) for symbol in symbols]
            await self._ask(
                "subscribe", [product for product, symbol in pairs if self._wanted.add(product, symbol)]
            )

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Ask no longer for some; a product goes with the last of its symbols."""
        async with self._changing:
            unwanted = [self._wanted.drop(symbol) for symbol in symbols]
            await self._ask("unsubscribe", [product for product in unwanted if product is not None])

    async def run(self, sink: StreamSink) -> None:
        """Deliver until closed; raise when the connection ends otherwise, or falls silent."""
        reader = FrameReader(sink.wire(), trades=self._trades, names=self._wanted, failed=self._fail)
        watch = asyncio.create_task(self._watch())
        try:
            await self._connection.read(reader.feed)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if not self._closed:
            raise self._failure or self._connection.ended()

    async def close(self) -> None:
        """Close the connection; `run` returns."""
        self._closed = True
        await self._connection.close()

    async def _ask(self, method: Method, products: Sequence[str]) -> None:
        if products:
            for channel in CHANNELS:
                await self._connection.ask(method, channel, products)

    def _fail(self, message: str) -> None:
        """End with what the server tells: what it refused is not said, and silence would look like quiet."""
        self._failure = ExchangeUnreachableError(f"Coinbase told an error: {message}")
        self._failed(message)
        self._connection.finish()

    async def _watch(self) -> None:
        """Close the connection when nothing, not even a heartbeat, has come for too long."""
        step = self._silence / 6
        silent = 0.0
        while silent < self._silence:
            await self._clock.sleep(step)
            silent = 0.0 if self._connection.spoke else silent + step
            self._connection.spoke = False
        self._failure = ExchangeUnreachableError(f"Coinbase has sent nothing for {self._silence:.0f} s")
        await self._connection.close()
