"""How numbers and names are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livermore.apps.api.shapes import SignalShape
    from livermore.signals.signal import Signal

MODES = {
    "position-monitor": "Position monitor",
    "scalper-macdv": "Scalper · MACD-V",
    "scalper-orderbook": "Scalper · order book",
}
UNKNOWN = "–"


def decimals_of(price: float) -> int:
    """Return how many decimals a price is written with."""
    size = abs(price)
    return 2 if size >= 1 else 4 if size >= 0.01 else 6 if size >= 0.0001 else 8


def price_text(price: float | None) -> str:
    """Write a price."""
    return UNKNOWN if price is None else f"{price:,.{decimals_of(price)}f}"


def change_text(percent: float | None) -> str:
    """Write a change in percent, with its sign."""
    return UNKNOWN if percent is None else f"{percent:+.2f} %".replace("-", "−")


def age_text(milliseconds: int | None) -> str:
    """Write an age as coarsely as a glance needs it, so that it seldom changes."""
    if milliseconds is None:
        return UNKNOWN
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds // 5 * 5} s" if seconds >= 5 else "now"
    minutes = seconds // 60
    return (
        f"{minutes} min"
        if minutes < 60
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} d"
    )


def duration_text(seconds: int) -> str:
    """Write how long something has lasted, in its two largest units."""
    parts = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    counts = [
        (seconds // length % limit, unit)
        for (length, unit), limit in zip(parts, (10**6, 24, 60, 60), strict=True)
    ]
    first = next((place for place, (count, _) in enumerate(counts) if count), len(counts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in counts[first : first + 2])


def signal_text(signal: Signal | SignalShape) -> str:
    """Say in a few words what a signal tells."""
    if signal.kind == "level":
        crossing = "rose above" if signal.direction == "up" else "fell below"
        return f"MACD-V {crossing} {signal.level:+d}".replace("-", "−").replace("MACD−V", "MACD-V")
    if signal.kind == "reversal_oversold":
        return "Turning up while oversold"
    return "Turning down while overbought"
