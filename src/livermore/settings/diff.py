"""What differs between two documents, place by place: for people, and as a JSON Patch for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from livermore.settings.path import APPEND, Path, dotted, pointer
from livermore.settings.tree import drop, look, put, same

Document = dict[str, Any]
# Lists that are read as sets: what was added and removed counts, not what moved up by one.
WATCHLISTS: tuple[Path, ...] = (("symbols",), ("disabled_symbols",))


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place that differs; an `entry` is one symbol of the list at the path, not the list itself."""

    op: Literal["add", "remove", "change"]
    path: Path
    before: Any = None
    after: Any = None
    entry: bool = False

    def plain(self) -> Document:
        """Return it as revisions keep it: `{op, path, from, to}`."""
        return {"op": self.op, "path": dotted(self.path), "from": self.before, "to": self.after}


def differences(before: Document, after: Document) -> list[Difference]:
    """Return what differs, by path in order; a list counts as one value, except for symbols."""
    return list(_between(before, after, ()))


def applied(document: Any, found: Sequence[Difference]) -> Any:
    """Return the document with differences applied to it: from `before`, this leads to `after`."""
    for one in found:
        if one.op != "remove":
            document = put(document, (*one.path, APPEND) if one.entry else one.path, one.after)
        else:
            document = drop(document, _place(document, one))
    return document


def json_patch(before: Document, after: Document) -> list[Document]:
    """Return the same as a JSON Patch (RFC 6902)."""
    operations, document = [], before
    for one in differences(before, after):
        operations.append(_operation(document, one))
        document = applied(document, [one])
    return operations


def _between(before: Document, after: Document, path: Path) -> Iterator[Difference]:
    for key in sorted(before.keys() | after.keys()):
        here = (*path, key)
        old: Any = before.get(key)
        new: Any = after.get(key)
        if key not in before:
            yield Difference(op="add", path=here, after=new)
        elif key not in after:
            yield Difference(op="remove", path=here, before=old)
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from _between(old, new, here)
        elif here in WATCHLISTS and _in_step(old, new):
            yield from _symbols(old, new, here)
        elif not same(old, new):
            yield Difference(op="change", path=here, before=old, after=new)


def _in_step(old: Any, new: Any) -> bool:
    """Say whether the new list is the old one without some names and with others behind it."""
    if not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in (old, new)
    ):
        return False
    kept = [name for name in old if name in set(new)]
    return len(set(old)) == len(old) and len(set(new)) == len(new) and new[: len(kept)] == kept


def _symbols(old: list[str], new: list[str], path: Path) -> Iterator[Difference]:
    was, stays = set(old), set(new)
    for name in old:
        if name not in stays:
            yield Difference(op="remove", path=path, before=name, entry=True)
    for name in new:
        if name not in was:
            yield Difference(op="add", path=path, after=name, entry=True)


def _place(document: Any, one: Difference) -> Path:
    """Return where to remove something; an entry stands somewhere in its list."""
    return (*one.path, look(document, one.path).index(one.before)) if one.entry else one.path


def _operation(document: Any, one: Difference) -> Document:
    if one.op == "remove":
        return {"op": "remove", "path": pointer(_place(document, one))}
    path = (*one.path, APPEND) if one.entry else one.path
    return {"op": "add" if one.op == "add" else "replace", "path": pointer(path), "value": one.after}
