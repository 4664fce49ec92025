"""The simulated exchange: a real server on the loopback interface, whose market runs as fast as one likes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Iterable
from typing import Literal

from aiohttp import web

from livermore.adapters.exchanges.simulated.binance.dialect import BinanceDialect
from livermore.adapters.exchanges.simulated.binance.session import SocketRules
from livermore.adapters.exchanges.simulated.coinbase.dialect import CoinbaseDialect
from livermore.adapters.exchanges.simulated.coinbase.rules import CoinbaseRules
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.doors import Dialect, Stage
from livermore.adapters.exchanges.simulated.faults import SHAPES, Faults, FaultScript, Place
from livermore.adapters.exchanges.simulated.floor import Floor
from livermore.adapters.exchanges.simulated.keys import Key, Keys
from livermore.adapters.exchanges.simulated.market import MarketRun, Pace
from livermore.adapters.exchanges.simulated.market_clock import MarketClock
from livermore.adapters.exchanges.simulated.source import Source
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.adapters.exchanges.simulated.view import View
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.errors import ConflictError
from livermore.kernel.service import Health

Protocol = Literal["binance", "coinbase"]


class SimulatedExchange:
    """Serve a source in Binance's or Coinbase's protocol.

    `speed` is market time by wall time, None as fast as the subscribers read. The market stands still until
    it has been subscribed to (`hold`); `position` (ms) is where it begins, else where the source does. `pace`
    is awaited between two buckets, so that the caller can hold the market back. `faults` is what goes wrong
    on the wire; `exchange.faults` begins and ends others. `keys` are those that it has given out.
    `weight_limit` and `rules` are Binance's; `coinbase_rules` are Coinbase's.
    """

    name = "simulated-exchange"

    def __init__(
        self,
        source: Source,
        *,
        protocol: Protocol = "binance",
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float | None = 1.0,
        position: int | None = None,
        hold: bool = True,
        pace: Pace | None = None,
        clock: Clock | None = None,
        weight_limit: int = 6000,
        rules: SocketRules | None = None,
        coinbase_rules: CoinbaseRules | None = None,
        faults: Faults | FaultScript | None = None,
        keys: Iterable[Key] = (),
    ) -> None:
        self.source = source
        self.counters = Counters()
        self.faults = faults if isinstance(faults, Faults) else Faults(faults)
        self._address = (host, port)
        self._hold = hold
        self._flat_out = speed is None
        clock = clock or SystemClock()
        begin = source.timeframe.bucket(source.start if position is None else position)
        dialect: Dialect = (
            CoinbaseDialect(source, speed, coinbase_rules or CoinbaseRules())
            if protocol == "coinbase"
            else BinanceDialect(source, speed, weight_limit, rules or SocketRules())
        )
        self._clock = MarketClock(clock, begin, speed)
        traded = TradedSource(source, dialect.told)
        self._floor = Floor(traded, self.market_time)
        self._run = MarketRun(source, dialect.timetable, self._clock, begin, pace)
        self.faults.attach(
            Place(
                now=self.market_time,
                origin=begin,
                clock=clock,
                symbols=[market.symbol for market in source.markets],
                shapes=SHAPES[protocol],
                counts=self.counters.faults,
            )
        )
        self._doors = dialect.open(
            Stage(
                source=traded,
                floor=self._floor,
                view=View(traded, dialect, self.faults.known),
                clock=clock,
                speed=speed,
                counters=self.counters,
                faults=self.faults,
                now=self.market_time,
                keys=Keys(keys),
            )
        )
        self._runner: web.AppRunner | None = None
        self._market: asyncio.Task[None] | None = None

    @property
    def rest_url(self) -> str:
        """Return the address of the REST interface."""
        return "http://{}:{}".format(*self._address)

    @property
    def ws_url(self) -> str:
        """Return the address of the WebSocket interface."""
        return "ws://{}:{}".format(*self._address)

    @property
    def finished(self) -> bool:
        """Say whether the last bar has been told."""
        return self.source.finished

    def market_time(self) -> int:
        """Return the market's time in ms UTC."""
        return self._clock.now()

    async def start(self) -> None:
        """Open the server; the market waits for its audience. Raises ConflictError when the port is taken."""
        application = web.Application(middlewares=[self.faults.middleware])
        application.add_routes([*self._doors.rest.routes(), *self._doors.sockets.routes()])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await self._listen(self._runner)
        self._market = asyncio.create_task(self._be_a_market(), name=self.name)

    async def stop(self) -> None:
        """Stop the market, say goodbye to every client and close the server."""
        if self._market is not None:
            self._market.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._market
        await self._doors.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def health(self) -> Health:
        """Say whether the market runs."""
        market = self._market
        if market is not None and market.done() and not market.cancelled() and market.exception():
            return Health(state="failed", detail=repr(market.exception()))
        return Health(detail="finished" if self.finished else None)

    async def announce_shutdown(self) -> None:
        """Tell every client that the server will soon go, as before maintenance."""
        await self._doors.voice.announce_shutdown(self.market_time())

    def halt(self, symbol: str) -> None:
        """Stop the trade in a market, which stays listed. Raises NotFoundError for one that there is not."""
        self._floor.halt(symbol)

    def reopen(self, symbol: str) -> None:
        """Let a halted market be traded again, from the next bar on."""
        self._floor.reopen(symbol)

    def delist(self, symbol: str) -> None:
        """Take a market off: no listing, no answer and no frame tells of it any more, nor of its alias."""
        self._floor.delist(symbol)

    def relist(self, symbol: str) -> None:
        """Put a market on the list again; it is traded from the next bar on, unless it is halted."""
        self._floor.relist(symbol)

    def subscribed(self) -> set[str]:
        """Return the markets whose bars (Coinbase: trades) some open connection asks for right now.

        At Coinbase an alias is called by the name of the market whose book it shares.
        """
        return self._doors.voice.subscribed()

    def cut_connections(self) -> None:
        """Cut every wire without a word."""
        self._doors.sockets.cut()

    async def _be_a_market(self) -> None:
        if self._hold:
            await self._doors.voice.whole_audience()
        await self._run.run(self._doors.voice, waits_for_audience=self._flat_out)

    async def _listen(self, runner: web.AppRunner) -> None:
        site = web.TCPSite(runner, *self._address)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            if error.errno != errno.EADDRINUSE:
                raise
            raise ConflictError(
                "the port of the simulated exchange is taken",
                where="{}:{}".format(*self._address),
                hint="choose another port, or 0 for any that is free",
            ) from error
        self._address = (self._address[0], runner.addresses[0][1])
