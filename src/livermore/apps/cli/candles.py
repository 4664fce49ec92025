"""`livermore candles`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from livermore.apps.cli.candle_files import check_ending, file_name, write_candles
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, From, Source, To, Workspace, time_of, timeframe_of
from livermore.apps.cli.output import emit, moment, number, table
from livermore.apps.cli.reading import Reader, StoreReader, read, read_stored
from livermore.apps.cli.stored import find_database

app = new_app("Show candles of one series, or export all that are stored.", group=DefaultGroup)

PAGE = 10_000


class Wanted(NamedTuple):
    """A series and a range [start, end) in ms; without an exchange the only one is meant."""

    exchange: str | None
    symbol: str
    timeframe: str
    start: int | None = None
    end: int | None = None

    async def page(self, reader: Reader, limit: int) -> Any:
        """Return the newest candles of the range."""
        exchange = self.exchange or await reader.exchange_of(self.symbol)
        return await reader.candles(
            exchange, self.symbol, self.timeframe, start=self.start, end=self.end, limit=limit
        )

    async def whole(self, reader: Reader) -> Any:
        """Return every candle of the range, page after page."""
        exchange = self.exchange or await reader.exchange_of(self.symbol)
        length = timeframe_of(self.timeframe).milliseconds
        start, candles, page = self.start or 0, [], None
        while page is None or len(page["candles"]) == PAGE:
            page = await reader.candles(
                exchange, self.symbol, self.timeframe, start=start, end=None, limit=PAGE
            )
            candles += page["candles"]
            start = candles[-1]["time"] + length if candles else start
        return page | {"candles": [bar for bar in candles if self.end is None or bar["time"] < self.end]}


@app.command(
    "show",
    epilog=examples(
        "livermore candles binance:BTCUSDT --timeframe 1h",
        "livermore candles BTCUSDT --timeframe 5m --from 2026-05-01 --export btc.csv.gz",
        "livermore candles export recordings",
    ),
)
def show(
    series: Annotated[
        str,
        typer.Argument(
            metavar="SERIES", help="EXCHANGE:SYMBOL, or SYMBOL alone where it is watched on one exchange."
        ),
    ],
    timeframe: Annotated[
        str, typer.Option(metavar="TIMEFRAME", help="1m, 5m, 15m, 30m, 1h, 2h, 4h, 6h or 1d.")
    ] = "1h",
    from_: From = None,
    to: To = None,
    limit: Annotated[
        int, typer.Option(min=1, max=PAGE, help="Show at most so many, the newest; an export takes all.")
    ] = 20,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them to FILE (.csv or .csv.gz) instead.")
    ] = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Show candles of one series, oldest first."""
    exchange, _, symbol = series.rpartition(":")
    wanted = Wanted(
        exchange or None,
        symbol.upper(),
        timeframe_of(timeframe),
        time_of(from_, "--from"),
        time_of(to, "--to"),
    )
    if export is None:
        page = read(workspace, source, lambda reader: wanted.page(reader, limit))
        emit(page, as_json, lambda: _show(page))
        return
    check_ending(export)
    whole = read(workspace, source, wanted.whole)
    done = {"file": str(export), "candles": write_candles(export, whole["candles"])}
    emit(done, as_json, lambda: print(f"{done['candles']:,} candles written to {export}"))


@app.command(
    "export", epilog=examples("livermore candles export recordings", "livermore replay recordings/*.csv.gz")
)
def export_all(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to write to; made where it is not there.")
    ],
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Write every stored series of the watchlist to a file of its own, which `livermore replay` reads."""
    stored = find_database(workspace, source)
    written = read_stored(stored, lambda reader: _export(reader, folder))
    done = {"from": stored.name, "folder": str(folder), "files": written}
    total = sum(written.values())
    emit(
        done,
        as_json,
        lambda: print(f"{total:,} candles of {stored.name} in {len(written)} files in {folder}"),
    )


async def _export(reader: StoreReader, folder: Path) -> dict[str, int]:
    written = {}
    with typer.progressbar(await reader.series(), file=sys.stderr) as each_series:
        for exchange, symbol, timeframe in each_series:
            whole = await Wanted(exchange, symbol, timeframe).whole(reader)
            name = file_name(exchange, symbol, timeframe)
            written[name] = write_candles(folder / name, whole["candles"])
    return written


def _show(page: Any) -> None:
    bars = [(bar, bar["state"]) for bar in page["candles"]]
    if page["forming"]:
        bars.append((page["forming"], "running"))
    rows = [
        (
            moment(bar["time"]),
            *(number(bar[name]) for name in ("open", "high", "low", "close", "volume")),
            state,
        )
        for bar, state in bars
    ]
    print(f"{page['exchange']}:{page['symbol']} {page['timeframe']}")
    titles = ("open time (UTC)", "open", "high", "low", "close", "volume", "state")
    table(titles, rows, right=titles[1:6])
