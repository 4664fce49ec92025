"""A webhook that hangs holds nothing up: neither a pause nor a change of settings waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from livermore import bootstrap
from livermore.control.lifecycle import Status
from livermore.kernel.clock import rfc3339
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship
from livermore.signals import lane
from livermore.signals.alert import Alert

from .inside import live_system, until
from .symbols import port_of, serving

VARIABLE = "HANGING_URL"
BY = Authorship(author="jesse", source="api")
QUIET = {"level": "off", "reversal": "off", "system": "on"}
ROUTE = {"channel": "webhook", "url_environment_variable": VARIABLE, "events": QUIET}


class Hanging:
    """A receiver that answers when it is told to, and knows which requests wait for that."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.waiting: set[str] = set()
        self.answers = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        key = request.headers["Idempotency-Key"]
        self.came.append(key)
        self.waiting.add(key)
        try:
            await self.answers.wait()
        finally:
            self.waiting.discard(key)
        return web.Response(status=204)


@asynccontextmanager
async def hanging(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hanging]:
    """Lend a receiver, whose address the environment names."""
    receiver, app = Hanging(), web.Application()
    app.router.add_post("/", receiver.take)
    # Otherwise nobody would be told that the other end has hung up.
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{runner.addresses[0][1]}/")
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Desk:
    """A user who has one alert on its way to a receiver that hangs."""

    def __init__(self, system: bootstrap.System, receiver: Hanging) -> None:
        self.system, self.receiver, self.scope = system, receiver, system.user.scope()

    async def begin(self) -> None:
        """Put an alert into the outbox, and wait until the receiver has been asked to take it."""
        now = self.system.clock.now()
        waiting = Alert(
            id="alert-1", signal_id=None, event="system", channel="webhook", state="pending", attempts=0,
            created_at=rfc3339(now), sent_at=None, error=None, payload={"id": "alert-1"}, next_attempt=now,
        )  # fmt: skip
        await self.write([ROUTE])
        runtimes: Any = self.system.runtimes
        watch = runtimes.of(self.scope).parts.watch
        async with watch._means.work(self.scope) as work:
            await work.alerts.add([waiting])
        watch.told()
        await until(lambda: self.receiver.waiting)

    async def write(self, routes: list[dict[str, Any]]) -> None:
        patch = MergePatch({"alerts": {"routes": routes}})
        change = await self.system.settings.patch(self.scope, patch, BY)
        assert (await self.system.runtimes.bring_about(self.scope, change.revision)).holds

    async def ask(self, name: str, **payload: Any) -> None:
        channel = self.system.control.channel
        submitted = await channel.submit(
            self.scope, name, payload, author="jesse", role="admin", source="api"
        )
        command = await channel.wait(self.scope, submitted.id, 30)
        assert command.status is Status.SUCCEEDED, command.error

    async def stored(self) -> tuple[str, int]:
        (alert,) = [
            one for one in (await self.system.signals.alerts(self.scope)).alerts if one.id == "alert-1"
        ]
        return alert.state, alert.attempts


@asynccontextmanager
async def desk(folder: Path, monkeypatch: pytest.MonkeyPatch, grace: float = 60) -> AsyncIterator[Desk]:
    """Have a receiver hang; so many seconds are given to a delivery that nobody waits for."""
    monkeypatch.setattr(lane, "GRACE", grace)
    async with (
        hanging(monkeypatch) as receiver,
        serving("binance") as servers,
        live_system(folder, port_of(servers["binance"]), "BTCUSDT") as system,
    ):
        one = Desk(system, receiver)
        await one.begin()
        try:
            yield one
        finally:
            receiver.answers.set()


@pytest.mark.parametrize("level", ["data", "alerts"])
async def test_a_pause_does_not_wait_and_what_is_answered_after_it_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    async with desk(tmp_path, monkeypatch) as asked:
        await asked.ask("pause", level=level)
        assert asked.receiver.waiting == {"alert-1"}, "the pause has waited for it"
        assert await asked.stored() == ("pending", 0)
        await asked.ask("resume")
        asked.receiver.answers.set()
        await until(lambda: not asked.receiver.waiting)
        while await asked.stored() != ("sent", 1):
            await asyncio.sleep(0.01)
        assert asked.receiver.came == ["alert-1"]


async def test_a_change_of_routes_does_not_wait_and_goes_on_with_what_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch, grace=0.1) as asked:
        await asked.write([ROUTE | {"events": QUIET | {"level": "silent"}}])
        await until(lambda: asked.receiver.came == ["alert-1", "alert-1"])
        assert await asked.stored() == ("pending", 0)
        asked.receiver.answers.set()
        while await asked.stored() != ("sent", 1):
            await asyncio.sleep(0.01)


async def test_the_end_cuts_off_what_hangs_and_the_next_start_sends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch, grace=0.1) as asked:
        await asked.system.runtimes.stop()
        assert asked.receiver.waiting == set()
        assert await asked.stored() == ("pending", 0)
        asked.receiver.answers.set()
        await asked.system.start()
        await until(lambda: asked.receiver.came == ["alert-1", "alert-1"])
