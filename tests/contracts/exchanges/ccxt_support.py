"""What the tests of the adapter through ccxt share: the adapter, pointed at a server of ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.exchanges.through_ccxt import ThroughCcxt, Timing
from livermore.adapters.exchanges.through_ccxt.library import make
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.exchange import ExchangeInfo
from tests.contracts.exchanges.support import RecordingSink


def through(
    rest_url: str | None,
    ws_url: str | None = "ws://127.0.0.1:1",
    *,
    clock: Clock | None = None,
    has: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    ccxt_id: str = "binance",
    base: Timeframe = Timeframe.M1,
    timing: Timing | None = None,
    **more: Any,
) -> ThroughCcxt:
    """The adapter for an exchange that ccxt knows as Binance, with or without some of its features."""

    def factory(name: str, config: dict[str, Any]) -> Any:
        instance = make(name, config)
        instance.has.update(has or {})
        instance.options.update(options or {})
        return instance

    info = ExchangeInfo(
        name="elsewhere",
        display_name="Elsewhere",
        rest_url=rest_url,
        ws_url=ws_url,
        supported_timeframes=("1m", "5m", "1h"),
        api_limits={"ccxt": ccxt_id},
    )
    return ThroughCcxt(info, clock or SystemClock(), base=base, timing=timing, factory=factory, **more)


@contextlib.asynccontextmanager
async def watched(
    exchange: ThroughCcxt, symbols: Sequence[str], sink: RecordingSink | None = None
) -> AsyncIterator[tuple[RecordingSink, Any, Any]]:
    """Stream some symbols into a sink; gives the sink, the stream and the task of its `run`."""
    sink = sink or RecordingSink()
    stream = await exchange.connect()
    run = asyncio.create_task(stream.run(sink))
    try:
        await stream.subscribe(symbols)
        yield sink, stream, run
    finally:
        await stream.close()
        await asyncio.gather(run, return_exceptions=True)
        await exchange.close()


def of(server: SimulatedExchange, **more: Any) -> ThroughCcxt:
    """The adapter, pointed at a simulated exchange."""
    return through(server.rest_url, server.ws_url, **more)
