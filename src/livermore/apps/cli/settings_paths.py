"""Paths of settings as people type them: read, completed, and the value that is meant at one."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from livermore.kernel.errors import InvalidError

if TYPE_CHECKING:
    from livermore.settings.path import Path

KNOWN_EXCHANGES = ("coinbase", "binance")
STDIO = "-"


def completed(incomplete: str) -> list[str]:
    """Return the paths that begin so, as a shell completes them; a JSON Pointer is completed as one."""
    from livermore.settings.path import pointer, read_path

    if incomplete.startswith("/"):
        return [text for path in _paths() if (text := pointer(read_path(path))).startswith(incomplete)]
    return [path for path in _paths() if path.startswith(incomplete)]


def _paths() -> list[str]:
    from livermore.settings.reference import entries

    named = [entry.path for entry in entries() if "[]" not in entry.path]
    return [
        path.replace("<name>", exchange)
        for path in named
        for exchange in (KNOWN_EXCHANGES if "<name>" in path else KNOWN_EXCHANGES[:1])
    ]


def place_of(text: str) -> Path:
    """Read a path, and refuse one that names no setting, with the nearest."""
    from livermore.settings.path import read_path
    from livermore.settings.problems import refuse_unknown

    place = read_path(text)
    refuse_unknown(place)
    return place


def value_at(document: Any, place: Path) -> Any:
    """Return the value at a path; None where there is none."""
    from livermore.settings.tree import MISSING, look

    found = look(document, place)
    return None if found is MISSING else found


def value_of(path: str, text: str) -> Any:
    """Read a value: JSON, or the bare text where that is none or the setting is a text anyway.

    Raises InvalidError for what is JSON neither way, such as a list without its end.
    """
    from livermore.settings.path import read_path
    from livermore.settings.transfer import UnreadableError, read_json

    given = sys.stdin.read().rstrip("\n") if text == STDIO else text
    if _is_text(read_path(path)) and given != "null":
        return _unquoted(given)
    try:
        return read_json(given)
    except UnreadableError as error:
        if given.lstrip().startswith(("{", "[", '"')):
            raise InvalidError(
                error.what, where=f"VALUE, {error.where}", hint="quote it for the shell"
            ) from None
        return given


def _unquoted(text: str) -> str:
    """Take the quotes off a text that was written as JSON."""
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text


def _is_text(place: Path) -> bool:
    """Say whether the schema has nothing but a text (or null) at a path."""
    from livermore.settings.schema import schema_at

    schema = schema_at(place)
    choices = schema.get("anyOf", [schema])
    kinds = {choice.get("type") for choice in choices if "type" in choice} - {"null"}
    return kinds == {"string"} and all("type" in choice for choice in choices)
