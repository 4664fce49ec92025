"""One table: what was measured, beside whom, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured pair; `good` is None where the issue sets no bound."""

    name: str
    ours: str
    other: str
    ratio: float | None = None
    bound: str = ""
    good: bool | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = "" if self.ratio is None else _digits(self.ratio)
        verdict = {None: "", True: "ok", False: "FAIL"}[self.good]
        return self.name, self.ours, self.other, ratio, self.bound, verdict


def at_least(name: str, ours: str, other: str, ratio: float, bound: float) -> Row:
    """Judge a ratio of speeds: how many times as fast as the other we are."""
    return Row(name=name, ours=ours, other=other, ratio=ratio, bound=f">= {bound:g}", good=ratio >= bound)


def at_most(name: str, ours: str, other: str, value: float, bound: float, unit: str) -> Row:
    """Judge a value against a bound of its own."""
    return Row(name=name, ours=ours, other=other, bound=f"< {bound:g} {unit}", good=value < bound)


def note(name: str, ours: str, other: str, ratio: float | None = None) -> Row:
    """State a figure for which no bound is set."""
    return Row(name=name, ours=ours, other=other, ratio=ratio)


def shown(rows: Iterable[Row]) -> str:
    """Write the table as aligned Markdown."""
    head = ("measured", "livermore", "beside", "ratio", "bound", "verdict")
    lines = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(_line(line, widths) for line in lines)


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s"


def seconds(value: float) -> str:
    """Write a duration in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value / 1e-9)} ns"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _digits(value: float) -> str:
    """Write a number with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
