"""The ways to say what shall change: one path, JSON Patch (RFC 6902) or Merge Patch (RFC 7396).

A patch is applied to the whole document as people read it, defaults filled in. The result is a draft: whether
it fits is for the model to say. `version` and `sub` are not for patches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import msgspec

from livermore.kernel.errors import ConflictError, InvalidError
from livermore.settings.path import Path, read_path, read_pointer
from livermore.settings.problems import shown
from livermore.settings.tree import MISSING, drop, insert, look, put, refusal, refuse_vast, same

Document = dict[str, Any]
FIXED = {
    "version": "only an upgrade moves the version",
    "sub": "settings belong to one user; export them, and import them as the other",
}
MOST_OPERATIONS = 1000


class PathPatch(msgspec.Struct, frozen=True):
    """Put a value at one path; missing parents are made, and `-` appends to a list."""

    path: Path
    value: Any


class JsonPatch(msgspec.Struct, frozen=True):
    """Do some operations one after another (RFC 6902): all of them, or none."""

    operations: tuple[Mapping[str, Any], ...]


class MergePatch(msgspec.Struct, frozen=True):
    """Lay an object over the document (RFC 7396): null removes."""

    changes: Mapping[str, Any]


Patch = PathPatch | JsonPatch | MergePatch


def read_path_patch(body: Any) -> PathPatch:
    """Read `{"path": [...], "value": ...}`. Raises InvalidError."""
    if (
        not isinstance(body, dict)
        or body.keys() != {"path", "value"}
        or not isinstance(body["path"], list | str)
    ):
        raise InvalidError(
            "a patch has a path and a value", hint='write {"path": ["symbols", "-"], "value": …}'
        )
    return PathPatch(read_path(body["path"]), body["value"])


def read_json_patch(body: Any) -> JsonPatch:
    """Read a list of operations. Raises InvalidError."""
    if not isinstance(body, list) or not all(isinstance(operation, dict) for operation in body):
        raise InvalidError("a JSON Patch is a list of operations", hint="see RFC 6902")
    if len(body) > MOST_OPERATIONS:
        raise InvalidError(f"a JSON Patch has at most {MOST_OPERATIONS} operations", hint="send several")
    return JsonPatch(tuple(body))


def read_merge_patch(body: Any) -> MergePatch:
    """Read an object of changes. Raises InvalidError: the document as a whole cannot become anything else."""
    if not isinstance(body, dict):
        raise InvalidError("a Merge Patch of settings is an object", hint="see RFC 7396")
    return MergePatch(body)


def patched(document: Document, patch: Patch) -> Document:
    """Return the document with a patch applied; it is not checked whether the result fits.

    Errors: SettingsProblemsError naming the path, InvalidError for a patch that is none, ConflictError when
    a test of a JSON Patch fails.
    """
    match patch:
        case PathPatch(path, value):
            refuse_fixed(path)
            refuse_vast(value, path)
            return _object(put(document, path, value))
        case MergePatch(changes):
            refuse_vast(changes)
            for name in changes:
                refuse_fixed((name,))
            return _object(merged(document, changes))
        case JsonPatch(operations):
            numbered = enumerate(operations)
            return _object(reduce(lambda tree, one: _operated(tree, *one), numbered, document))


def merged(target: Any, changes: Any) -> Any:
    """Lay changes over a JSON value: objects are merged, null removes, and all else replaces."""
    if not isinstance(changes, Mapping):
        return changes
    rest = dict(target) if isinstance(target, Mapping) else {}
    for name, value in changes.items():
        if value is None:
            rest.pop(name, None)
        else:
            rest[name] = merged(rest.get(name), value)
    return rest


def _object(tree: Any) -> Document:
    if not isinstance(tree, dict):
        raise refusal((), "must stay one object")
    return tree


def refuse_fixed(path: Path) -> None:
    """Refuse to change the document as a whole, its version or its owner."""
    if not path:
        raise refusal(path, "cannot be patched as a whole", "replace the document instead")
    if str(path[0]) in FIXED:
        raise refusal(path, "cannot be patched", FIXED[str(path[0])])


# ---------------------------------------------------------------- JSON Patch


def _operated(tree: Any, number: int, operation: Mapping[str, Any]) -> Any:
    """Do one operation; `number` tells which it is when it is wrong."""
    name = operation.get("op")
    if not isinstance(name, str) or name not in OPERATIONS:
        raise _wrong(number, f"must have one of these as op: {', '.join(OPERATIONS)}")
    path = _pointer_in(operation, "path", number)
    if name != "test":
        refuse_fixed(path)
    return OPERATIONS[name](tree, path, operation, number)


def _add(tree: Any, path: Path, operation: Mapping[str, Any], number: int) -> Any:
    return insert(tree, path, _value_in(operation, path, number))


def _remove(tree: Any, path: Path, _: Mapping[str, Any], __: int) -> Any:
    return drop(tree, path)


def _replace(tree: Any, path: Path, operation: Mapping[str, Any], number: int) -> Any:
    value = _value_in(operation, path, number)
    if look(tree, path) is MISSING:
        raise refusal(path, "is not there", "add it instead")
    return put(tree, path, value)


def _move(tree: Any, path: Path, operation: Mapping[str, Any], number: int) -> Any:
    source = _pointer_in(operation, "from", number)
    refuse_fixed(source)
    value = _there(tree, source)
    if source == path:
        return tree
    if path[: len(source)] == source:
        raise refusal(source, "cannot be moved into itself")
    return insert(drop(tree, source), path, value)


def _copy(tree: Any, path: Path, operation: Mapping[str, Any], number: int) -> Any:
    source = _pointer_in(operation, "from", number)
    value = _there(tree, source)
    refuse_vast(value, path)
    return insert(tree, path, value)


def _test(tree: Any, path: Path, operation: Mapping[str, Any], number: int) -> Any:
    if not same(look(tree, path), _value_in(operation, path, number)):
        raise ConflictError(
            "the settings are not what the patch was made for", where=shown(path), hint="read them again"
        )
    return tree


OPERATIONS: Mapping[str, Callable[[Any, Path, Mapping[str, Any], int], Any]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip


def _there(tree: Any, path: Path) -> Any:
    value = look(tree, path)
    if value is MISSING:
        raise refusal(path, "is not there")
    return value


def _pointer_in(operation: Mapping[str, Any], name: str, number: int) -> Path:
    given = operation.get(name)
    if not isinstance(given, str):
        raise _wrong(number, f"must have a JSON Pointer as {name}")
    return read_pointer(given)


def _value_in(operation: Mapping[str, Any], path: Path, number: int) -> Any:
    if "value" not in operation:
        raise _wrong(number, "must have a value")
    refuse_vast(operation["value"], path)
    return operation["value"]


def _wrong(number: int, what: str) -> InvalidError:
    return InvalidError(f"operation {number + 1} {what}", where=f"operations.{number}", hint="see RFC 6902")
