"""Frames into a real desk: handed to its reader, or heard by the real adapter through a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.loopback import Server, speaking
from benchmarks.market import START, Market, eventually
from livermore.market.ports import Exchange

READ = 2**18  # bytes that one read from a busy socket brings to asyncio


class Wire(NamedTuple):
    """A market that hears its frames through a socket."""

    market: Market
    server: Server

    async def hear(self, count: int) -> None:
        """Have frames said, and wait until the last of them is through."""
        feed = self.market.desk.feed
        until = feed.frames + count
        self.server.speak()
        await eventually(lambda: feed.frames >= until)


@contextmanager
def wired(
    runner: asyncio.Runner, adapter_of: Callable[[Server], Exchange], exchange: str, symbols: int
) -> Iterator[Wire]:
    """Open a market on the real adapter's stream, and a server in another process."""
    with speaking(exchange, symbols, START) as server:
        adapter = adapter_of(server)
        market = Market(symbols, adapter.connect, adapter.info)
        runner.run(market.open())
        yield Wire(market, server)
        runner.run(market.desk.stop())
        runner.run(adapter.close())


async def read(feed: Callable[[bytes], None], frames: Sequence[bytes]) -> None:
    """Hand frames to a reader, as many at once as come at once."""
    at_once = READ // (sum(map(len, frames)) // len(frames))
    for start in range(0, len(frames), at_once):
        for frame in frames[start : start + at_once]:
            feed(frame)
        await asyncio.sleep(0)
    await asyncio.sleep(0)


def check(market: Market, newest: int) -> None:
    """See that every minute of every symbol closed up to one (ms); then forget them."""
    base = market.desk.table.newest[:: market.desk.table.width][: len(market.symbols)]
    assert (base >= newest).all(), "bars were lost"
    market.forget()
