"""What verbs print: text for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from livermore.kernel.clock import EPOCH, rfc3339


def emit(document: Any, as_json: bool, show: Callable[[], None]) -> None:
    """Print a document as JSON, or let `show` tell it to people."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show()


def note(text: str) -> None:
    """Tell people something that is no part of the result."""
    print(text, file=sys.stderr)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print rows in columns as wide as they need; the columns named in `right` are set flush right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = (
            cell.rjust(width) if title in right else cell.ljust(width)
            for title, cell, width in zip(titles, row, widths, strict=True)
        )
        print("  ".join(cells).rstrip())


def moment(milliseconds: int | None) -> str:
    """Write a time (ms UTC) to the second, the way tables show it."""
    return "-" if milliseconds is None else rfc3339(milliseconds)[:19].replace("T", " ")


def local_moment(milliseconds: int) -> str:
    """Write a time (ms UTC) to the second in the zone of this machine."""
    local = (EPOCH + timedelta(milliseconds=milliseconds)).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S")


def ago(milliseconds: int, now: int | None) -> str:
    """Write how long before now (ms) a time was; nothing where now is not known."""
    if now is None:
        return ""
    largest = span(max(now - milliseconds, 0) // 1000).split(" ")[:2]
    return f"{' '.join(largest)} ago"


def number(value: float | None, digits: int | None = None) -> str:
    """Write a number with so many digits after the point, else as short as it is exact; None is a dash."""
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if digits is not None else f"{value:.12g}"


def span(seconds: float | None) -> str:
    """Write a length of time in its two largest units."""
    if seconds is None:
        return "-"
    left, parts = int(seconds), []
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
