"""How soon a command is acknowledged, over Redis and PostgreSQL, by a process beside the one that asks.

Quiet: one command after the other, each carried out before the next is asked; beside it, in turns that chance
orders, what nobody can do without (publishing to a process that echoes, and one durable insert through the
driver), and a task of Celery with the same insert. The median of each round makes a ratio, and the median of
five rounds counts. Busy: 20,000 market updates a second flow through the process that acknowledges.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import numpy as np
from redis.asyncio import Redis

from benchmarks.echoing import ANSWER, ASK
from benchmarks.obeying import NOTHING, RATE, registry
from benchmarks.servers import celery_worker, durable_postgres, other, redis
from benchmarks.table import Row, at_most, note, per_second, seconds
from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.adapters.sql import Database, SqlJournal, SqlUserBook, migrate
from livermore.adapters.sql.kept import SIZE
from livermore.control.channel import Channel
from livermore.control.switchboard import Line, Switchboard
from livermore.control.wire import (
    RESPONSES,
    Message,
    command_channel,
    encode,
    read_response,
    response_channel,
)
from livermore.kernel.clock import SystemClock
from livermore.kernel.ids import new_id
from livermore.kernel.scope import Scope

ROUNDS = 5
USERS = 50
PACE = 200  # commands a second
MANY = 10_000
REST = 0.01  # seconds
MOST_RAW, MOST_CELERY = 2.0, 0.75
MOST_PACED, MOST_CROWDED = 15.0, 100.0  # ms
MOST_JOINING = 1.0  # s
INSERT = (
    "INSERT INTO bench_commands (user_id, identity_sub, correlation_id, type, payload, submitted_at,"
    " priority, status, source, author, role)"
    " VALUES ($1, $2, $3, $4, $5, $6, 20, 'accepted', 'api', 'bench', 'operator')"
)

Ask = Callable[[], Awaitable[float]]
AskFor = Callable[[Scope], Awaitable[float]]


def run(*, quick: bool) -> list[Row]:
    """Measure quietly, then while a market flows."""
    each, lasting = (40, 2.0) if quick else (200, 6.0)
    return asyncio.run(_run(each, lasting))


async def _run(each: int, lasting: float) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lm-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        socket = stack.enter_context(redis(folder))
        address = await durable_postgres(folder, stack)
        scopes = await _users(address)
        return [
            *await _quiet(socket, address, scopes[:1], each),
            *await _busy(f"unix://{socket}", address, scopes, lasting),
            await _joined(f"unix://{socket}"),
        ]


async def _users(address: str) -> list[Scope]:
    """Return users whose channels end in their numbers."""
    await migrate(address)
    database, clock = Database(address), SystemClock()
    book = SqlUserBook(database, clock)
    made = [
        await book.create(
            username=f"bench-{number}", identity_provider="local", identity_sub=f"bench-{number}",
            role="operator", settings={"version": 1},
        )
        for number in range(1, USERS + 1)
    ]  # fmt: skip
    await database.close()
    return [user.scope() for user in made]


# ---------------------------------------------------------------- those who are measured


class Door:
    """Submit commands as a door does, and hear the answers."""

    def __init__(self, channel: Channel, switchboard: Switchboard) -> None:
        self._channel = channel
        self._waiting: dict[tuple[str, str], asyncio.Future[None]] = {}
        switchboard.connect(Line(RESPONSES, self._heard, lambda: None))

    def _heard(self, channel: str, raw: bytes) -> None:
        response = read_response(raw)
        answered = self._waiting.pop((response.correlation_id, response.status), None)
        if answered is not None:
            answered.set_result(None)

    async def ask(self, scope: Scope) -> float:
        """Return the seconds until a command is acknowledged; come back when it has been carried out."""
        command_id, loop = new_id(), asyncio.get_running_loop()
        acknowledged = self._waiting[command_id, "ack"] = loop.create_future()
        ended = self._waiting[command_id, "success"] = loop.create_future()
        start = perf_counter()
        await self._channel.submit(
            scope, NOTHING, {}, author="bench", role="operator", source="api", command_id=command_id
        )
        await acknowledged
        spent = perf_counter() - start
        await ended
        return spent


@asynccontextmanager
async def _door(url: str, address: str, scopes: Sequence[Scope]) -> AsyncIterator[Door]:
    """Open a door that hears the answers to these users."""
    clock, database = SystemClock(), Database(address)
    journal, switchboard = SqlJournal(database), Switchboard(RedisCommandBus(url, clock))
    door = Door(Channel(switchboard, journal, registry(), events=MemoryBus(), clock=clock), switchboard)
    await switchboard.start()
    await switchboard.join([response_channel(scope.identity_sub) for scope in scopes])
    yield door
    await switchboard.stop()
    await journal.close()
    await database.close()


class Bare:
    """Insert a row and ask for an echo, with nothing but the drivers."""

    def __init__(self, client: Redis, ear: Any, connection: Any, scope: Scope) -> None:
        self._client = client
        self._ear = ear
        self._connection = connection
        self._scope = scope

    async def ask(self) -> float:
        """Return the seconds until the echo is heard."""
        start = perf_counter()
        await self._client.publish(ASK, await self._written())
        await self._ear.get_message(timeout=None)
        return perf_counter() - start

    async def by_celery(self) -> float:
        """Return the seconds until Celery has carried a task out."""
        from benchmarks.celery_peer import echo

        start = perf_counter()
        message = await self._written()
        # Nothing else is to do meanwhile: Celery may hold the event loop.
        echo.delay(message.decode()).get(timeout=30)
        return perf_counter() - start

    async def _written(self) -> bytes:
        """Write a row as long as a command's; return a message as long as a command's."""
        made, now = new_id(), SystemClock().now()
        who = self._scope.user_id, self._scope.identity_sub
        await self._connection.execute(INSERT, *who, made, NOTHING, "{}", now)
        return encode(
            Message(correlation_id=made, type=NOTHING, timestamp=now, identity_sub=self._scope.identity_sub)
        )


@asynccontextmanager
async def _bare(url: str, address: str, scope: Scope) -> AsyncIterator[Bare]:
    """Open the drivers, and a table like that of commands."""
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE bench_commands (LIKE commands INCLUDING ALL)")
    async with Redis.from_url(url) as client, client.pubsub() as ear:
        await ear.subscribe(ANSWER)
        await ear.get_message(timeout=None)  # the confirmation
        yield Bare(client, ear, connection, scope)
    await connection.close()


# ---------------------------------------------------------------- quiet


async def _quiet(socket: Path, address: str, scopes: Sequence[Scope], each: int) -> list[Row]:
    """Ask one after the other."""
    url = f"unix://{socket}"
    os.environ["BENCH_REDIS"] = str(socket)
    number = str(scopes[0].user_id)
    obeying = other("benchmarks.obeying", url, address, number, "0")
    with obeying, other("benchmarks.echoing", url), celery_worker(socket):
        async with _door(url, address, scopes) as door, _bare(url, address, scopes[0]) as bare:
            asked: dict[str, Ask] = {
                "ours": lambda: door.ask(scopes[0]),
                "bare": bare.ask,
                "celery": bare.by_celery,
            }
            await _round(asked, 10)  # the first of everything takes longer
            rounds = [await _round(asked, each) for _ in range(ROUNDS)]
    return [
        _beside("bare echo and insert", "bare", rounds, MOST_RAW),
        _beside("Celery and insert", "celery", rounds, MOST_CELERY),
    ]


async def _round(asked: dict[str, Ask], each: int) -> dict[str, float]:
    """Ask all of them so many times, in turns; return the medians in seconds."""
    taken = {name: list[float]() for name in asked}
    for _ in range(each):
        for name in random.sample(list(asked), len(asked)):
            # What one writes down at its end must not hold up the disk for the next.
            await asyncio.sleep(REST)
            taken[name].append(await asked[name]())
    return {name: median(times) for name, times in taken.items()}


def _beside(label: str, peer: str, rounds: Sequence[dict[str, float]], bound: float) -> Row:
    ratio = median(one["ours"] / one[peer] for one in rounds)
    return Row(
        name="commands: acknowledged, quiet", ours=seconds(median(one["ours"] for one in rounds)),
        other=f"{label} {seconds(median(one[peer] for one in rounds))}", ratio=ratio,
        bound=f"<= {bound:g}", good=ratio <= bound,
    )  # fmt: skip


# ---------------------------------------------------------------- busy


async def _busy(url: str, address: str, scopes: Sequence[Scope], lasting: float) -> list[Row]:
    """Ask while a market flows: at an even pace, then with as many under way as there are users.

    Each is followed by inserts alone in the same manner, which say what this disk and this machine can do.
    """
    numbers = ",".join(str(scope.user_id) for scope in scopes)
    with other("benchmarks.obeying", url, address, numbers, str(4 * lasting + 5)) as obeying:
        async with _door(url, address, scopes) as door, _inserts(address, scopes) as insert:
            await asyncio.gather(*map(door.ask, scopes), *map(insert, scopes))
            obeying.say("begin")
            asked = (door.ask, insert)
            paced = [await _paced(one, scopes, lasting) for one in asked]
            crowded = [await _crowded(one, scopes, lasting) for one in asked]
            flowed = float(obeying.say("how many"))
    assert flowed > 0.99 * RATE, f"only {flowed:,.0f} updates flowed in a second"
    return [
        _worst(f"commands: {PACE} a second, p99", paced, MOST_PACED),
        _worst(f"commands: {USERS} under way, p99", crowded, MOST_CROWDED),
        note("commands: market updates meanwhile", per_second(flowed), ""),
    ]


@asynccontextmanager
async def _inserts(address: str, scopes: Sequence[Scope]) -> AsyncIterator[AskFor]:
    """Lend what inserts a row for a user, on as many connections as the journal keeps."""
    async with asyncpg.create_pool(address.replace("+asyncpg", ""), min_size=SIZE, max_size=SIZE) as pool:

        async def insert(scope: Scope) -> float:
            start = perf_counter()
            values = scope.user_id, scope.identity_sub, new_id(), NOTHING, "{}", SystemClock().now()
            await pool.execute(INSERT, *values)
            return perf_counter() - start

        yield insert


async def _paced(ask: AskFor, scopes: Sequence[Scope], lasting: float) -> list[float]:
    """Ask at an even pace, whether or not answers come."""
    loop = asyncio.get_running_loop()
    start, asking = loop.time(), list[asyncio.Future[float]]()
    for number in range(int(PACE * lasting)):
        await asyncio.sleep(start + number / PACE - loop.time())
        asking.append(asyncio.ensure_future(ask(scopes[number % len(scopes)])))
    return list(await asyncio.gather(*asking))


async def _crowded(ask: AskFor, scopes: Sequence[Scope], lasting: float) -> list[float]:
    """Let every user ask again as soon as what he asked was done."""
    end = perf_counter() + lasting

    async def again(scope: Scope) -> list[float]:
        times = list[float]()
        while perf_counter() < end:
            times.append(await ask(scope))
        return times

    return [time for times in await asyncio.gather(*map(again, scopes)) for time in times]


# ---------------------------------------------------------------- many users


async def _joined(url: str) -> Row:
    """Join the channels of many users at once; the best of three counts."""
    best, channels = float("inf"), [command_channel(new_id()) for _ in range(MANY)]
    for _ in range(3):
        bus = RedisCommandBus(url, SystemClock())
        await bus.start(lambda channel, message: None, lambda: None)
        start = perf_counter()
        await bus.join(channels)
        best = min(best, perf_counter() - start)
        await bus.stop()
    return at_most(f"commands: {MANY:,} channels joined", seconds(best), "", best, MOST_JOINING, "s")


def _worst(name: str, times: Sequence[Sequence[float]], bound: float) -> Row:
    """Judge what all but one in a hundred keep to."""
    ours, bare = (float(np.percentile(one, 99)) for one in times)
    middle = f"p50 {seconds(median(times[0]))}"
    return at_most(
        name, f"{seconds(ours)}, {middle}", f"an insert alone {seconds(bare)}", ours * 1000, bound, "ms"
    )
