"""A live system in this process: joined as `up` joins it, but without the patience of 5 s and more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from livermore import bootstrap
from livermore.adapters.exchanges import binance
from livermore.bootstrap import exchanges as chosen
from livermore.bootstrap import system as joined
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
    timing = binance.Timing(request=REQUEST)
    monkeypatch.setattr(joined, "Desk", _HastyDesk)
    monkeypatch.setattr(chosen, "Binance", partial(binance.Binance, timing=timing))
    monkeypatch.setattr(reconnect, "LONGEST_DELAY", 10 * DELAY)


@asynccontextmanager
async def live_system(folder: Path, port: int, *symbols: str) -> AsyncIterator[bootstrap.System]:
    """Watch symbols of a Binance whose row says that it is on this machine."""
    workspace = Workspace(folder)
    workspace.prepare()
    url = f"sqlite+aiosqlite:///{workspace.database()}"
    await bootstrap.database(url).upgrade()
    stored = await bootstrap.read_only(url)
    row = await stored.market.exchange("binance")
    here = msgspec.structs.replace(row, rest_url=f"http://127.0.0.1:{port}", ws_url=f"ws://127.0.0.1:{port}")
    await stored.market.put_exchange(here)
    await stored.stop()
    system = await bootstrap.build(bootstrap.Plan(workspace=folder, exchange="binance", symbols=symbols))
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
