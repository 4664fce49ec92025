"""`livermore symbols`."""

from __future__ import annotations

from typing import Annotated

import typer

from livermore.apps.cli import symbols_asking as asking
from livermore.apps.cli import symbols_show as shown
from livermore.apps.cli.asking import NoWait, Timeout, Wish
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, note
from livermore.apps.cli.reading import read
from livermore.apps.cli.settings_files import STDIO, write_new
from livermore.apps.cli.signals import one_of
from livermore.apps.cli.symbols_scan import Scan, scan
from livermore.apps.cli.upkeep import OfExchange
from livermore.kernel.errors import InvalidError

app = new_app(
    "Show the watchlist, search what exchanges list, add and remove, import, scan.", group=DefaultGroup
)

FORMS = ("json", "csv", "tradingview")
SECONDS = 600.0
AT_ONCE = 500  # symbols that one command adds at most
Names = Annotated[
    list[str], typer.Argument(metavar="SYMBOL...", help="Symbols, plain or as EXCHANGE:SYMBOL.")
]
Watched = Annotated[
    list[str],
    typer.Argument(
        metavar="SYMBOL...", autocompletion=asking.completed, help="Watched symbols, or EXCHANGE:SYMBOL."
    ),
]  # fmt: skip
Form = Annotated[str | None, typer.Option(metavar="FORM", help=f"One of: {', '.join(FORMS)}.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")]


@app.command("list", epilog=examples("livermore symbols", "livermore symbols list --json"))
def list_symbols(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Show the watchlist, what is switched off included, with its prices."""
    found = read(workspace, source, lambda reader: reader.symbols())
    emit(found, as_json, lambda: shown.show_watchlist(found))


@app.command(
    epilog=examples("livermore symbols search btc", "livermore symbols search sol --exchange binance")
)
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A name or a part of one, such as btc.")],
    exchange: OfExchange = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the best first.")] = 20,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Search what an exchange lists: its own name first, then by what it begins with, then by volume."""
    query = {"q": text, "exchange": exchange, "limit": limit}
    found = read(workspace, source, lambda reader: reader.listed(query))
    emit(found, as_json, lambda: shown.show_found(found))


@app.command(
    epilog=examples(
        "livermore symbols add SOL-USD",
        "livermore symbols add btcusdt ETH/USDT --exchange binance",
    )
)
def add(
    symbols: Names,
    exchange: OfExchange = None,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Add symbols to the watchlist; each is verified with its exchange, loaded, and watched from then on."""
    many = len(symbols) > 1
    named = {"symbols": symbols} if many else {"symbol": symbols[0]}
    payload = named | ({"exchange": exchange} if exchange else {})
    wish = Wish("bulk-add-symbols" if many else "add-symbol", payload, not no_wait, timeout)
    asking.carry_out_each([wish], workspace, as_json=as_json)


@app.command(
    epilog=examples("livermore symbols remove SOL-USD", "livermore symbols remove binance:BTCUSDT --yes")
)
def remove(
    symbols: Watched,
    exchange: OfExchange = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Remove symbols from the watchlist: nothing is asked of them any more; what is stored stays."""
    if not yes and asking.declined(f"Remove {' '.join(symbols)} from the watchlist?"):
        raise InvalidError("nothing was removed", where="symbols remove", hint="add --yes to remove it")
    wishes = [
        Wish("remove-symbol", asking.named(symbol, exchange), not no_wait, timeout) for symbol in symbols
    ]
    asking.carry_out_each(wishes, workspace, as_json=as_json)


@app.command(epilog=examples("livermore symbols enable SOL-USD"))
def enable(
    symbols: Watched,
    exchange: OfExchange = None,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Switch symbols of the watchlist on again: what was missed is loaded, then they are watched."""
    wishes = [_switch(symbol, exchange, True, not no_wait, timeout) for symbol in symbols]
    asking.carry_out_each(wishes, workspace, as_json=as_json)


@app.command(epilog=examples("livermore symbols disable SOL-USD"))
def disable(
    symbols: Watched,
    exchange: OfExchange = None,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Switch symbols of the watchlist off; they keep their place on it."""
    wishes = [_switch(symbol, exchange, False, not no_wait, timeout) for symbol in symbols]
    asking.carry_out_each(wishes, workspace, as_json=as_json)


@app.command(
    "import",
    epilog=examples(
        "livermore symbols import list.txt --preview",
        "livermore symbols import list.csv --exchange binance --yes",
    ),
)
def import_symbols(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON, CSV, or a list of TradingView; - reads stdin.")
    ],
    form: Form = None,
    exchange: OfExchange = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what each is, and add nothing.")] = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Show of each symbol of a file whether it can be watched, then add those that can."""
    one_of(form, FORMS, "--form")
    found = asking.preview_of(workspace, file, form, exchange)
    fit = [f"{one['exchange']}:{one['symbol']}" for one in found["results"] if one["verdict"] == "ok"]
    if preview or not as_json:
        emit(found, as_json, lambda: shown.show_preview(found))
    if preview:
        return
    if not fit:
        raise asking.none_added(found["results"])
    if not yes and asking.declined(f"Add {len(fit)} to the watchlist?"):
        raise InvalidError("nothing was added", where="symbols import", hint="add --yes to add them")
    wishes = [
        Wish("bulk-add-symbols", {"symbols": fit[first : first + AT_ONCE]}, not no_wait, timeout)
        for first in range(0, len(fit), AT_ONCE)
    ]
    asking.carry_out_each(wishes, workspace, as_json=as_json, beside={"preview": found})


@app.command(
    epilog=examples(
        "livermore symbols export mine.txt --form tradingview", "livermore symbols export > mine.json"
    )
)
def export(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A new file; without it, or for -, standard output.")
    ] = STDIO,
    form: Form = "json",
    workspace: Workspace = HERE,
    source: Source = None,
) -> None:
    """Write the watchlist as a list that `import` takes, here and elsewhere."""
    one_of(form, FORMS, "--form")
    rows = read(workspace, source, lambda reader: reader.symbols())["symbols"]
    write_new(file, shown.list_of(rows, form or "json").removesuffix("\n"))
    if rests := sum(not row["enabled"] for row in rows):
        note(f"{rests} of {len(rows)} are switched off, which a list does not tell: import switches them on")


@app.command(
    epilog=examples(
        "livermore symbols metrics SOL-USD", "livermore symbols metrics btcusdt --exchange binance"
    )
)
def metrics(
    symbols: Names, exchange: OfExchange = None, workspace: Workspace = HERE, as_json: AsJson = False
) -> None:
    """Show price, change, volume, spread and trades of markets, as their exchange tells them now."""
    found, failed = asking.metrics_of(workspace, symbols, exchange)
    answer = found[0] if len(symbols) == 1 and found else {"metrics": found}
    if found:
        emit(answer, as_json, lambda: shown.show_metrics(found))
    for error in failed[1:]:
        note(f"error: {error}")
    if failed:
        raise failed[0]


app.command(
    "scan",
    cls=Scan,
    epilog=examples(
        "livermore symbols scan --try --quote USDT --limit 20",
        "livermore symbols scan",
        "livermore symbols scan --accept all",
        "livermore symbols scan --accept SOL-USD XRP-USD",
    ),
)(scan)


def _switch(symbol: str, exchange: str | None, enabled: bool, waits: bool, timeout: float) -> Wish:
    payload = asking.named(symbol, exchange) | {"enabled": enabled}
    return Wish("set-symbol-enabled", payload, waits, timeout)
