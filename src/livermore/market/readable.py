"""What adapters share to read an exchange's lists: what is damaged is left out, and the rest stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from livermore.kernel.log import logger

LARGEST = 1e300
LATEST = 2**42  # ms: the year 2109
LONGEST_NAME = 50  # letters, as the tables have it
LONGEST = 400  # letters of a number: more is none, whatever it begins with
S = TypeVar("S")
T = TypeVar("T")
log = logger("market")


def readable(rows: Iterable[S], read: Callable[[S], T], exchange: str) -> list[T]:
    """Return what `read` makes of some rows; those for which it raises ValueError are told to the log."""
    found: list[T] = []
    faults: list[str] = []
    for row in rows:
        try:
            found.append(read(row))
        except (ValueError, RecursionError) as error:
            faults.append(str(error))
    if faults:
        log.warning("markets that could not be read", exchange=exchange, count=len(faults), first=faults[0])
    return found


def name(text: object) -> str:
    """Return the name of a market or an asset; raise ValueError for what no table and no page could take."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        raise ValueError(f"not a name: {str(text)[:LONGEST_NAME]!r}")
    return text


def word(text: object) -> str:
    """Return what an exchange says of a market in a word; nothing of what is none."""
    return text if isinstance(text, str) and len(text) <= LONGEST_NAME and text.isprintable() else ""


def moment(told: object) -> int | None:
    """Return a time in ms; None for what is none of ours."""
    value = positive(told)
    return int(value) if value is not None and 1 <= value < LATEST else None


def number(text: object) -> float | None:
    """Return what an exchange's text for a number says; None where it says none, NaN or infinity."""
    if isinstance(text, str):
        if not text.isascii() or "_" in text or len(text) > LONGEST:
            return None
    elif not isinstance(text, int | float) or isinstance(text, bool):
        return None
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if -LARGEST < value < LARGEST else None


def positive(text: object) -> float | None:
    """Return a number above zero; None for any other, for exchanges write zero where they mean nothing."""
    value = number(text)
    return value if value is not None and value > 0 else None
