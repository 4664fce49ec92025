"""The command bus when Redis dies, hangs, refuses, or the network to it is cut."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import TransientError
from tests.contracts.control.listener import Listener
from tests.faults.proxy import proxy_to
from tests.faults.redis_server import RedisServer, own_redis

CHANNEL = "livermore:commands:local"
HEARTBEAT = 0.1
NAMES = ["livermore-hearing", "livermore-speaking"]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with own_redis() as server:
        yield server


@asynccontextmanager
async def opened(url: str, heartbeat: float = HEARTBEAT) -> AsyncIterator[tuple[RedisCommandBus, Listener]]:
    bus, listener = RedisCommandBus(url, SystemClock(), heartbeat=heartbeat), Listener()
    await bus.start(listener.hear, listener.regain)
    try:
        yield bus, listener
    finally:
        await bus.stop()


async def connections(url: str) -> list[str]:
    """Ask Redis who is connected with it, beside who asks."""
    async with Redis.from_url(url) as client:
        listed = await client.client_list()
    return sorted(one["name"] for one in listed if one["cmd"] != "client|list")


async def lost(bus: RedisCommandBus) -> None:
    """Wait until the bus knows that it hears nothing."""
    async with asyncio.timeout(20):
        while "hearing" not in (bus.health().detail or ""):
            await asyncio.sleep(0.01)


async def said(bus: RedisCommandBus, message: bytes) -> None:
    """Publish as soon as Redis takes it."""
    async with asyncio.timeout(20):
        while True:
            with suppress(TransientError):
                return await bus.publish(CHANNEL, message)
            await asyncio.sleep(0.01)


async def test_one_connection_hears_and_one_speaks(server: RedisServer) -> None:
    async with opened(server.url) as (bus, _):
        for number in range(100):
            await bus.join([f"{CHANNEL}:{number}"])
            await bus.publish(f"{CHANNEL}:{number}", b"message")
        assert await connections(server.url) == NAMES
    assert await connections(server.url) == []


async def test_starting_and_stopping_leaves_nothing_behind(server: RedisServer) -> None:
    await _start_and_stop(server, 50)


@pytest.mark.soak
async def test_starting_and_stopping_thousands_of_times_leaves_nothing_behind(server: RedisServer) -> None:
    await _start_and_stop(server, 5_000)


async def _start_and_stop(server: RedisServer, times: int) -> None:
    tasks = asyncio.all_tasks()
    for number in range(times):
        async with opened(server.url) as (bus, listener):
            await bus.join([CHANNEL])
            await bus.publish(CHANNEL, str(number).encode())
            await listener.messages(1)
    assert asyncio.all_tasks() == tasks
    gc.collect()  # what was left open would warn here, and a warning is an error
    assert await connections(server.url) == []


async def test_a_redis_that_comes_back_is_heard_again(server: RedisServer) -> None:
    async with opened(server.url) as (bus, listener):
        await bus.join([CHANNEL, CHANNEL + ":other"])
        for turn in range(3):
            server.kill()
            with pytest.raises(TransientError):
                await _refused(bus)
            await lost(bus)
            server.start()
            await listener.comes_back(turn + 1)
            await said(bus, str(turn).encode())
            assert (await listener.messages(turn + 1))[turn:] == [str(turn).encode()]
        assert bus.health().state == "healthy"
        assert await connections(server.url) == NAMES


async def _refused(bus: RedisCommandBus) -> None:
    """Publish twice: a Redis that has just died may have taken the first."""
    await bus.publish(CHANNEL, b"lost")
    await bus.publish(CHANNEL, b"lost too")


async def test_what_was_taken_is_heard_once_and_nothing_twice(server: RedisServer) -> None:
    taken = list[bytes]()
    async with opened(server.url) as (bus, listener), proxy_to(server.socket) as proxy:
        await bus.join([CHANNEL])
        async with opened(f"redis://127.0.0.1:{proxy.port}") as (cut, _):
            for turn in range(4):
                messages = [f"{turn}-{number}".encode() for number in range(50)]
                publishing = [asyncio.create_task(cut.publish(CHANNEL, message)) for message in messages]
                for _ in range(turn):
                    await asyncio.sleep(0)
                proxy.cut()
                outcomes = await asyncio.gather(*publishing, return_exceptions=True)
                taken += [message for message, outcome in zip(messages, outcomes, strict=True) if not outcome]
                await said(cut, f"{turn}-mended".encode())
        await bus.publish(CHANNEL, b"end")
        await listener.until(lambda: (CHANNEL, b"end") in listener.heard)
    heard = [message for _, message in listener.heard if not message.endswith(b"mended")]
    assert len(heard) == len(set(heard))
    assert set(taken) <= set(heard)


async def test_a_join_while_redis_is_away_is_kept_until_it_is_back(server: RedisServer) -> None:
    server.kill()
    async with opened(server.url) as (bus, listener):
        assert bus.health().state == "degraded"
        joining = asyncio.create_task(bus.join([CHANNEL]))
        leaving = asyncio.create_task(bus.join([CHANNEL + ":left"]))
        await asyncio.sleep(0.05)
        await bus.leave([CHANNEL + ":left"])
        assert not joining.done()
        server.start()
        await asyncio.wait_for(asyncio.gather(joining, leaving), 20)
        await listener.comes_back(1)
        await said(bus, b"back")
        assert await listener.messages(1) == [b"back"]
        async with Redis.from_url(server.url) as client:
            assert await client.pubsub_channels() == [CHANNEL.encode()]


async def test_stopping_while_redis_is_away_ends_what_waits(server: RedisServer) -> None:
    server.kill()
    async with opened(server.url) as (bus, _):
        joining = asyncio.create_task(bus.join([CHANNEL]))
        await asyncio.sleep(0)
    with pytest.raises(TransientError, match="stopped"):
        await joining
    server.start()


async def test_a_network_that_is_cut_and_shut_is_outlived(server: RedisServer) -> None:
    async with proxy_to(server.socket) as proxy, opened(f"redis://127.0.0.1:{proxy.port}") as (bus, listener):
        channels = [f"{CHANNEL}:{number}" for number in range(1_000)]
        await bus.join([CHANNEL, *channels])
        proxy.cut()
        await listener.comes_back(1)
        proxy.shut()
        with pytest.raises(TransientError):
            await _refused(bus)
        await lost(bus)
        proxy.mend()
        await listener.comes_back(2)
        await said(bus, b"mended")
        assert await listener.messages(1) == [b"mended"]
        async with Redis.from_url(server.url) as client:
            assert len(await client.pubsub_channels()) == 1_001
        assert await connections(server.url) == NAMES


async def test_a_connection_that_only_looks_open_is_noticed(server: RedisServer) -> None:
    async with proxy_to(server.socket) as proxy, opened(f"redis://127.0.0.1:{proxy.port}") as (bus, listener):
        await bus.join([CHANNEL])
        proxy.hold()
        await lost(bus)
        with pytest.raises(TransientError):
            await _refused(bus)
        proxy.cut()
        proxy.mend()
        await listener.comes_back(1)
        await said(bus, b"mended")
        assert await listener.messages(1) == [b"mended"]


async def test_a_quiet_connection_is_asked_and_kept(server: RedisServer) -> None:
    async with opened(server.url, heartbeat=0.2) as (bus, listener):
        async with Redis.from_url(server.url) as client:
            while (await client.info("commandstats")).get("cmdstat_ping", {"calls": 0})["calls"] < 5:
                await asyncio.sleep(0.05)
        assert (listener.regained, bus.health().state) == (0, "healthy")
        assert await connections(server.url) == NAMES


async def test_a_redis_that_hangs_is_given_up_and_found_again(server: RedisServer) -> None:
    async with opened(server.url) as (bus, listener):
        await bus.join([CHANNEL])
        server.freeze()
        await lost(bus)
        with pytest.raises(TransientError):
            await _refused(bus)
        server.thaw()
        await listener.comes_back(1)
        await said(bus, b"thawed")
        await listener.until(lambda: (CHANNEL, b"thawed") in listener.heard)


async def test_stopping_while_redis_hangs_ends(server: RedisServer) -> None:
    tasks = asyncio.all_tasks()
    async with opened(server.url) as (bus, _):
        await bus.join([CHANNEL])
        server.freeze()
        publishing = asyncio.create_task(bus.publish(CHANNEL, b"lost"))
        await asyncio.sleep(0.05)
    with pytest.raises(TransientError):
        await publishing
    assert asyncio.all_tasks() == tasks
    server.thaw()


async def test_a_redis_that_cuts_off_who_listens_too_slowly_is_heard_again(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as client:
        await client.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 1")
    async with opened(server.url) as (bus, listener):
        await bus.join([CHANNEL])
        await bus.publish(CHANNEL, b"x" * 5_000_000)
        await listener.comes_back(1)
        await bus.publish(CHANNEL, b"small")
        assert await listener.messages(1) == [b"small"]


async def test_a_wrong_password_is_told_without_it(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as client:
        await client.config_set("requirepass", "the right one")
    async with opened(server.url.replace("unix://", "unix://:hunter2@")) as (bus, _):
        with pytest.raises(TransientError) as raised:
            await bus.publish(CHANNEL, b"not for you")
        told = f"{bus.health()} {raised.value!r} {raised.value.__cause__!r}"
    assert "password" in told
    assert "hunter2" not in told


async def test_a_redis_that_does_not_allow_it_is_told(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as client:
        await client.acl_setuser(
            "guest", enabled=True, nopass=True, categories=["+@all"], reset_channels=True
        )
    async with opened(server.url.replace("unix://", "unix://guest:any@")) as (bus, _):
        with pytest.raises(TransientError, match="permissions"):
            await bus.publish(CHANNEL, b"not for you")
        joining = asyncio.create_task(bus.join([CHANNEL]))
        await lost(bus)
        assert not joining.done()
    with pytest.raises(TransientError):
        await joining


async def test_who_gives_up_waiting_disturbs_nobody(server: RedisServer) -> None:
    async with opened(server.url) as (bus, listener):
        await bus.join([CHANNEL])
        for _ in range(20):
            tasks = [
                asyncio.create_task(bus.publish(CHANNEL, b"given up")),
                asyncio.create_task(bus.join([CHANNEL + ":other"])),
            ]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await bus.publish(CHANNEL, b"kept")
        await listener.until(lambda: (CHANNEL, b"kept") in listener.heard)
        assert listener.regained == 0


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost", "redis://host:port"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RedisCommandBus(url, SystemClock())


def test_a_url_that_asks_for_another_manner_of_speaking_gets_ours(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/redis.sock?protocol=3&decode_responses=true&socket_timeout=1"
    assert RedisCommandBus(url, SystemClock()).health().state == "healthy"
