"""How soon a symbol is live, and gone, while the program runs; and how soon one is found among all.

Both exchanges are simulated ones in this process, behind real sockets and within the limits that they really
set, with 450 bars in each of six timeframes. A minute of their market passes in a second, so that the next
bar closes soon: what is waited for is the first MACD-V of a bar that closed after the command was submitted.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.crowd import Crowd
from benchmarks.market import eventually
from benchmarks.race import race, timed
from benchmarks.table import Row, at_most, seconds
from livermore import bootstrap
from livermore.adapters.exchanges.simulated import Protocol, SimulatedExchange
from livermore.kernel.errors import NotFoundError
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.search import search
from livermore.market.symbol import Symbol
from livermore.workspace.folder import Workspace

EXCHANGES: tuple[Protocol, ...] = ("binance", "coinbase")
ADDS = 100
SPEED = 60.0
MOST_ADDING, MOST_REMOVING = 5.0, 2.0  # s
LISTED, FOUND, MOST_SEARCHING = 1_700, 20, 20.0  # symbols, symbols, ms
TEXTS = ("", "b", "btc", "BTC", "btcusdt", "BTC/USDT", "usd", "COIN12", "oin9", "nothing-of-the-kind")
WAIT = 0.002  # seconds between two looks


def run(*, quick: bool) -> list[Row]:
    """Measure adding and removing at either exchange, then searching."""
    count = 10 if quick else ADDS
    # What is said on the terminal would stand between the rows.
    with redirect_stdout(StringIO()):
        rows = [row for exchange in EXCHANGES for row in asyncio.run(_exchanged(exchange, count))]
    return [*rows, *_searched(rounds=5 if quick else 30)]


# ---------------------------------------------------------------- coming and going


class Watching(NamedTuple):
    """A system, and the exchange that it watches."""

    system: bootstrap.System
    server: SimulatedExchange
    exchange: Protocol

    async def submit(self, name: str, symbol: str) -> str:
        """Submit a command, and return its id."""
        payload, scope = {"symbol": symbol, "exchange": self.exchange}, self.system.user.scope()
        command = await self.system.control.channel.submit(
            scope, name, payload, author="bench", role="operator", source="api"
        )
        return command.id

    async def add(self, symbol: str) -> float:
        """Return the seconds from the command to the first live MACD-V."""
        moment, start = self.server.market_time(), perf_counter()
        command_id = await self.submit("add-symbol", symbol)
        async with asyncio.timeout(60):
            while not await self._is_live(symbol, moment):  # noqa: ASYNC110 - the database is asked, not an event
                await asyncio.sleep(WAIT)
        spent = perf_counter() - start
        await self._ended(command_id)
        return spent

    async def remove(self, symbol: str) -> float:
        """Return the seconds from the command until the server sends nothing more of a symbol."""
        start = perf_counter()
        command_id = await self.submit("remove-symbol", symbol)
        await eventually(lambda: symbol not in self.server.subscribed())
        spent = perf_counter() - start
        await self._ended(command_id)
        return spent

    async def _is_live(self, symbol: str, moment: int) -> bool:
        """Say whether a value is known of a minute that closed after a moment (ms of the market)."""
        opened = moment - DEFAULT_TIMEFRAMES[0].milliseconds
        try:
            page = await self.system.indicators.values(self.exchange, symbol, "1m", start=opened)
        except NotFoundError:
            return False
        return any(value.macdv is not None for value in page.values)

    async def _ended(self, command_id: str) -> None:
        command = await self.system.control.channel.wait(self.system.user.scope(), command_id, 60)
        assert command.status == "succeeded", command.error


async def _exchanged(exchange: Protocol, count: int) -> list[Row]:
    source = Crowd(exchange, count + 1)
    source.draw(DEFAULT_TIMEFRAMES)
    first, *others = source.symbols
    async with _watching(exchange, source, first) as watching:
        added = [await watching.add(symbol) for symbol in others]
        removed = [await watching.remove(symbol) for symbol in others]
        counters = watching.server.counters
        assert (counters.over_limit, counters.cut) == (0, 0), "the exchange has refused us"
    return [
        _row(f"symbols, {exchange}: add to first live MACD-V", added, MOST_ADDING),
        _row(f"symbols, {exchange}: remove to last frame", removed, MOST_REMOVING),
    ]


@asynccontextmanager
async def _watching(exchange: Protocol, source: Crowd, symbol: str) -> AsyncIterator[Watching]:
    """Watch one symbol of an exchange, stored in a file of SQLite."""
    server = SimulatedExchange(source, protocol=exchange, speed=SPEED, hold=False)
    await server.start()
    with tempfile.TemporaryDirectory(prefix="lm-bench-") as name:
        system = await _started(Path(name), exchange, server, symbol)
        watching = Watching(system, server, exchange)
        await eventually(lambda: system.status().state == "running")
        yield watching
        await system.stop()
    await server.stop()


async def _started(
    folder: Path, exchange: Protocol, server: SimulatedExchange, symbol: str
) -> bootstrap.System:
    workspace = Workspace(folder)
    workspace.prepare()
    url = f"sqlite+aiosqlite:///{workspace.database()}"
    await bootstrap.database(url).upgrade()
    stored = await bootstrap.read_only(url)
    row = await stored.market.exchange(exchange)
    await stored.market.put_exchange(
        msgspec.structs.replace(row, rest_url=server.rest_url, ws_url=server.ws_url)
    )
    await stored.stop()
    system = await bootstrap.build(
        bootstrap.Plan(workspace=folder, exchange=exchange, symbols=(f"{exchange}:{symbol}",))
    )
    await system.start()
    return system


def _row(name: str, times: Sequence[float], bound: float) -> Row:
    """Judge the slowest; tell how the others are spread."""
    middle, most = (seconds(float(np.percentile(times, share))) for share in (50, 95))
    worst = max(times)
    return at_most(
        f"{name}, worst of {len(times)}", seconds(worst), f"p50 {middle}, p95 {most}", worst, bound, "s"
    )


# ---------------------------------------------------------------- searching


def _searched(rounds: int) -> list[Row]:
    """Search a listing for each text, beside a plain look through its names; the slowest text counts."""
    listing = _listing(LISTED)
    names = list(listing.symbols)
    raced = {text: _raced(listing, names, text, rounds) for text in TEXTS}
    text = max(raced, key=lambda one: raced[one]["ours"])
    ours, scan = raced[text]["ours"], raced[text]["scan"]
    first = min(timed(partial(search, _listing(LISTED), text, FOUND)) for _ in range(rounds))
    name, plain = f"symbols: search of {LISTED:,}", f"a look at each name {seconds(scan)}"
    again = at_most(
        f"{name}, slowest of {len(TEXTS)} texts", seconds(ours), plain, ours * 1e3, MOST_SEARCHING, "ms"
    )
    return [
        replace(again, ratio=scan / ours),
        at_most(f"{name}, first of a new listing", seconds(first), plain, first * 1e3, MOST_SEARCHING, "ms"),
    ]


def _raced(listing: Listing, names: Sequence[str], text: str, rounds: int) -> dict[str, float]:
    return race(
        rounds, {"ours": partial(search, listing, text, FOUND), "scan": partial(_scanned, names, text)}
    )


def _scanned(names: Sequence[str], text: str) -> list[str]:
    wanted = text.upper()
    return [name for name in names if wanted in name][:FOUND]


def _listing(count: int) -> Listing:
    """Make up what a large exchange lists."""
    chance = np.random.default_rng(7)
    bases = ["BTC", "ETH", "SOL", *(f"COIN{number}" for number in range(count // 4 - 2))]
    pairs = [(base, quote) for base in bases for quote in ("USDT", "USDC", "BTC", "EUR")][:count]
    volumes = chance.lognormal(12, 3, count)
    ranks = np.argsort(np.argsort(-volumes)) + 1
    symbols = {
        base + quote: ListedSymbol(
            symbol=Symbol(name=base + quote, base=base, quote=quote), price=1.0,
            quote_volume_24h=float(volumes[place]), rank=int(ranks[place]), first_seen_at=0,
        )
        for place, (base, quote) in enumerate(pairs)
    }  # fmt: skip
    assert len(symbols) == count
    return Listing(exchange="binance", asked_at=0, symbols=symbols)
