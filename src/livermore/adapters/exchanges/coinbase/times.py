"""Times as Coinbase writes them: RFC 3339 in UTC, with up to nine digits of a second's fraction.

Written so, times sort like text, which is how the hot path tells buckets apart without reading them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from livermore.kernel.clock import parse_time, rfc3339

LATEST = 2**42  # ms: the year 2109, as the other adapters take it
_WHOLE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}):([0-5][0-9])(?:\.([0-9]{1,9}))?Z")

# Looked up in half the time in which they are read.
THOUSANDTHS = {f"{number:03}": number for number in range(1000)}


def milliseconds(text: str) -> int:
    """Return a time in ms, what is finer cut off; raise ValueError when it is none."""
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text[:40]}")
    minute, second, fraction = match.groups("0")
    return _minute(minute) + int(second) * 1000 + int(fraction.ljust(3, "0")[:3])


@lru_cache(maxsize=256)
def span(opened: int, length: int) -> tuple[str, str]:
    """Write the times (ms) between which a bucket's trades lie as Coinbase does, to the minute."""
    return rfc3339(opened)[:16], rfc3339(opened + length)[:16]


@lru_cache(maxsize=256)
def _minute(text: str) -> int:
    time = parse_time(f"{text}Z")
    if not 0 < time < LATEST:
        raise ValueError(f"not a time of ours: {text}")
    return time
