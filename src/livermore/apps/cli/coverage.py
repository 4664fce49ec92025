"""`livermore coverage`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.options import (
    HERE,
    AsJson,
    Exchange,
    From,
    OneTimeframe,
    Source,
    To,
    Workspace,
    time_of,
    timeframe_of,
)
from livermore.apps.cli.output import ago, emit, local_moment, span
from livermore.apps.cli.reading import Reader, read
from livermore.kernel.clock import parse_time
from livermore.kernel.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from rich.table import Table

app = new_app()

# The letter says what the colour says.
MARKS = {
    "fresh": ("F", "green"),
    "waiting": ("W", "dim"),
    "late": ("L", "bold yellow"),
    "hole": ("H", "bold red"),
    "repaired": ("R", "cyan"),
    "loading": (".", "dim"),
}
WIDE = 160


class Asked(NamedTuple):
    """What is to be shown: without a symbol the grid; times are ms."""

    exchange: str | None
    symbol: str | None
    timeframe: str | None
    start: int | None
    end: int | None

    async def grid(self, reader: Reader) -> Any:
        """Return the grid, of what is asked for."""
        rows = [
            row | {"cells": {name: cell for name, cell in row["cells"].items() if self._wants(name)}}
            for row in (await reader.coverage_grid())["symbols"]
            if self.exchange in (None, row["exchange"]) and self.symbol in (None, row["symbol"])
        ]
        if not rows and self.exchange is not None:
            await self._refuse_unknown(reader, self.exchange)
        return {"symbols": rows}

    async def one(self, reader: Reader) -> tuple[Any, int | None]:
        """Return the coverage of one series, and the market time (ms) where somebody knows it."""
        symbol = self.symbol or ""
        exchange = self.exchange or await reader.exchange_of(symbol)
        rows = (await self._replace(exchange=exchange).grid(reader))["symbols"]
        cells = rows[0]["cells"] if rows else {}
        timeframe = self.timeframe or next(iter(cells), "1m")
        found = await reader.coverage(exchange, symbol, timeframe, start=self.start, end=self.end)
        return found, _market_time(cells.get(timeframe), timeframe)

    async def _refuse_unknown(self, reader: Reader, exchange: str) -> None:
        known = sorted(row["name"] for row in (await reader.exchanges())["exchanges"])
        if exchange not in known:
            raise NotFoundError(
                f"no exchange is called {exchange!r}", hint=f"known exchanges: {', '.join(known)}"
            )

    def _wants(self, timeframe: str) -> bool:
        return self.timeframe in (None, timeframe)


@app.command(
    epilog=examples(
        "livermore coverage",
        "livermore coverage BTC-USD --timeframe 1m --from 2026-05-01",
        "livermore coverage --exchange binance --json",
    )
)
def coverage(
    symbol: Annotated[
        str | None, typer.Argument(metavar="SYMBOL", help="One symbol, or EXCHANGE:SYMBOL; all without it.")
    ] = None,
    exchange: Exchange = None,
    timeframe: OneTimeframe = None,
    from_: From = None,
    to: To = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Show how fresh every series is, or with a symbol what one of its series lacks and why."""
    named, _, plain = (symbol or "").rpartition(":")
    asked = Asked(
        named or exchange, plain.upper() or None, timeframe_of(timeframe) if timeframe else None,
        time_of(from_, "--from"), time_of(to, "--to"),
    )  # fmt: skip
    if asked.symbol is None:
        _refuse_times(asked)
        grid = read(workspace, source, asked.grid)
        emit(grid, as_json, lambda: _show_grid(grid["symbols"]))
    else:
        found, now = read(workspace, source, asked.one)
        emit(found, as_json, lambda: _show_one(found, now))


def _refuse_times(asked: Asked) -> None:
    for option, time in (("--from", asked.start), ("--to", asked.end)):
        if time is not None:
            raise InvalidError(
                "the grid is of now", where=option, hint="name a symbol to see what its series lacked then"
            )


def _market_time(cell: Any, timeframe: str) -> int | None:
    """Return the market time of a cell; None when nobody watches its series."""
    if cell is None or cell["age_ms"] is None:
        return None
    return int(cell["newest"] + timeframe_of(timeframe).milliseconds + cell["age_ms"])


def _show_grid(rows: Any) -> None:
    from rich.table import Table

    if not rows:
        print("no series is watched")
        return
    lengths = {name: timeframe_of(name).milliseconds for row in rows for name in row["cells"]}
    names = sorted(lengths, key=lambda name: lengths[name])
    table = Table("exchange", "symbol", *names, box=None, pad_edge=False, header_style="")
    for row in rows:
        cells = (_cell(row["cells"].get(name), lengths[name]) for name in names)
        table.add_row(row["exchange"], row["symbol"], *cells)
    _print(table)
    legend = ", ".join(f"{letter} {state}" for state, (letter, _) in MARKS.items())
    print(f"\n{legend}; see one with: livermore coverage SYMBOL")


def _cell(cell: Any, length: int) -> str:
    if cell is None:
        return ""
    letter, style = MARKS[cell["state"]]
    detail = ""
    if cell["state"] == "hole" and cell["missing"]:
        detail = f" {cell['missing']:,}"
    elif cell["state"] == "late":
        detail = f" {span((cell['age_ms'] - length) / 1000)}"
    return f"[{style}]{letter}{detail}[/]"


def _show_one(found: Any, now: int | None) -> None:
    from rich.table import Table

    name = f"{found['exchange']}:{found['symbol']} {found['timeframe']}"
    if not found["buckets"]:
        print(f"{name}: no bucket has closed here")
        return
    known = 100 * (1 - found["missing"] / found["buckets"])
    print(f"{name} from {local_moment(found['from'])} to {local_moment(found['to'])} (local time)")
    print(
        f"{found['buckets']:,} buckets: {found['traded']:,} traded, {found['quiet']:,} quiet,"
        f" {found['missing']:,} missing; {_percent(known)} % known"
    )
    if not found["holes"]:
        print("no holes")
        return
    print()
    table = Table("from", "to", "ago", "buckets", "cause", "state", box=None, pad_edge=False, header_style="")
    table.columns[3].justify = "right"
    for hole in found["holes"]:
        times = (local_moment(hole["from"]), local_moment(hole["to"]), ago(hole["to"], now))
        table.add_row(*times, f"{hole['buckets']:,}", hole["cause"].replace("_", " "), _state(hole, now))
    _print(table)


def _state(hole: Any, now: int | None) -> str:
    if hole["state"] == "open":
        return "[bold red]open[/]"
    if hole["repaired_at"] is None:
        return "[cyan]repaired[/]"
    repaired = parse_time(hole["repaired_at"])
    passed = f" ({ago(repaired, now)})" if now is not None else ""
    return f"[cyan]repaired[/] {local_moment(repaired)}{passed}"


def _percent(share: float) -> str:
    """Write a share so that what lacks anything never reads as whole."""
    return "100" if share == 100 else f"{min(share, 99.99):.2f}"


def _print(table: Table) -> None:
    from rich.console import Console

    # Into a pipe there is no width to keep to, and what is cut cannot be found again.
    Console(width=None if sys.stdout.isatty() else WIDE, highlight=False).print(table)
