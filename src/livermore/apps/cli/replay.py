"""`livermore replay`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from livermore.apps.cli.frame import ManyValues, Spread, examples, new_app
from livermore.apps.cli.options import AsJson, existing, timeframe_of
from livermore.apps.cli.output import emit
from livermore.apps.cli.reading import plain
from livermore.kernel.errors import InvalidError

app = new_app()

ENDINGS = (".csv", ".csv.gz", ".parquet")
LIKE_TIMEFRAME = re.compile(r"\d+[a-zA-Z]")


class Replay(ManyValues):
    """Lets several timeframes follow one flag."""

    spread: ClassVar[Spread] = {"--timeframe": lambda word: LIKE_TIMEFRAME.fullmatch(word) is not None}


@app.command(
    cls=Replay,
    epilog=examples(
        "livermore replay binance_spot_BTCUSDT_5m.csv.gz",
        "livermore replay recordings/*.csv.gz --signals signals.csv --json",
        "livermore replay trades.csv --exchange binance --symbol XRPETH --timeframe 1m 5m",
    ),
)
def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Candles or trades: CSV, CSV.gz or Parquet.")
    ],
    exchange: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Their exchange, where the file's name does not say it."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="Their symbol, where the file does not say it.")
    ] = None,
    timeframe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIMEFRAME...", help="Judge these; else the file's own and the usual ones above it."
        ),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings to judge by (JSON); else the defaults.")
    ] = None,
    signals: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the signals (.csv, .csv.gz or .parquet).")
    ] = None,
    indicators: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write the indicator values (.csv, .csv.gz or .parquet)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the rules over recorded candles or trades, as fast as the machine can. No server is needed."""
    timeframes = tuple(timeframe_of(name) for name in timeframe or ())
    existing([*files, *([settings] if settings else [])])
    for out in (signals, indicators):
        check_ending(out)
    from livermore import bootstrap

    report = bootstrap.replay(
        bootstrap.ReplayPlan(
            files=tuple(files),
            exchange=exchange,
            symbol=symbol,
            timeframes=timeframes,
            settings=settings,
            signals_out=signals,
            indicators_out=indicators,
        )
    )
    document = plain(report)
    emit(document, as_json, lambda: _show(document))


def check_ending(out: Path | None) -> None:
    """Refuse a file whose name does not say how it is to be written."""
    if out is not None and not out.name.endswith(ENDINGS):
        hint = f"let its name end in {', '.join(ENDINGS)}"
        raise InvalidError("the name does not say what to write", where=str(out), hint=hint)


def _show(report: Any) -> None:
    print(
        f"{report['candles']:,} candles of {report['symbols']} symbols in {report['seconds']:.2f} s"
        f" ({report['candles_per_second']:,.0f} a second)"
    )
    for kind, count in report["signals"].items():
        print(f"{count:8,}  {kind}")
