"""What a change would do to signals and alerts: what is judged, by which rules, and who is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from livermore.kernel.timeframe import Timeframe
from livermore.settings.document import Alerts, SettingsDocument
from livermore.settings.plan import Effect
from livermore.signals.outbox import routes_of

RULES = ("levels", "reversal", "cooldown_seconds")
TELLING = {
    "enabled": ("alerts of new signals are made", "signals are stored, and no alert is made of them"),
    "low_confidence": ("signals of thin markets are told, too", "signals of thin markets are not told"),
}


class Judged(NamedTuple):
    """What a document has judged: symbols as (exchange, symbol), and the timeframes of them all."""

    symbols: Sequence[tuple[str, str]]
    timeframes: Sequence[Timeframe]


def signal_effects(
    before: SettingsDocument, after: SettingsDocument, judged_before: Judged, judged_after: Judged
) -> list[Effect]:
    """Say what changes in rules and alerts from one document to the other."""
    return [
        *_of_symbols(judged_before, judged_after),
        *_of_timeframes(judged_before, judged_after),
        *_of_rules(before.alerts, after.alerts),
        *_of_channels(before.alerts, after.alerts),
        *_of_telling(before, after),
    ]


def _of_symbols(before: Judged, after: Judged) -> Iterator[Effect]:
    for exchange, symbol in before.symbols:
        if (exchange, symbol) not in after.symbols:
            detail = "is judged no more; should it come back, its alerts are armed again"
            yield Effect(kind="disarm", target=f"{exchange}:{symbol}", detail=detail)
    for exchange, symbol in after.symbols:
        if (exchange, symbol) not in before.symbols:
            detail = "all its alerts are armed; it is judged from its next bar on"
            yield Effect(kind="arm", target=f"{exchange}:{symbol}", detail=detail)


def _of_timeframes(before: Judged, after: Judged) -> Iterator[Effect]:
    for timeframe in sorted({*before.timeframes, *after.timeframes}):
        if timeframe not in after.timeframes:
            detail = "is judged no more; its rules rest as they are"
            yield Effect(kind="disarm", target=timeframe.value, detail=detail)
        elif timeframe not in before.timeframes:
            detail = "is judged from the next bar on, or from where its rules have rested"
            yield Effect(kind="arm", target=timeframe.value, detail=detail)


def _of_rules(before: Alerts, after: Alerts) -> Iterator[Effect]:
    for name in RULES:
        if getattr(before, name) != getattr(after, name):
            detail = "holds from the next bar on; what is armed stays armed"
            yield Effect(kind="rules", target=f"alerts.{name}", detail=detail)


def _of_channels(before: Alerts, after: Alerts) -> Iterator[Effect]:
    old, new = routes_of(before), routes_of(after)
    for name in sorted({*old, *new}):
        if name not in new:
            yield Effect(kind="channel", target=name, detail="closes; what it has not sent stays unsent")
        elif name not in old:
            yield Effect(kind="channel", target=name, detail="opens, and is told of every new signal")
        elif old[name] != new[name]:
            yield Effect(kind="channel", target=name, detail="is set up again; nothing that waits is lost")


def _of_telling(before: SettingsDocument, after: SettingsDocument) -> Iterator[Effect]:
    for name, (on, off) in TELLING.items():
        value = getattr(after.alerts, name)
        if value != getattr(before.alerts, name):
            yield Effect(kind="alerts", target=f"alerts.{name}", detail=on if value else off)
    hours, zone = after.alerts.quiet_hours, after.perseus_profile.timezone
    moved = zone != before.perseus_profile.timezone and hours is not None and hours.zone is None
    if hours != before.alerts.quiet_hours or moved:
        told = "no alert is held any more" if hours is None else f"new alerts are held {_span(after)}"
        yield Effect(kind="alerts", target="alerts.quiet_hours", detail=told)


def _span(document: SettingsDocument) -> str:
    hours = document.alerts.quiet_hours
    if hours is None:
        return "never"
    return f"from {hours.start} to {hours.end} {hours.zone or document.perseus_profile.timezone}"
