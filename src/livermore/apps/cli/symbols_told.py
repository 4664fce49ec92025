"""What came of commands about symbols, in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def added(result: Any) -> Iterator[str]:
    """Say which symbol was added, and whether it is live."""
    resolved = f" ({result['resolved']})" if result["resolved"] else ""
    yield f"added {_name(result)}{resolved}; revision {result['revision']}, {_alive(result)}"


def bulk_added(result: Any) -> Iterator[str]:
    """Say what was not added and why, what names were resolved to, and how many were added."""
    for one in result["results"]:
        if one["verdict"] != "ok" or one["detail"]:
            yield ": ".join(part for part in (one["input"], one["verdict"], one["detail"]) if part)
    if result["revision"] is None:
        yield "nothing was added"
        return
    waits = f"; they wait: {result['waits_for']}" if result["waits_for"] else ""
    count = f"{result['added']} of {len(result['results'])}"
    yield f"added {count}, {result['loaded']} live; revision {result['revision']}{waits}"


def removed(result: Any) -> Iterator[str]:
    """Say which symbol was removed."""
    waits = f"; still to let go of: {result['waits_for']}" if result["waits_for"] else ""
    yield f"removed {_name(result)}; revision {result['revision']}{waits}"


def switched(result: Any) -> Iterator[str]:
    """Say whether a symbol is watched now."""
    turned = "on" if result["enabled"] else "off"
    if result["revision"] is None:
        yield f"{_name(result)} is switched {turned} already"
    elif result["enabled"]:
        yield f"switched {_name(result)} on; revision {result['revision']}, {_alive(result)}"
    else:
        yield f"switched {_name(result)} off; revision {result['revision']}"


def scanned(result: Any) -> Iterator[str]:
    """Say how much was proposed, and how it differs from the watchlist."""
    yield (
        f"{result['exchange']}: {len(result['candidates'])} proposed, {len(result['add'])} of them to add,"
        f" {len(result['keep'])} watched already; {len(result['missing'])} watched and not proposed"
    )


def _name(result: Any) -> str:
    return f"{result['exchange']}:{result['symbol']}" if result["exchange"] else str(result["symbol"])


def _alive(result: Any) -> str:
    return "live" if result["loaded"] else f"it waits: {result['waits_for']}"
