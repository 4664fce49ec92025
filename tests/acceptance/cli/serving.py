"""The API over a database, on a socket and a loop of its own, beside an exchange that lists symbols."""

import asyncio
import threading
from contextlib import suppress

import msgspec
import uvicorn

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import GeneratedSource, SimulatedExchange
from livermore.adapters.sql import Database, SqlExchangeBook
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.guard import Guard, Opening
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.web import bound_socket
from livermore.kernel.clock import SystemClock
from livermore.market.exchange import COINBASE

KEY = "the-key-of-this-run-in-this-test"


class Served(threading.Thread):
    """Serve a database until `stop`; its Coinbase is a simulated one."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._listening = bound_socket("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ending = threading.Event()
        self._ready = threading.Event()

    def run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        exchange = SimulatedExchange(GeneratedSource(["BTC-USD", "ETH-USD", "SOL-USD"]), protocol="coinbase")
        await exchange.start()
        async with bootstrap.writable(self._url) as system:
            await self._lead_to(exchange)
            guard = Guard.joined(system, doorway=Doorway(), opening=Opening(keys=(KEY,)))
            api = api_app(
                system, streams=Streams(system.bus), counted=Metrics(system), entrance=guard.entrance
            )
            server = uvicorn.Server(
                uvicorn.Config(guard.before(api), log_level="error", log_config=None, lifespan="off")
            )
            serving = asyncio.create_task(server.serve([self._listening]))
            self._ready.set()
            await asyncio.to_thread(self._ending.wait)
            server.should_exit = True
            await serving
        await exchange.stop()

    async def _lead_to(self, exchange: SimulatedExchange) -> None:
        database = Database(self._url)
        row = msgspec.structs.replace(COINBASE, rest_url=exchange.rest_url, ws_url=exchange.ws_url)
        await SqlExchangeBook(database, SystemClock()).put(row)
        await database.close()

    def begin(self) -> "Served":
        """Start, and wait until it answers."""
        self.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self._ending.set()
        self.join(30)
