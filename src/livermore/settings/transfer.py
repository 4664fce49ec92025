"""Settings as a file: what is exported, and how a file that people wrote or kept is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import InvalidError
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import repeated
from livermore.settings.path import Path
from livermore.settings.problems import shown, unknown_in

Document = dict[str, Any]
EXPORT_VERSION = "1.0"
LONGEST_FILE = 1_000_000
# A text or comment without an end takes the rest, so that no place is looked at twice.
_STRING = r'"(?:[^"\\]|\\.?)*(?:"|\Z)'
_COMMENT = re.compile(rf"{_STRING}|//[^\n\r]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
# A comma behind no value stays, to be refused.
_LAST_COMMA = re.compile(rf"{_STRING}|[\[{{,:]\s*,|(?P<last>,(?=\s*[}}\]]))", re.DOTALL)


def exported(document: SettingsDocument, now: int) -> Document:
    """Return the envelope in which settings leave; `now` is in ms UTC."""
    return {"exportedAt": rfc3339(now), "exportVersion": EXPORT_VERSION, "settings": document.plain()}


class UnreadableError(InvalidError):
    """This is no JSON."""


def read_file(given: str | bytes) -> Any:
    """Read JSON, with comments and last commas as people write them; raise UnreadableError with the line."""
    return _read(given, lambda text: _LAST_COMMA.sub(_without_last, _COMMENT.sub(_blanked, text)))


def read_json(given: str | bytes) -> Any:
    """Read JSON as programs write it, each key once; raise UnreadableError with the line."""
    return _read(given, lambda text: text)


def _read(given: str | bytes, cleaned: Callable[[str], str]) -> Any:
    if len(given) > LONGEST_FILE:
        raise UnreadableError("this is too long to be settings", hint="settings are well under 1 MB")
    try:
        text = given.decode("utf-8-sig") if isinstance(given, bytes) else given.removeprefix("\ufeff")
        return json.loads(cleaned(text), object_pairs_hook=_once_each, parse_constant=_refused)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableError(f"this is no JSON: {error.msg}", where=place) from None
    except RecursionError:
        raise UnreadableError("this is nested deeper than any settings are") from None
    except ValueError as error:
        said = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UnreadableError(f"this is no JSON: {said}") from None


def unwrapped(content: Any) -> Any:
    """Return the document in an export's envelope, or the bare document. Raises InvalidError."""
    if not isinstance(content, dict) or "settings" not in content:
        return content
    version = content.get("exportVersion", EXPORT_VERSION)
    if not isinstance(version, str) or version.partition(".")[0] != EXPORT_VERSION.partition(".")[0]:
        hint = f"this Livermore reads exports of version {EXPORT_VERSION}"
        raise InvalidError("this export is of a version that is not known", where="exportVersion", hint=hint)
    return content["settings"]


def without_unknown(document: Document) -> tuple[Document, list[Path]]:
    """Return a document of the newest version without the keys that no setting has, and where they were."""
    dropped = unknown_in(document)
    return _without(document, frozenset(dropped), ()), dropped


def _without(tree: Any, dropped: frozenset[Path], here: Path) -> Any:
    if isinstance(tree, dict):
        places = {name: (*here, name) for name in tree}
        return {name: _without(tree[name], dropped, at) for name, at in places.items() if at not in dropped}
    if isinstance(tree, list):
        return [_without(entry, dropped, (*here, number)) for number, entry in enumerate(tree)]
    return tree


def _blanked(found: re.Match[str]) -> str:
    """Keep texts; put blanks for what is no JSON, so that lines and columns stay what they are."""
    return found[0] if found[0].startswith('"') else re.sub(r"[^\n\r]", " ", found[0])


def _without_last(found: re.Match[str]) -> str:
    return " " if found["last"] else found[0]


def _once_each(pairs: list[tuple[str, Any]]) -> Document:
    document = dict(pairs)
    if len(document) < len(pairs):
        twice = repeated(key for key, _ in pairs)
        raise ValueError(f"a key is there twice: {shown((str(twice),))!r}")
    return document


def _refused(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")
