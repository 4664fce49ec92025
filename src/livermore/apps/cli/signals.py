"""`livermore signals` and `livermore alerts`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import (
    HERE,
    AsJson,
    Before,
    Exchange,
    From,
    Limit,
    OneTimeframe,
    Source,
    Symbol,
    To,
    Workspace,
    time_of,
    timeframe_of,
)
from livermore.apps.cli.output import emit, moment, number, table
from livermore.apps.cli.reading import read
from livermore.kernel.errors import InvalidError
from livermore.signals.signal import KINDS

app = new_app("List signals, or explain why one fired.", group=DefaultGroup)
alerts_app = new_app("List alerts and how their delivery went.", group=DefaultGroup)

Kind = Annotated[str | None, typer.Option(metavar="KIND", help=f"Only this kind: {', '.join(KINDS)}.")]
STATES = ("pending", "sent", "failed", "held")
State = Annotated[str | None, typer.Option(metavar="STATE", help=f"Only this state: {', '.join(STATES)}.")]


@app.command(
    "list", epilog=examples("livermore signals", "livermore signals --symbol BTCUSDT --timeframe 1h --json")
)
def list_signals(
    limit: Limit = 20,
    before: Before = None,
    exchange: Exchange = None,
    symbol: Symbol = None,
    timeframe: OneTimeframe = None,
    kind: Kind = None,
    from_: From = None,
    to: To = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """List signals, newest first."""
    one_of(kind, KINDS, "--kind")
    chosen = {
        "limit": limit,
        "before": before,
        "exchange": exchange,
        "symbol": symbol.upper() if symbol else None,
        "timeframe": timeframe_of(timeframe) if timeframe else None,
        "kind": kind,
    }
    start, end = time_of(from_, "--from"), time_of(to, "--to")
    page = read(workspace, source, lambda reader: reader.signals(start=start, end=end, **chosen))
    emit(page, as_json, lambda: _show_signals(page))


@app.command(epilog=examples("livermore signals explain 4f0c…", "livermore signals explain 4f0c… --json"))
def explain(
    signal_id: Annotated[str, typer.Argument(metavar="ID", help="The signal's id, as `signals` shows it.")],
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a signal fired: the rule, the values, and whether computing it again agrees."""
    found = read(workspace, source, lambda reader: reader.explain(signal_id))
    emit(found, as_json, lambda: _show_explanation(found))


@alerts_app.command("list", epilog=examples("livermore alerts", "livermore alerts --state failed --json"))
def list_alerts(
    limit: Limit = 20,
    before: Before = None,
    state: State = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first."""
    one_of(state, STATES, "--state")
    page = read(workspace, source, lambda reader: reader.alerts(limit=limit, before=before, state=state))
    emit(page, as_json, lambda: _show_alerts(page))


def one_of(value: str | None, known: tuple[str, ...], option: str) -> None:
    """Refuse a value that is not among the known ones."""
    if value is not None and value not in known:
        raise InvalidError(f"{value!r} is not known", where=option, hint=f"one of: {', '.join(known)}")


def _show_signals(page: Any) -> None:
    rows = [
        (
            moment(signal["time"]), signal["exchange"], signal["symbol"], signal["timeframe"],
            told(signal), number(signal["price"]), number(signal["macdv"], 1), signal["stage"],
            "withdrawn" if signal["withdrawn_at"] else "late" if signal["late"] else "", signal["id"],
        )
        for signal in page["signals"]
    ]  # fmt: skip
    if not rows:
        print("no signals yet")
        return
    titles = ("bar (UTC)", "exchange", "symbol", "tf", "signal", "price", "MACD-V", "stage", "", "id")
    table(titles, rows, right=("price", "MACD-V"))


def told(signal: Any) -> str:
    """Say what a signal says in a few words."""
    if signal["kind"] == "level":
        arrow = "above" if signal["direction"] == "up" else "below"
        return f"{arrow} {signal['level']:+d}"
    return f"{signal['kind'].removeprefix('reversal_')} turns {signal['direction']}"


def _show_explanation(found: Any) -> None:
    print(f"{found['text']}\n")
    said = found["inputs"] | found["signal"]
    rows = [
        (name, _told_value(said.get(name)), _told_value(value)) for name, value in found["recomputed"].items()
    ]
    if rows:
        table(("value", "when it fired", "computed again"), rows, right=("when it fired", "computed again"))
        print()
    print("computed again: the same to the bit" if found["agrees"] else "computed again: NOT the same")


def _told_value(value: Any) -> str:
    return "-" if value is None else str(value)


def _show_alerts(page: Any) -> None:
    rows = [
        (
            alert["created_at"][:19].replace("T", " "), alert["event"], alert["channel"], alert["state"],
            str(alert["attempts"]), alert["error"] or "", alert["signal_id"] or "-",
        )
        for alert in page["alerts"]
    ]  # fmt: skip
    if not rows:
        print("no alerts yet")
        return
    table(("created (UTC)", "event", "channel", "state", "tries", "error", "signal"), rows, right=("tries",))
