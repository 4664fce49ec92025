"""As many connections as the symbols need, behind one `Stream`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from livermore.adapters.exchanges.binance.lane import Lane
from livermore.market.ports import StreamSink

LaneOpener = Callable[[], Awaitable[Lane]]


class BinanceStream:
    """Market data of some symbols, over one connection or several."""

    def __init__(self, first: Lane, open_lane: LaneOpener) -> None:
        self._lanes = [first]
        self._open_lane = open_lane
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sink: StreamSink | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Ask for base candles and tickers of more symbols, opening connections as needed."""
        async with self._changing:
            wanted = [symbol for symbol in dict.fromkeys(symbols) if self._lane_of(symbol) is None]
            while wanted:
                lane = await self._lane_with_room()
                part, wanted = wanted[: lane.room], wanted[lane.room :]
                await lane.subscribe(part)

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Ask no longer for some."""
        async with self._changing:
            for lane in self._lanes:
                part = [symbol for symbol in dict.fromkeys(symbols) if symbol in lane.symbols]
                if part:
                    await lane.unsubscribe(part)

    async def run(self, sink: StreamSink) -> None:
        """Deliver until closed, or raise when a connection ended."""
        self._sink = sink
        for lane in self._lanes:
            self._start(lane, sink)
        try:
            await self._ended
        finally:
            await self._let_go()

    async def close(self) -> None:
        """Close every connection; `run` returns."""
        if not self._ended.done():
            self._ended.set_result(None)
        await self._let_go()

    def _lane_of(self, symbol: str) -> Lane | None:
        return next((lane for lane in self._lanes if symbol in lane.symbols), None)

    async def _lane_with_room(self) -> Lane:
        lane = next((lane for lane in self._lanes if lane.room > 0), None)
        if lane is None:
            lane = await self._open_lane()
            self._lanes.append(lane)
            if self._sink is not None:
                self._start(lane, self._sink)
        return lane

    def _start(self, lane: Lane, sink: StreamSink) -> None:
        task = asyncio.ensure_future(lane.run(sink.wire()))
        self._tasks.add(task)
        task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Let the end of one connection be the end of all: the caller connects anew."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._ended.done():
            self._ended.set_exception(error)

    async def _let_go(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(lane.close() for lane in self._lanes), return_exceptions=True)
