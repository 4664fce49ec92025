"""A running system obeys, whoever commands it: in one process on SQLite, and over Redis and PostgreSQL."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import GeneratedSource, SimulatedExchange
from livermore.control.command import Command
from livermore.control.lifecycle import Status
from livermore.kernel.events import Topic
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship

from .inside import Place, live_systems, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
SPEED = 60.0
SERVERS = "Redis and PostgreSQL"


class Obedient(NamedTuple):
    """A system, and the market that it watches."""

    system: bootstrap.System
    market: SimulatedExchange

    async def ask(self, name: str, payload: Any = None, seconds: float = 30, **options: Any) -> Command:
        """Submit a command and return what has become of it."""
        channel, scope = self.system.control.channel, self.system.user.scope()
        asked = await channel.submit(
            scope, name, payload or {}, author="jesse", role="admin", source="api", **options
        )
        return await channel.wait(scope, asked.id, seconds)

    async def runs(self) -> None:
        """Wait until all is loaded and live."""
        await until(lambda: self.system.status().state == "running", 60)


@asynccontextmanager
async def obedient(folder: Path) -> AsyncIterator[Obedient]:
    source = GeneratedSource(SYMBOLS, past_days=2)
    market = SimulatedExchange(source, protocol="binance", speed=SPEED)
    await market.start()
    try:
        place = Place(int(market.rest_url.rsplit(":", 1)[1]), SYMBOLS)
        async with live_systems(folder, binance=place) as system:
            yield Obedient(system, market)
    finally:
        await market.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["in-process and SQLite", SERVERS])
async def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
    redis_url: str, postgres_module_database: str,
) -> AsyncIterator[Obedient]:  # fmt: skip
    """One system for each back end, which the tests of this module command one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == SERVERS:
            patch.setenv("LIVERMORE_REDIS_URL", redis_url)
            patch.setenv("LIVERMORE_DATABASE_URL", postgres_module_database)
        async with obedient(tmp_path_factory.mktemp("commanded")) as one:
            yield one


@pytest_asyncio.fixture(loop_scope="module")
async def commanded(shared: Obedient) -> Obedient:
    """The system, live."""
    if shared.system.status().pause is not None:
        await shared.ask("resume")
    await shared.runs()
    return shared


async def test_pause_and_resume(commanded: Obedient) -> None:
    """RUN-04, RUN-05, RUN-10, RUN-11: what is paused rests, the channel does not, and resuming goes on."""
    system = commanded.system
    paused = await commanded.ask("pause", {"reason": "lunch"})
    assert (paused.status, paused.error) == (Status.SUCCEEDED, None)
    assert paused.acknowledged_at is not None
    assert paused.result["pause"]["reason"] == "lunch"
    status = system.status()
    assert (status.state, [one.state for one in status.exchanges]) == ("paused", ["paused"])
    assert system.market._plane.desks == {}
    assert (await commanded.ask("pause", {"level": "data"})).status is Status.SUCCEEDED
    resumed = await commanded.ask("resume")
    assert resumed.status is Status.SUCCEEDED
    await commanded.runs()
    again = await commanded.ask("resume")
    assert (again.status, again.error and again.error.code) == (Status.FAILED, "conflict")


async def test_a_pause_of_alerts_ends_by_itself(commanded: Obedient) -> None:
    system = commanded.system
    until_then = system.clock.now() + 1_500
    await commanded.ask("pause", {"level": "alerts", "until": until_then})
    assert system.status().state == "running"
    await until(lambda: system.status().pause is None, 30)
    history = await system.control.journal.history(system.user.scope(), system.clock.now())
    assert (history.commands[0].type, history.commands[0].source) == ("resume", "system")


async def test_modes_are_switched_and_remembered(commanded: Obedient) -> None:
    """RUN-07: the mode changes live, as a revision of the settings; one is not there yet."""
    system, scope = commanded.system, commanded.system.user.scope()
    switched = await commanded.ask("switch-mode", {"mode": "scalper-macdv"})
    assert (switched.status, switched.result["mode"]) == (Status.SUCCEEDED, "scalper-macdv")
    assert system.status().mode == "scalper-macdv"
    (newest, *_) = await system.settings.history(scope)
    assert (newest.source, newest.author) == ("command", "jesse")
    refused = await commanded.ask("switch-mode", {"mode": "scalper-orderbook"})
    assert (refused.status, refused.error and refused.error.code) == (Status.FAILED, "not_implemented")
    assert system.status().mode == "scalper-macdv"


async def test_settings_are_read_again(commanded: Obedient) -> None:
    """RUN-06: what another process has written holds without a restart, and what changed is told."""
    system, scope = commanded.system, commanded.system.user.scope()
    elsewhere = await bootstrap.read_only(system.database.url.render_as_string(hide_password=False))
    by = Authorship(author="jesse", source="cli")
    before = system.status().settings["applied"]
    await elsewhere.settings.patch(scope, MergePatch({"alerts": {"enabled": False}}), by)
    await elsewhere.stop()
    reloaded = await commanded.ask("reload-settings")
    assert reloaded.status is Status.SUCCEEDED
    assert reloaded.result["revision"] == system.status().settings["applied"] == before + 1
    assert [one["path"] for one in reloaded.result["changes"]] in ([], ["alerts.enabled"])


async def test_candles_are_read_again_and_what_is_held_is_taken_again(commanded: Obedient) -> None:
    """RUN-08, RUN-09: one symbol is held against the exchange, and memory is filled anew from the store."""
    filled = await commanded.ask("force-backfill", {"symbol": "btcusdt", "timeframes": ["1m", "1h"]})
    assert (filled.status, filled.error) == (Status.SUCCEEDED, None)
    assert filled.result["symbol"] == "BTCUSDT"
    assert {tally["corrected"] for tally in filled.result["timeframes"].values()} == {0}
    for payload in (
        {"scope": "all"},
        {"scope": "symbol", "symbol": "ETHUSDT"},
        {"scope": "timeframe", "timeframe": "1h"},
    ):
        cleared = await commanded.ask("clear-cache", payload)
        assert (cleared.status, cleared.error) == (Status.SUCCEEDED, None)
        assert cleared.result["bars"] > 0
    unknown = await commanded.ask("force-backfill", {"symbol": "NOPE"})
    assert (unknown.status, unknown.error and unknown.error.code) == (Status.FAILED, "not_found")
    await commanded.ask("pause")
    paused = await commanded.ask("force-backfill", {"symbol": "BTCUSDT"})
    assert (paused.status, paused.error and paused.error.code) == (Status.FAILED, "conflict")


async def test_a_repeat_returns_the_first_outcome(commanded: Obedient) -> None:
    command_id = str(uuid4())
    first = await commanded.ask("pause", {"reason": "once"}, command_id=command_id)
    await commanded.ask("resume")
    repeat = await commanded.ask("pause", {"reason": "once"}, command_id=command_id)
    assert repeat == first
    assert commanded.system.status().state != "paused"


async def test_every_step_is_told(commanded: Obedient) -> None:
    system = commanded.system
    topics: tuple[Topic, ...] = ("command",)
    told = system.bus.subscribe(system.user.identity_sub, topics)
    command = await commanded.ask("pause", {"level": "alerts"})
    statuses = []
    async with asyncio.timeout(10):
        async for event in told:
            assert event.data["id"] == command.id
            statuses.append(event.data["status"])
            if statuses[-1] == "succeeded":
                break
    assert statuses == ["accepted", "running", "succeeded"]
    told.close()


@pytest.mark.parametrize("shared", [SERVERS], indirect=True)
async def test_any_program_may_publish_a_command(commanded: Obedient, redis_url: str) -> None:
    """RUN-01, RUN-02, RUN-03: plain Redis in the documented wire form is answered on the other channel."""
    async with Redis.from_url(redis_url) as redis, redis.pubsub() as heard:
        one, sub, command_id = commanded, commanded.system.user.identity_sub, str(uuid4())
        await heard.subscribe(f"livermore:responses:{sub}")
        message = {"correlationId": command_id, "type": "pause", "timestamp": int(time.time() * 1000)}
        assert await redis.publish(f"livermore:commands:{sub}", json.dumps(message)) == 1
        answers = await _answers(heard, command_id)
        assert [answer["status"] for answer in answers] == ["ack", "progress", "success"]
        assert one.system.status().state == "paused"
        assert answers[-1]["data"]["current"] == "paused"
        await redis.publish(f"livermore:commands:{sub}", b"\xff\x00 garbage")
        (refused,) = await _answers(heard, None)
        assert (refused["status"], refused["error"]["code"]) == ("error", "invalid_payload")
        await redis.publish(
            f"livermore:commands:{sub}", json.dumps(message | {"payload": {"level": "alerts"}})
        )
        (conflict,) = await _answers(heard, command_id)
        assert conflict["error"]["code"] == "conflict"


async def _answers(heard: Any, command_id: str | None) -> list[dict[str, Any]]:
    """Return the answers up to the last one to a command, or to whatever was asked last."""
    answers: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        async for message in heard.listen():
            if message["type"] != "message":
                continue
            answer = json.loads(message["data"])
            assert command_id in (None, answer["correlationId"])
            answers.append(answer)
            if answer["status"] in {"success", "error"}:
                break
    return answers
