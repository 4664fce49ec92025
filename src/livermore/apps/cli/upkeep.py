"""`livermore backfill` and `livermore clear-cache`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import typer

from livermore.apps.cli.asking import NoWait, Timeout, Wish, carry_out, confirmed
from livermore.apps.cli.frame import ManyValues, Spread, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, From, To, Workspace, time_of, timeframe_of
from livermore.apps.cli.signals import one_of
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe

backfill_app, clear_app = new_app(), new_app()

SCOPES = ("all", "symbol", "timeframe")
SECONDS = 600.0
OfExchange = Annotated[
    str | None, typer.Option(metavar="NAME", help="On this exchange; else the primary one.")
]


class Backfill(ManyValues):
    """Lets several timeframes follow `--timeframe`."""

    spread: ClassVar[Spread] = {"--timeframe": lambda word: word in set(Timeframe)}


@backfill_app.command(
    cls=Backfill,
    epilog=examples(
        "livermore backfill BTC-USD",
        "livermore backfill binance:BTCUSDT --timeframe 5m 1h --from 2026-05-01 --to 2026-05-08",
    ),
)
def backfill(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A watched symbol, or EXCHANGE:SYMBOL.")],
    exchange: OfExchange = None,
    timeframe: Annotated[
        list[str] | None, typer.Option(metavar="TIMEFRAME...", help="Only these; else all that are watched.")
    ] = None,
    from_: From = None,
    to: To = None,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Hold a symbol's candles against the exchange, and put right what differs."""
    payload = _given({
        "symbol": symbol, "exchange": exchange,
        "timeframes": [timeframe_of(name).value for name in timeframe] if timeframe else None,
        "from": time_of(from_, "--from"), "to": time_of(to, "--to"),
    })  # fmt: skip
    carry_out(Wish("force-backfill", payload, not no_wait, timeout), workspace, as_json=as_json)


@clear_app.command(
    "clear-cache",
    epilog=examples(
        "livermore clear-cache --scope all",
        "livermore clear-cache --scope symbol --symbol BTC-USD",
        "livermore clear-cache --scope timeframe --timeframe 5m --yes",
    ),
)
def clear_cache(
    scope: Annotated[
        str, typer.Option(metavar="SCOPE", help="What is dropped: all, a symbol, or a timeframe.")
    ],
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="This symbol, or EXCHANGE:SYMBOL.")
    ] = None,
    exchange: OfExchange = None,
    timeframe: Annotated[str | None, typer.Option(metavar="TIMEFRAME", help="This timeframe.")] = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="Delete what is stored of it, too; needs the role admin.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Drop what is held of watched symbols, and take it again from the store or the exchange."""
    one_of(scope, SCOPES, "--scope")
    payload = _given({
        "scope": scope, "symbol": symbol, "exchange": exchange, "stored": stored or None,
        "timeframe": timeframe_of(timeframe).value if timeframe else None,
    })  # fmt: skip
    if not yes and not _confirmed(payload):
        raise InvalidError("nothing was dropped", where="clear-cache", hint="add --yes to drop it")
    carry_out(Wish("clear-cache", payload, not no_wait, timeout), workspace, as_json=as_json)


def _confirmed(payload: Mapping[str, Any]) -> bool:
    what = " ".join(str(payload[name]) for name in ("symbol", "timeframe") if name in payload) or "everything"
    stored = ", and delete what is stored of it" if payload.get("stored") else ""
    return confirmed(f"Drop what is held of {what}{stored}?")


def _given(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value is not None}
