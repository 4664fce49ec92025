"""What adapters share to read an exchange's lists: what is damaged is left out, and the rest stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from livermore.kernel.log import logger

LARGEST = 1e300
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
