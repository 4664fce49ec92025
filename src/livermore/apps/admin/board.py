"""What every open page shows alike: computed once for all of them, and sent as what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from livermore.apps.admin.words import MODES, UNKNOWN, age_text, change_text, duration_text, price_text
from livermore.indicators.service import Cell, GridRow
from livermore.kernel.timeframe import Timeframe
from livermore.runtime.status import STOPPED, Pause

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.kernel.scope import Scope
    from livermore.market.plane import ExchangeStatus
    from livermore.runtime.status import RuntimeStatus

Row = dict[str, Any]
WRITERS = ("recorder", "signals")
UNWRITTEN = "What closes cannot be stored just now; it is kept, and written when it can be. The log says why."
NOT_HERE = "Nothing runs here for this login: the table shows what this server watches, and no signals."


class Board:
    """Hold the table, and the status line of each user who looks, as they were told last."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._rows: list[Row] = []
        self._bars: dict[Scope, dict[str, Any]] = {}

    def told(self, scope: Scope) -> dict[str, Any]:
        """Return all of it as it was told last, for a page of a user that has just opened."""
        self._bars.setdefault(scope, bar_of(self._system.runtimes.status(scope)))
        return {"bar": self._bars[scope], "rows": self._rows}

    def changes(self) -> dict[str, Any]:
        """Return what has changed in the table since the last call; nothing when nothing has."""
        news: dict[str, Any] = {}
        rows = rows_of(self._system.indicators.grid())
        if [row["key"] for row in rows] != [row["key"] for row in self._rows]:
            news["rows"] = rows
        else:
            cells = differences(self._rows, rows)
            if cells:
                news["cells"] = cells
        self._rows = rows
        return news

    def changes_of(self, scope: Scope) -> dict[str, Any]:
        """Return what has changed in the status line of a user since the last call."""
        bar, before = bar_of(self._system.runtimes.status(scope)), self._bars.get(scope, {})
        self._bars[scope] = bar
        return {name: value for name, value in bar.items() if before.get(name, UNKNOWN) != value}

    def forget(self, scope: Scope) -> None:
        """Keep no status line for a user of whom no page is open any more."""
        self._bars.pop(scope, None)


def differences(before: Sequence[Row], after: Sequence[Row]) -> list[tuple[int, Row]]:
    """Return for each row that differs its place and its new fields."""
    found = []
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        if changed:
            found.append((place, changed))
    return found


def rows_of(grid: Sequence[GridRow]) -> list[Row]:
    """Write the table as texts, so that only what is seen to change is sent."""
    return [_row(row) for row in grid]


def _row(row: GridRow) -> Row:
    change = row.change_24h_percent
    texts: Row = {
        "key": f"{row.exchange}:{row.symbol}", "exchange": row.exchange, "symbol": row.symbol,
        "enabled": row.enabled, "price": price_text(row.price), "change": change_text(change),
        "way": 0 if change is None or round(change, 2) == 0 else 1 if change > 0 else -1,
        "age": age_text(row.last_candle_age_ms),
    }  # fmt: skip
    return texts | {timeframe: _cell(cell) for timeframe, cell in row.cells.items()}


def _cell(cell: Cell) -> list[Any]:
    """Write a cell: MACD-V with one decimal, stage, and whether it deserves doubt."""
    value = UNKNOWN if cell.macdv is None else f"{cell.macdv:.1f}".replace("-", "−")
    return [value, cell.stage, cell.low_confidence or not cell.complete]


def timeframes_of(rows: Sequence[GridRow], wanted: Sequence[str]) -> list[str]:
    """Return the timeframes to show, shortest first: those chosen, and any that has values."""
    names = {*wanted, *(name for row in rows for name in row.cells)}
    return sorted(names, key=lambda name: Timeframe(name).milliseconds)


def bar_of(status: RuntimeStatus) -> dict[str, Any]:
    """Write the status line and the notice below it."""
    clock = max((exchange.market_time for exchange in status.exchanges), default=0)
    return {
        "state": status.state,
        "mode": MODES.get(status.mode, status.mode),
        "uptime": duration_text(status.uptime_seconds),
        "clock": clock // 1000 * 1000,
        "symbols": f"{status.symbols['active']} of {status.symbols['total']}",
        "exchanges": [{"name": one.name, "state": one.state} for one in status.exchanges],
        "notice": notice_of(status),
    }


def notice_of(status: RuntimeStatus) -> dict[str, Any] | None:
    """Say what keeps the page from being complete, and what to do or wait for."""
    if status.state == "failed":
        return {"tone": "bad", "text": "The runtime has failed; its log says why. Start Livermore again."}
    failed = [name for name, health in status.services.items() if health == "failed"]
    if failed:
        return {"tone": "bad", "text": f"A part has failed ({', '.join(failed)}); the log says why."}
    if any(status.services.get(name) == "degraded" for name in WRITERS):
        return {"tone": "bad", "text": UNWRITTEN}
    if status is STOPPED:
        return {"tone": "calm", "text": NOT_HERE}
    if status.state == "paused":
        return {"tone": "calm", "text": _paused(status.pause)}
    if status.startup is not None:
        startup = msgspec.to_builtins(status.startup)
        return {"tone": "calm", "text": _warming(startup), "percent": startup["percent"]}
    lost = [exchange for exchange in status.exchanges if exchange.state == "disconnected"]
    if lost:
        return {"tone": "bad", "text": _lost(lost)}
    return {"tone": "calm", "text": _muted(status.pause)} if status.pause is not None else None


def _paused(pause: Pause | None) -> str:
    reason = f": {pause.reason}" if pause is not None and pause.reason else ""
    return f"Paused{reason}. Nothing is watched until it is resumed."


def _muted(pause: Pause) -> str:
    reason = f" ({pause.reason})" if pause.reason else ""
    return f"Alerts are paused{reason}: signals are stored, and nothing is sent until it is resumed."


def _warming(startup: Mapping[str, Any]) -> str:
    phase = f"{startup['phase'].capitalize()} … {startup['percent']} %"
    item = f", now {startup['item']}" if startup["item"] else ""
    seconds = startup["eta_seconds"]
    left = f", about {duration_text(seconds)} left" if seconds is not None else ""
    return phase + item + left


def _lost(lost: Sequence[ExchangeStatus]) -> str:
    told = [_heard(exchange) for exchange in lost]
    names = " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
    again = "it is being made again" if len(lost) == 1 else "they are being made again"
    return f"No connection to {names}; {again}. What is missed will be repaired."


def _heard(exchange: ExchangeStatus) -> str:
    ago = exchange.last_message_ms_ago
    when = "never heard" if ago is None else f"last heard {duration_text(ago // 1000)} ago"
    return f"{exchange.name} ({when})"
