"""`livermore simulate`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.network import Host, Port, check_loopback
from livermore.apps.cli.options import Speed, existing, speed_of
from livermore.apps.cli.waiting import asked_to_stop

app = new_app()


@app.command(
    epilog=examples(
        "livermore simulate --symbol BTCUSDT --symbol ETHUSDT --speed 60",
        "livermore simulate binance_spot_BTCUSDT_5m.csv.gz --exchange binance --speed max",
        "livermore simulate --exchange coinbase --symbol BTC-USD",
        "livermore simulate --faults hostile.json --speed 60",
    )
)
def simulate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Serve these candles or trades; else made-up ones."),
    ] = None,
    exchange: Annotated[
        str, typer.Option(metavar="NAME", help="Speak as this exchange: binance, binance_us or coinbase.")
    ] = "binance",
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL", help="List this symbol; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same market.")] = 1,
    speed: Speed = "1",
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Let go wrong what this script (JSON) says.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
) -> None:
    """Run the simulated exchange alone: the real protocols over real sockets, without an exchange."""
    check_loopback(host)
    chosen = {
        "seed": seed, "symbols": tuple(symbol or ()), "speed": speed_of(speed),
        "host": host, "port": port, "exchange": exchange, "faults": faults,
    }  # fmt: skip
    existing([faults] if faults else [])
    asyncio.run(_run(existing(files or []), chosen))


async def _run(files: tuple[Path, ...], chosen: dict[str, Any]) -> None:
    from livermore import bootstrap

    market = bootstrap.simulated(files, **chosen)
    with asked_to_stop() as asked:
        await market.start()
        try:
            print(_told(chosen["exchange"], market), flush=True)
            await asked.wait()
        finally:
            await market.stop()


def _told(name: str, market: Any) -> str:
    """Say where it is, and how a folder comes to watch it and never the real one."""
    from livermore.market.exchange import SEEDED

    symbol = market.source.markets[0].symbol
    verb = "edit" if name in {row.name for row in SEEDED} else "add"
    return f"""a simulated {name} runs until Ctrl-C
REST    {market.rest_url}
stream  {market.ws_url}

To watch it, in another terminal and an empty folder:
  livermore exchanges {verb} {name} --rest-url {market.rest_url} --ws-url {market.ws_url}
  livermore up --exchange {name} --symbol {symbol}"""
