"""A watch: the real program on a simulated exchange, through faults and kills, to the end that is judged."""

import asyncio
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from livermore.adapters.exchanges.simulated import Counters, RecordedSource, SimulatedExchange
from livermore.adapters.exchanges.simulated.faults import Faults, FaultScript, Hole
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from tests.acceptance.program import CLEAN, FREE_PORT, Program, livermore
from tests.forks import Fork
from tests.reference.rules import MINUTE
from tests.reference.series import Candle

from .clock import FastClock
from .expected import JUDGED
from .fast import CLOCK
from .receiver import Receiver, receiving
from .scenario import ALERTS, Scenario
from .stored import count, file_of, newest

WEBHOOK = "DESK_WEBHOOK"
SETTLING = 5 * MINUTE  # of the market: a doubt of the last bar may still be answered
PATIENCE = 60.0  # seconds of the wall for what must come about
RUNNING = "SELECT count(*) FROM runtimes WHERE state = 'running'"
OPEN = "SELECT count(*) FROM candle_coverage WHERE repaired_at IS NULL AND from_time < ?"
PENDING = """SELECT count(*) FROM alerts JOIN signals ON signals.id = signal_id
    WHERE state = 'pending' AND close_time <= ?"""


@dataclass
class Watched:
    """What was seen from outside: market times (ms) of connections and kills, and what the servers counted.

    `ahead` is how far (ms) the clock of the world is before the market's, which was held at first.
    """

    folder: Path
    counters: Counters
    receiver: Receiver
    ahead: float = inf
    connections: list[int] = field(default_factory=list)
    kills: list[int] = field(default_factory=list)
    code: int = -1
    err: str = ""


class FastProgram(Program):
    """The real program, by a clock as fast as the market."""

    def __init__(self, folder: Path, clock: FastClock, webhook: str, *arguments: str) -> None:
        self.folder = folder
        self._out, self._err = folder / "stdout", folder / "stderr"
        own = {CLOCK: f"{clock.origin} {clock.rate} {clock.began}", WEBHOOK: webhook}
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._behind = out.tell()
            self.process = Fork(
                "tests.acceptance.truth.fast", "up", *FREE_PORT, *arguments,
                cwd=folder, env=CLEAN | own, stdout=out, stderr=err,
            )  # fmt: skip


async def watch(scenario: Scenario, told: Mapping[str, Sequence[Candle]], folder: Path) -> Watched:
    """Play a scenario to its end."""
    clock = FastClock(scenario.begin, scenario.speed)
    exchange = served(scenario, told, clock)
    folder.mkdir()
    async with serving(exchange), receiving() as receiver:
        await asyncio.to_thread(prepare, folder, scenario, exchange)
        watched = Watched(folder, exchange.counters, receiver)
        runs = Runs(scenario, exchange, watched, clock)
        runs.start()
        try:
            await until(lambda: count(folder, RUNNING), runs)
            exchange.let_go.set()
            async with looking_on(exchange, watched, clock):
                await runs.kill_now_and_then()
                await ended(scenario, folder, runs, exchange)
            watched.code, _ = await asyncio.to_thread(runs.program.stop)
        finally:
            runs.program.__exit__()
            watched.err = runs.program.err
    return watched


class Runs:
    """The program in its runs from start to kill, one after the other."""

    def __init__(
        self, scenario: Scenario, exchange: SimulatedExchange, watched: Watched, clock: FastClock
    ) -> None:
        self._scenario = scenario
        self._exchange = exchange
        self._watched = watched
        self._clock = clock

    def start(self) -> None:
        """Start it, where an earlier run may have left off."""
        watched = self._watched
        self.program = FastProgram(watched.folder, self._clock, watched.receiver.url)

    async def kill_now_and_then(self) -> None:
        """End it as a power cut would at seeded moments of the market, and start it again at once."""
        chance, scenario = random.Random(f"kills {self._scenario.seed}"), self._scenario
        moments = (chance.uniform(0.05, 0.95) * scenario.live * MINUTE for _ in range(scenario.kills))
        for moment in sorted(scenario.begin + moment for moment in moments):
            while self._exchange.market_time() < moment:
                assert self.program.process.poll() is None, self.program.err
                await asyncio.sleep(0.005)
            self._watched.kills.append(self._exchange.market_time())
            self.program.kill()
            self.start()


class HeldExchange(SimulatedExchange):
    """An exchange whose market stands still until it is let go, so that what is loaded by then is certain."""

    def __init__(self, source: RecordedSource, **options: Any) -> None:
        super().__init__(source, **options)
        self.let_go = asyncio.Event()

    async def _be_a_market(self) -> None:
        await self.let_go.wait()
        await super()._be_a_market()


def served(scenario: Scenario, told: Mapping[str, Sequence[Candle]], clock: FastClock) -> HeldExchange:
    """Serve a recording as an exchange that has a past and goes on from there."""
    candles = {symbol: Candles.of(*map(list, zip(*rows, strict=True))) for symbol, rows in told.items()}
    source = RecordedSource(candles, Timeframe.M1)
    faults = Faults(script_of(scenario), seed=scenario.seed)
    return HeldExchange(
        source, protocol=scenario.protocol, speed=1.0, position=scenario.begin, clock=clock, faults=faults
    )


def script_of(scenario: Scenario) -> FaultScript:
    """Return what goes wrong, without that from which nobody could learn the truth.

    Where REST hides a trade for half an hour, one that happened while nobody was connected cannot be known.
    """
    if scenario.faults is None:
        return FaultScript()
    found = FaultScript.read(scenario.faults).faults
    return FaultScript.of(*(fault for fault in found if not isinstance(fault, Hole)))


@asynccontextmanager
async def serving(exchange: SimulatedExchange) -> AsyncIterator[None]:
    """Let an exchange run."""
    await exchange.start()
    try:
        yield
    finally:
        await exchange.stop()


@asynccontextmanager
async def looking_on(exchange: SimulatedExchange, watched: Watched, clock: FastClock) -> AsyncIterator[None]:
    """Write down when the program connects, and how far the clock is before the market."""

    async def look() -> None:
        seen = 0
        while True:
            watched.ahead = min(watched.ahead, clock.now() - exchange.market_time())
            if exchange.counters.connections != seen:
                seen = exchange.counters.connections
                watched.connections.append(exchange.market_time())
            await asyncio.sleep(0.005)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def prepare(folder: Path, scenario: Scenario, exchange: SimulatedExchange) -> None:
    """Make the workspace of a user who watches everything, and has alerts sent to a server of his own."""
    here = ("--rest-url", exchange.rest_url, "--ws-url", exchange.ws_url)
    for words in (("db", "upgrade"), ("exchanges", "edit", scenario.protocol, *here)):
        outcome = livermore(folder, *words)
        assert outcome.code == 0, outcome.err
    document = json.dumps(settings(scenario))
    with closing(sqlite3.connect(file_of(folder))) as connection, connection:
        connection.execute(
            "INSERT INTO users (id, username, identity_provider, identity_sub, role, settings)"
            " VALUES (1, 'local', 'local', 'local', 'admin', ?)", (document,),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO settings_revisions (user_id, revision, document, diff, author, source)"
            " VALUES (1, 1, ?, '[]', 'system', 'system')", (document,),
        )  # fmt: skip


def settings(scenario: Scenario) -> dict[str, Any]:
    """Return the settings of the watch."""
    return {
        "version": 2,
        "perseus_profile": {"primary_exchange": scenario.protocol},
        "livermore_runtime": {
            "auto_start": True, "mode": "scalper-macdv", "logging": {"verbosity_level": "info"},
        },
        "symbols": scenario.names,
        "timeframes": list(JUDGED),
        "alerts": {**ALERTS, "routes": [{"channel": "webhook", "url_environment_variable": WEBHOOK}]},
        "storage": {"keep_days": dict.fromkeys(JUDGED)},
    }  # fmt: skip


async def ended(scenario: Scenario, folder: Path, runs: Runs, exchange: SimulatedExchange) -> None:
    """Wait until every bar that is judged has closed, every hole is repaired and every alert is sent."""
    last = {(symbol, name): closes_last(scenario.end, length) for symbol in scenario.names
            for name, length in JUDGED.items()}  # fmt: skip

    def done() -> bool:
        have = newest(folder)
        behind = [one for one, time in last.items() if have.get(one, -1) < time]
        return not behind and not any(count(folder, one, scenario.end) for one in (OPEN, PENDING))

    seconds = (scenario.end + SETTLING - exchange.market_time()) / 1000 / scenario.speed
    await asyncio.sleep(max(0.0, seconds))
    with suppress(TimeoutError):  # what is not done by then, the checker names
        await until(done, runs, PATIENCE / 2)


def closes_last(end: int, length: int) -> int:
    """Return the open (ms) of the last bar that has closed by a time."""
    return end - end % length - length


async def until(condition: Callable[[], object], runs: Runs, seconds: float = PATIENCE) -> None:
    """Wait until something holds, as long as the program runs."""
    async with asyncio.timeout(seconds):
        while not condition():
            assert runs.program.process.poll() is None, runs.program.err
            await asyncio.sleep(0.1)
