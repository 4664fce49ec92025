"""`livermore status`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from livermore.apps.cli.errors import NotRunningError
from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Workspace
from livermore.apps.cli.outcomes import paused
from livermore.apps.cli.output import emit, span, table
from livermore.apps.cli.server import ask, find_server
from livermore.apps.cli.stored import database_files, nothing_here

app = new_app()


@app.command(epilog=examples("livermore status", "livermore status --json"))
def status(workspace: Workspace = HERE, as_json: AsJson = False) -> None:
    """Show what the running Livermore is doing: its state, what it watches, how fresh the data is."""
    server = find_server(workspace)
    if server is None:
        raise _not_running(workspace)
    runtime = asyncio.run(ask(server, "/runtime"))
    emit(runtime, as_json, lambda: _show(runtime, server.url))


def _not_running(workspace: Path) -> NotRunningError:
    """Return the error of a folder in which nothing runs; other verbs may still tell what is stored."""
    if not database_files(workspace, None):
        return nothing_here(workspace)
    return NotRunningError(
        "nothing runs here",
        where=str(workspace.absolute()),
        hint="what is stored is told by: livermore signals, alerts, candles, coverage, commands or exchanges",
    )


def _show(runtime: Any, url: str) -> None:
    if not runtime["mode"]:
        print(f"nothing runs for this login at {url}; see what is watched there with: livermore coverage")
        return
    symbols, settings = runtime["symbols"], runtime["settings"]
    print(f"{runtime['state']}, up for {span(runtime['uptime_seconds'])} at {url}, mode {runtime['mode']}")
    if runtime["desired_state"] != runtime["state"]:
        print(f"wanted: {runtime['desired_state']}")
    if runtime["pause"]:
        print(paused(runtime["pause"]))
    if runtime["startup"]:
        print(_starting(runtime["startup"]))
    newest = _age(runtime["last_candle_age_ms"])
    print(f"symbols: {symbols['active']} of {symbols['total']} active, newest candle {newest}")
    print(f"settings: revision {settings['saved']} saved, {settings['applied']} applied")
    unwell = [f"{name} {state}" for name, state in runtime["services"].items() if state != "healthy"]
    if unwell:
        print(f"not well: {', '.join(unwell)}; the log says why")
    _show_exchanges(runtime["exchanges"])


def _starting(startup: Any) -> str:
    item = f", now {startup['item']}" if startup["item"] else ""
    left = startup["eta_seconds"]
    estimate = f", about {span(left)} left" if left is not None else ""
    return f"starting: {startup['phase']}, {startup['percent']:.0f} %{item}{estimate}"


def _show_exchanges(exchanges: Any) -> None:
    if exchanges:
        print()
        rows = [
            (
                exchange["name"],
                exchange["state"],
                _age(exchange["last_message_ms_ago"]),
                str(exchange["reconnects"]),
                f"{exchange['requests']['used']}/{exchange['requests']['limit']}",
            )
            for exchange in exchanges
        ]
        table(
            ("exchange", "state", "last message", "reconnects", "requests"),
            rows,
            right=("reconnects", "requests"),
        )
        for exchange in exchanges:
            if exchange["detail"]:
                print(f"{exchange['name']}: {exchange['detail']}")


def _age(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.0f} ms ago" if milliseconds < 1000 else f"{span(milliseconds / 1000)} ago"
