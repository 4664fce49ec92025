"""What a PATCH of the settings costs over HTTP, beside a bare FastAPI route with the same guarded update.

Both are served on loopback sockets by uvicorn, each on a thread and a loop of its own, over one database.
They are asked in turns on connections that stay open; the median counts. Ours finds out who asks by a token,
checks the role, reads the document, checks it before and after, compares, writes only the path, keeps the
revision, and answers with the whole. The bare route takes the value, updates the column where the revision is
still the one that it read, keeps the same revision, and answers with the document of the row.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Text, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from starlette.types import ASGIApp

from benchmarks.storage import _server
from benchmarks.table import Row, seconds
from livermore import bootstrap
from livermore.adapters.sql import Database
from livermore.adapters.sql.tables import settings_revisions, users
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.guard import Guard, Opening
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.web import bound_socket
from livermore.kernel.scope import EVERYBODY

BOUND = 3.0
SYMBOLS = 50
NOW = 1_780_000_000_000
OURS, BARE = "/api/v1/settings", "/settings"


class Bench(threading.Thread):
    """Serve an application until `stop`."""

    def __init__(self, opened: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._opened = opened
        self._listening = bound_socket("127.0.0.1", 0)
        self.port: int = self._listening.getsockname()[1]
        self.token = ""
        self._ready, self._ending = threading.Event(), threading.Event()

    def run(self) -> None:
        """Serve."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        async with self._opened() as (app, token):
            self.token = token
            config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([self._listening]))
            self._ready.set()
            await asyncio.to_thread(self._ending.wait)
            server.should_exit = True
            await serving

    def begin(self) -> Bench:
        """Start, and wait until it serves."""
        self.start()
        self._ready.wait(60)
        return self

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self._ending.set()
        self.join(30)


class Wish(BaseModel):
    """What the bare route takes."""

    path: list[str]
    value: int


def run(*, quick: bool) -> list[Row]:
    """Measure both databases."""
    rounds = 200 if quick else 1000
    with tempfile.TemporaryDirectory(prefix="lm-bench-") as folder, ExitStack() as stack:
        file = Path(folder) / "livermore.db"
        rows = _measure("sqlite", f"sqlite+aiosqlite:///{file}", rounds)
        address = os.environ.get("LIVERMORE_TEST_DATABASE_URL") or _server(Path(folder), stack)
        return [*rows, *_measure("postgresql", address, rounds)]


def _measure(name: str, address: str, rounds: int) -> list[Row]:
    ours = Bench(lambda: _ours(address)).begin()
    bare = Bench(lambda: _bare(name, address)).begin()
    try:
        asked = {OURS: _asking(ours, OURS), BARE: _asking(bare, BARE)}
        times = _race(asked, rounds)
    finally:
        bare.stop()
        ours.stop()
    ratio = times[OURS] / times[BARE]
    label = f"settings: PATCH over HTTP, {name}"
    other = f"bare {seconds(times[BARE])}"
    return [
        Row(
            name=label, ours=seconds(times[OURS]), other=other, ratio=ratio,
            bound=f"<= {BOUND:g}", good=ratio <= BOUND,
        )
    ]  # fmt: skip


def _race(asked: dict[str, Callable[[int], None]], rounds: int) -> dict[str, float]:
    """Patch by each in turns that chance orders; return the medians in seconds."""
    chance, taken = Random(1), {name: list[float]() for name in asked}
    number = 0
    for _ in range(rounds):
        for name in chance.sample(list(asked), len(asked)):
            number += 1
            start = perf_counter()
            asked[name](number % 3600)
            taken[name].append(perf_counter() - start)
    return {name: median(times) for name, times in taken.items()}


def _asking(server: Bench, path: str) -> Callable[[int], None]:
    """Return what patches on a connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"content-type": "application/json", "authorization": f"Bearer {server.token}"}

    def ask(value: int) -> None:
        body = json.dumps({"path": ["alerts", "cooldown_seconds"], "value": value})
        connection.request("PATCH", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or json.loads(content)["settings"]["alerts"]["cooldown_seconds"] != value:
            raise RuntimeError(f"{path} answered {answer.status}: {content[:200]!r}")

    return ask


@asynccontextmanager
async def _ours(address: str) -> AsyncIterator[tuple[ASGIApp, str]]:
    """Lend our API, with a watchlist and a token of its user."""
    async with bootstrap.writable(address) as system:
        names = [f"coinbase:{chr(65 + n // 26)}{chr(65 + n % 26)}-USD" for n in range(SYMBOLS)]
        await _store(address, system.user.id, {"version": 2, "symbols": names, "alerts": {"enabled": True}})
        _, token = await system.accounts.create_token(system.user.scope(), "bench", "operator")
        guard = Guard.joined(system, doorway=Doorway(), opening=Opening())
        api = api_app(
            system, streams=Streams(system.bus), counted=Metrics(system), entrance=guard.entrance
        )  # fmt: skip
        yield guard.before(api), token


async def _store(address: str, user: int, document: Any) -> None:
    database = Database(address)
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(update(users).where(users.c.id == user).values(settings=document))
    await database.close()


@asynccontextmanager
async def _bare(name: str, address: str) -> AsyncIterator[tuple[ASGIApp, str]]:
    """Lend a route that does what it must and nothing more."""
    database, app = Database(address), FastAPI()
    newest = select(users.c.id, users.c.settings_revision).where(users.c.identity_sub == "local")

    @app.patch(BARE)
    async def patch(wish: Wish) -> Any:
        async with database.writing(EVERYBODY) as connection:
            user, revision = (await connection.execute(newest)).one()
            guarded = update(users).where(users.c.id == user, users.c.settings_revision == revision)
            values = {"settings": _put(name, wish), "settings_revision": revision + 1, "updated_at": NOW}
            changed = await connection.execute(guarded.values(values).returning(users.c.settings))
            document = changed.scalar_one()
            kept = {"user_id": user, "revision": revision + 1, "created_at": NOW, "document": document}
            about = {"diff": [], "author": "bench", "source": "api"}
            await connection.execute(insert(settings_revisions), kept | about)
        return {"settings": document, "revision": revision + 1}

    yield app, ""
    await database.close()


def _put(name: str, wish: Wish) -> ColumnElement[Any]:
    """Return the column with a value at a path."""
    if name == "sqlite":
        return func.json_set(users.c.settings, "$." + ".".join(wish.path), wish.value)
    place = literal(wish.path, ARRAY(Text))
    return func.jsonb_set(users.c.settings, place, cast(literal(str(wish.value)), JSONB), type_=JSONB())
