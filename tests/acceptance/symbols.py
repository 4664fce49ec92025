"""A system whose watchlist changes while it runs: asked over its API, by its verbs, and at its servers."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import GeneratedSource, Protocol, SimulatedExchange
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.guard import Guard, Opening
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.cli.main import run
from livermore.apps.web import bound_socket

from .both_protocols import PROTOCOLS, symbols_of
from .inside import Place, connect_hastily, live_systems, until
from .program import Outcome

IN_PROCESS, SERVERS = BACK_ENDS = ("in-process and SQLite", "Redis and PostgreSQL")
KEY = "the-key-of-this-run-in-this-test"
SPEED, FAST = 60.0, 240.0  # market time by that of the wall
PAST = 3  # days of history
LISTED = 16  # markets of each exchange
TIMEFRAMES = ("1m",)  # one: Coinbase allows ten requests a second, and each takes two
ODD = "ETHWBIDR"  # whoever splits this name takes it for ETHWB in IDR
FIRST = {"binance": "BTCUSDT", "coinbase": "BTC-USD"}
SECONDS = 30
LONG = 900.0  # seconds: a hundred symbols of Coinbase have to wait for their turn

Named = tuple[str, str]  # an exchange, and its own name of a market


@dataclass(frozen=True, slots=True)
class Asked:
    """A system that watches both exchanges, its servers, and what asks its API."""

    system: bootstrap.System
    servers: Mapping[str, SimulatedExchange]
    client: httpx.AsyncClient

    async def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask the API."""
        return await self.client.request(method, f"/api/v1{path}", **options)

    async def get(self, path: str, **query: Any) -> Any:
        """Return what the API answers."""
        answer = await self.api("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any) -> Any:
        """Return what the API answers to a document."""
        answer = await self.api("POST", path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def command(self, name: str, **payload: Any) -> dict[str, Any]:
        """Submit a command and return it once it has ended."""
        body = {"type": name, "payload": payload}
        answer = await self.api("POST", "/commands", params={"wait": SECONDS}, json=body)
        assert answer.status_code in {200, 202}, answer.text
        found: dict[str, Any] = answer.json()
        while answer.status_code == 202 and found["finished_at"] is None:
            found = await self.get(f"/commands/{found['id']}", wait=SECONDS)
        return found

    async def done(self, name: str, **payload: Any) -> dict[str, Any]:
        """Submit a command that succeeds, and return it."""
        command = await self.command(name, **payload)
        assert command["status"] == "succeeded", command["error"]
        return command

    async def change(self, **settings: Any) -> None:
        """Change settings, as a merge patch says."""
        headers = {"content-type": "application/merge-patch+json"}
        answer = await self.api("PATCH", "/settings", json=settings, headers=headers)
        assert answer.status_code == 200, answer.text

    async def cli(self, *words: str) -> Outcome:
        """Run a verb against the API, in a thread of this process."""
        return await asyncio.to_thread(verb, str(self.client.base_url), words)

    async def told(self, *words: str) -> Any:
        """Return the document that a verb prints for programs."""
        outcome = await self.cli(*words, "--json")
        assert (outcome.code, outcome.err) == (0, ""), outcome
        return json.loads(outcome.out)

    async def rows(self) -> dict[Named, dict[str, Any]]:
        """Return the watchlist as the API shows it, by exchange and symbol."""
        found = (await self.get("/symbols"))["symbols"]
        rows = {(row["exchange"], row["symbol"]): row for row in found}
        assert len(rows) == len(found)
        return rows

    async def stored(self) -> set[Named]:
        """Return the watchlist of the newest revision."""
        document = (await self.get("/settings"))["settings"]
        return named_in(document)

    async def revisions(self) -> list[dict[str, Any]]:
        """Return every revision, oldest first."""
        found = (await self.get("/settings/history", limit=1000))["revisions"]
        return list(reversed(found))

    async def revision(self) -> int:
        """Return the number of the newest revision."""
        return int((await self.get("/settings"))["revision"])

    async def live(self, *named: Named) -> None:
        """Wait until symbols are subscribed to and loaded."""
        await until(lambda: all(self.is_live(exchange, symbol) for exchange, symbol in named), LONG)

    def is_live(self, exchange: str, symbol: str) -> bool:
        """Say whether a symbol is subscribed to and loaded."""
        desk = self.system.market._plane.desks.get(exchange)
        return desk is not None and symbol in desk.loaded and symbol in self.servers[exchange].subscribed()

    async def gone(self, *named: Named) -> None:
        """Wait until symbols are neither subscribed to nor held."""
        await until(lambda: not any(self.is_held(exchange, symbol) for exchange, symbol in named), 60)

    def is_held(self, exchange: str, symbol: str) -> bool:
        """Say whether anything is left of a symbol: at the server, or in memory."""
        if symbol in self.servers[exchange].subscribed():
            return True
        desk = self.system.market._plane.desks.get(exchange)
        return desk is not None and symbol in {*desk.symbols, *desk.loaded, *desk.table.columns}

    async def subscribed_as_stored(self) -> None:
        """Wait until the servers send what is on the watchlist, and nothing else."""
        stored = await self.stored()
        await until(lambda: subscribed(self.servers) == stored, 60)

    async def market_passes(self, exchange: str, milliseconds: int) -> None:
        """Wait until so much time of a market is over."""
        server = self.servers[exchange]
        moment = server.market_time() + milliseconds
        await until(lambda: server.market_time() >= moment, 60)

    async def values_after(self, exchange: str, symbol: str, moment: int) -> list[Any]:
        """Wait for values of MACD-V on minutes that closed after a moment (ms of the market)."""
        while True:
            answer = await self.api("GET", f"/indicators/{exchange}/{symbol}/1m", params={"from": moment})
            values = answer.json()["values"] if answer.status_code == 200 else []
            if values:
                return list(values)
            await asyncio.sleep(0.05)


def named_in(document: Mapping[str, Any]) -> set[Named]:
    """Return what is on the watchlist of a settings document, as exchanges and symbols."""
    primary = document["perseus_profile"]["primary_exchange"]
    pairs = (name.split(":", 1) if ":" in name else [primary, name] for name in document["symbols"])
    return {(exchange, symbol) for exchange, symbol in pairs}


def subscribed(servers: Mapping[str, SimulatedExchange]) -> set[Named]:
    """Return what any open connection is subscribed to, as exchanges and symbols."""
    return {(name, symbol) for name, server in servers.items() for symbol in server.subscribed()}


def others(exchange: str, count: int = 1, behind: int = 1) -> list[str]:
    """Return symbols of an exchange that a new system does not watch."""
    return list(symbols_of(exchange, LISTED)[behind : behind + count])


def verb(url: str, words: Sequence[str]) -> Outcome:
    """Run a verb as the command line does, and return its exit code and what it said."""
    out, err = io.StringIO(), io.StringIO()
    with leading_to(url), redirect_stdout(out), redirect_stderr(err):
        code = run(list(words))
    return Outcome(code, out.getvalue(), err.getvalue())


@contextmanager
def leading_to(url: str) -> Iterator[None]:
    """Have verbs find a server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERMORE_URL", url)
        patch.setenv("LIVERMORE_TOKEN", KEY)
        yield


def source_of(exchange: Protocol, count: int = LISTED, past: int = PAST) -> GeneratedSource:
    """Return made-up markets of an exchange; of one at Binance, base and quote are not what they seem."""
    symbols = symbols_of(exchange, count)
    odd = (ODD,) if exchange == "binance" else ()
    source = GeneratedSource([*symbols, *odd], past_days=past, updates_per_bar=6)
    source.markets = tuple(
        replace(market, base="ETHW", quote="BIDR") if market.symbol == ODD else market
        for market in source.markets
    )
    return source


@asynccontextmanager
async def serving(*exchanges: Protocol, speed: float = SPEED) -> AsyncIterator[dict[str, SimulatedExchange]]:
    """Run simulated exchanges whose time passes whether or not anybody listens."""
    servers: dict[str, SimulatedExchange] = {
        name: SimulatedExchange(source_of(name), protocol=name, speed=speed, hold=False)
        for name in exchanges or PROTOCOLS
    }
    for server in servers.values():
        await server.start()
    try:
        yield servers
    finally:
        for server in servers.values():
            await server.stop()


def port_of(server: SimulatedExchange) -> int:
    """Return the port of a server."""
    return int(server.rest_url.rsplit(":", 1)[1])


@asynccontextmanager
async def door_of(system: bootstrap.System) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a system's API on a socket, and lend a client that it lets in."""
    guard = Guard.joined(system, doorway=Doorway(), opening=Opening(keys=(KEY,)))
    api = api_app(system, streams=Streams(system.bus), counted=Metrics(system), entrance=guard.entrance)
    listening = bound_socket("127.0.0.1", 0)
    config = uvicorn.Config(guard.before(api), log_level="error", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    url, headers = f"http://127.0.0.1:{listening.getsockname()[1]}", {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=90, trust_env=False) as client:
        try:
            yield client
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def opened(folder: Path, servers: Mapping[str, SimulatedExchange]) -> AsyncIterator[Asked]:
    """Run a system at these servers, where the first is the primary exchange of a new folder."""
    places = {name: Place(port_of(server), ()) for name, server in servers.items()}
    with pytest.MonkeyPatch.context() as patch:
        connect_hastily(patch)
        async with live_systems(folder, **places) as system, door_of(system) as client:
            yield Asked(system, servers, client)


@asynccontextmanager
async def asking(
    folder: Path, servers: Mapping[str, SimulatedExchange], watched: Mapping[str, Sequence[str]],
    *, timeframes: Sequence[str] = TIMEFRAMES, **settings: Any,
) -> AsyncIterator[Asked]:  # fmt: skip
    """Watch some symbols of the servers, on few timeframes; the first exchange is the primary one."""
    async with opened(folder, servers) as asked:
        names = [f"{name}:{symbol}" for name, symbols in watched.items() for symbol in symbols]
        wanted = {"timeframes": list(timeframes), "symbols": names, **settings}
        await asked.change(**wanted)
        await asked.live(*((name, symbol) for name, symbols in watched.items() for symbol in symbols))
        yield asked


@contextmanager
def back_end(name: str, redis: str, database: str) -> Iterator[None]:
    """Have systems use SQLite and their own process, or the servers of this run."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("LIVERMORE_REDIS_URL", "LIVERMORE_DATABASE_URL"):
            patch.delenv(variable, raising=False)
        if name == SERVERS:
            patch.setenv("LIVERMORE_REDIS_URL", redis)
            patch.setenv("LIVERMORE_DATABASE_URL", database)
        yield
