"""JSON values as trees: look into them, and change one place without touching the rest.

Nothing here changes what it is given: a change returns a new tree, which shares what it left alone.
On an object a step is a key; on a list it is an index, or `-` for the place behind the last entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from livermore.settings.path import APPEND, Path, Step
from livermore.settings.problems import Problem, SettingsProblemsError, shown

DEEPEST = 64
MOST = 50_000
KINDS = {
    str: "a text", bool: "true or false", int: "a number", float: "a number",
    dict: "a section", list: "a list", type(None): "null",
}  # fmt: skip


class _Missing:
    """There is nothing; null is a value."""


MISSING: Final = _Missing()


def same(one: Any, other: Any) -> bool:
    """Say whether two JSON values are equal: 1 is 1.0, but true is not 1."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case (bool(), _) | (_, bool()):
            return one is other
    return bool(one == other)


def look(tree: Any, path: Path) -> Any:
    """Return the value at a path, or MISSING."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(str(step), MISSING)
        elif isinstance(tree, list):
            index = _index(step)
            tree = tree[index] if index is not None and index < len(tree) else MISSING
        else:
            return MISSING
    return tree


def put(tree: Any, path: Path, value: Any, walked: Path = ()) -> Any:
    """Return the tree with a value at a path; missing parents are made, and null counts as missing.

    An index replaces an entry, and the one behind the last appends. Raises SettingsProblemsError.
    """
    if not path:
        return value
    step, further = path[0], path[1:]
    here = (*walked, step)
    if tree is None or tree is MISSING:
        tree = [] if step in (APPEND, 0) else {}
    if isinstance(tree, dict):
        return {**tree, str(step): put(tree.get(str(step), MISSING), further, value, here)}
    entries = _entries(tree, walked)
    index = _position(entries, step, here)
    inner = entries[index] if index < len(entries) else MISSING
    return [*entries[:index], put(inner, further, value, here), *entries[index + 1 :]]


def insert(tree: Any, path: Path, value: Any) -> Any:
    """Return the tree with a value added: a list moves its later entries up. The parent must be there."""
    if not path:
        return value
    parent, step = _parent(tree, path)
    if isinstance(parent, dict):
        return put(tree, path, value)
    index = _position(parent, step, path)
    return put(tree, path[:-1], [*parent[:index], value, *parent[index:]])


def drop(tree: Any, path: Path) -> Any:
    """Return the tree without what stands at a path. Raises SettingsProblemsError when nothing does."""
    parent, step = _parent(tree, path)
    if look(tree, path) is MISSING:
        raise refusal(path, "is not there")
    if isinstance(parent, dict):
        rest: Any = {key: value for key, value in parent.items() if key != str(step)}
    else:
        rest = [entry for number, entry in enumerate(parent) if number != _index(step)]
    return put(tree, path[:-1], rest)


def refusal(path: Path, message: str, hint: str | None = None) -> SettingsProblemsError:
    """Make the error for one place that does not fit."""
    return SettingsProblemsError([Problem(path=shown(path), message=message)], hint=hint)


def refuse_vast(value: Any, path: Path = ()) -> None:
    """Refuse what is nested deeper or holds more than any settings do, before anything walks all over it."""
    level, held = [value], 0
    for _ in range(DEEPEST + 1 - len(path)):
        level = list(islice((inner for outer in level for inner in _inside(outer)), MOST + 1))
        held += len(level)
        if held > MOST:
            raise refusal(path[:1], f"holds more than {MOST} values")
        if not level:
            return
    raise refusal(path[:1], f"is nested deeper than {DEEPEST} levels")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _parent(tree: Any, path: Path) -> tuple[dict[str, Any] | list[Any], Step]:
    if not path:
        raise refusal(path, "cannot be removed: it is the whole document")
    parent = look(tree, path[:-1])
    if parent is MISSING:
        raise refusal(path[:-1], "is not there", "add it first")
    return parent if isinstance(parent, dict) else _entries(parent, path[:-1]), path[-1]


def _entries(tree: Any, path: Path) -> list[Any]:
    if not isinstance(tree, list):
        raise refusal(
            path, f"is {KINDS.get(type(tree), 'a value')} and has nothing inside", "name the setting itself"
        )
    return tree


def _position(entries: list[Any], step: Step, path: Path) -> int:
    """Return where in a list a step leads: to an entry, or just behind the last."""
    index = len(entries) if step == APPEND else _index(step)
    if index is None:
        raise refusal(path, "leads into a list", "give the number of an entry, or - for a new one")
    if index > len(entries):
        raise refusal(path, f"is out of range: the list has {len(entries)} entries", "- appends one")
    return index


def _index(step: Step) -> int | None:
    """Return the index that a step is; it has no sign and no leading zeros."""
    text = str(step)
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,8}", text) else None
