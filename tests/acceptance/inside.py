"""A live system in this process: joined as `up` joins it, but without the patience of 5 s and more."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from livermore import bootstrap
from livermore.adapters.exchanges import binance, coinbase
from livermore.bootstrap import exchanges as chosen
from livermore.bootstrap import posts
from livermore.market import reconnect
from livermore.market.desk import Desk
from livermore.workspace.folder import Workspace

DELAY = 0.1  # seconds before the first new connection; 5 in real life
REQUEST = 0.5  # seconds that a request may take; 10 in real life


class _HastyDesk(Desk):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options | {"first_delay": DELAY})


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every desk connect again soon, and wait for no request long."""
    connect_hastily(monkeypatch)
    timing = binance.Timing(request=REQUEST)
    monkeypatch.setattr(chosen, "Binance", partial(binance.Binance, timing=timing))
    other_timing = coinbase.Timing(request=REQUEST)
    monkeypatch.setattr(chosen, "Coinbase", partial(coinbase.Coinbase, timing=other_timing))


def connect_hastily(patch: pytest.MonkeyPatch) -> None:
    """Let every desk that is opened from now on connect again soon."""
    patch.setattr(posts, "Desk", _HastyDesk)
    patch.setattr(reconnect, "LONGEST_DELAY", 10 * DELAY)


class Place(NamedTuple):
    """Where on this machine an exchange is, and what is watched of it."""

    port: int
    symbols: tuple[str, ...]


@asynccontextmanager
async def live_system(folder: Path, port: int, *symbols: str) -> AsyncIterator[bootstrap.System]:
    """Watch symbols of a Binance whose row says that it is on this machine."""
    async with live_systems(folder, binance=Place(port, symbols)) as system:
        yield system


@asynccontextmanager
async def live_systems(folder: Path, *others: str, **places: Place) -> AsyncIterator[bootstrap.System]:
    """Watch symbols of exchanges whose rows say that they are on this machine; the first is the primary.

    `others` are symbols of exchanges that are nowhere, each behind the exchange's name. Servers are those
    that the environment names.
    """
    workspace = Workspace(folder)
    workspace.prepare()
    server = os.environ.get("LIVERMORE_DATABASE_URL")
    url = server or f"sqlite+aiosqlite:///{workspace.database()}"
    await bootstrap.database(url).upgrade()
    stored = await bootstrap.read_only(url)
    for name, place in places.items():
        row = await stored.market.exchange(name)
        here = {"rest_url": f"http://127.0.0.1:{place.port}", "ws_url": f"ws://127.0.0.1:{place.port}"}
        await stored.market.put_exchange(msgspec.structs.replace(row, **here))
    await stored.stop()
    named = [f"{name}:{symbol}" for name, place in places.items() for symbol in place.symbols]
    plan = bootstrap.Plan(
        workspace=folder, exchange=next(iter(places)), symbols=(*named, *others), database_url=server
    )
    system = await bootstrap.build(plan)
    await system.start()
    try:
        yield system
    finally:
        await system.stop()


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
