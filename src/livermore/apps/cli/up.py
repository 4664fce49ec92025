"""`livermore up`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from livermore.apps.cli.frame import ManyValues, Spread, examples, new_app
from livermore.apps.cli.network import Host, Port, is_loopback
from livermore.apps.cli.options import HERE, SPEED_HELP, Workspace, existing, speed_of
from livermore.apps.cli.stored import SERVER_VARIABLE

app = new_app()

DEMO_SPEED, FASTEST = "60", "max"


class Up(ManyValues):
    """Lets several files follow `--replay`."""

    spread: ClassVar[Spread] = {"--replay": lambda word: True}


@app.command(
    cls=Up,
    epilog=examples(
        "livermore up --demo",
        "livermore up --symbol BTC-USD --symbol ETH-USD --symbol binance:BTCUSDT",
        "livermore up --replay btc_5m.csv.gz eth_5m.csv.gz --speed max",
    ),
)
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Watch a simulated market on two exchanges.")] = False,
    replay: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE...", help="Watch recorded candles or trades (CSV, CSV.gz, Parquet)."),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(metavar="N|max", help=f"{SPEED_HELP} The demo runs at 60, a recording at max."),
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The first start's primary exchange; else coinbase."),
    ] = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYMBOL",
            help="Watch this symbol, or EXCHANGE:SYMBOL, from the first start on; may be repeated.",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 7070,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    workspace: Workspace = HERE,
) -> None:
    """Start everything in one process: watch markets, judge closed bars, serve the pages, print alerts.

    Without --demo or --replay it watches real exchanges, with no keys. Ctrl-C stops it in good order.
    """
    if demo and replay:
        raise typer.BadParameter("--demo and --replay are two different markets; choose one")
    if speed is not None and not (demo or replay):
        raise typer.BadParameter("--speed is for --demo and --replay; a real market has its own")
    is_loopback(host)  # before anything is written: is it an address at all?
    check_exchange(exchange)
    files = existing(replay or [])
    pace = speed_of(speed or (FASTEST if replay else DEMO_SPEED))
    from livermore import bootstrap
    from livermore.apps.cli.running import Door, run

    plan = bootstrap.Plan(
        workspace=workspace,
        source="demo" if demo else "replay" if replay else "live",
        exchange=exchange,
        symbols=tuple(map(named, symbol or ())),
        files=files,
        speed=pace,
        database_url=os.environ.get(SERVER_VARIABLE),
    )
    run(plan, Door(host, port, open_))


def named(symbol: str) -> str:
    """Write a symbol as exchanges do, behind the name of its exchange where it has one."""
    from livermore.settings.forms import qualify

    exchange, name = qualify(symbol, None)
    return name.upper() if exchange is None else f"{exchange}:{name.upper()}"


def check_exchange(name: str | None) -> None:
    """Refuse an exchange that nobody knows, before it is written into the settings."""
    from livermore import bootstrap

    if name is not None:
        bootstrap.preset_of(name)
