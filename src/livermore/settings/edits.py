"""The fewest places of a stored document that must be written, so that a patch touches nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from livermore.settings.path import Path
from livermore.settings.tree import MISSING, same

Document = dict[str, Any]


class Edit(NamedTuple):
    """Write a value at a path whose parents are there; MISSING removes. Behind a list's end, it appends."""

    path: Path
    value: Any


def overlaid(stored: Document, before: Document, after: Document) -> Document:
    """Return the stored document with what changes between two readings of it.

    These have their defaults, it need not: a default that nobody touched stays unwritten.
    """
    result = {key: value for key, value in stored.items() if key in after or key not in before}
    for key, value in after.items():
        if key not in before:
            result[key] = value
        elif not same(before[key], value):
            result[key] = _laid(stored.get(key, {}), before[key], value)
    return result


def _laid(stored: Any, before: Any, after: Any) -> Any:
    documents = all(isinstance(one, dict) for one in (stored, before, after))
    return overlaid(stored, before, after) if documents else after


def edits(before: Any, after: Any, path: Path = ()) -> Iterator[Edit]:
    """Yield what turns one stored document into another when written one after the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from (Edit((*path, key), MISSING) for key in before if key not in after)
        for key, value in after.items():
            yield from edits(before.get(key, MISSING), value, (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_list(before, after, path)
    elif not same(before, after):
        yield Edit(path, after)


def _in_list(before: list[Any], after: list[Any], path: Path) -> Iterator[Edit]:
    """Append, change one entry or remove one; what is more than that is a new list."""
    first = _first_difference(before, after)
    if first == len(before):
        yield from (Edit((*path, first + number), value) for number, value in enumerate(after[first:]))
    elif len(before) == len(after) and same(before[first + 1 :], after[first + 1 :]):
        yield from edits(before[first], after[first], (*path, first))
    elif same(before[first + 1 :], after[first:]):
        yield Edit((*path, first), MISSING)
    else:
        yield Edit(path, after)


def _first_difference(before: list[Any], after: list[Any]) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, pair in pairs if not same(*pair)), min(len(before), len(after)))
