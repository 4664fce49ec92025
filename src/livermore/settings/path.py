"""Places in the document: a list of steps, a JSON Pointer, or the dotted form that people write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from livermore.kernel.errors import InvalidError

Step = str | int
Path = tuple[Step, ...]

APPEND = "-"
LONGEST = 64
LONGEST_SHOWN = 100
_BARE = re.compile(r"[^.\[\]\"/\s][^.\[\]\"\s]*")
_PIECE = re.compile(
    r"""\.?\[(?P<index>\d+)\] | \.?\[(?P<quoted>"(?:[^"\\]|\\.)*")\] | \.?(?P<bare>[^.\[\]"\s]+)""",
    re.VERBOSE,
)
_WRONG_TILDE = re.compile(r"~(?![01])")


def printable(text: str) -> str:
    """Return what somebody gave as it may stand in an error: short, in characters that can be sent."""
    return text[:LONGEST_SHOWN].encode("utf-8", "replace").decode()


def read_path(given: str | Sequence[object]) -> Path:
    """Read a path: a list of steps, a JSON Pointer (`/alerts/routes/0`) or dotted (`alerts.routes.0`).

    A key with dots, quotes, brackets or blanks is dotted as `exchanges["a.b"]`. Raises InvalidError.
    """
    if isinstance(given, str):
        return read_pointer(given) if given.startswith("/") else _short(_read_dotted(given))
    steps = tuple(step for step in given if isinstance(step, str | int) and not isinstance(step, bool))
    if len(steps) < len(given):
        raise InvalidError("a step of a path must be a key or an index", hint='write ["alerts", "routes", 0]')
    return _short(steps)


def read_pointer(text: str) -> Path:
    """Read a JSON Pointer (RFC 6901); an empty one is the whole document. Raises InvalidError."""
    if text and (not text.startswith("/") or _WRONG_TILDE.search(text)):
        raise InvalidError(
            "this is no JSON Pointer",
            where=printable(text),
            hint="begin with /, and write ~1 for / and ~0 for ~",
        )
    return _short(tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]))


def pointer(path: Path) -> str:
    """Write a path as a JSON Pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def dotted(path: Iterable[Step]) -> str:
    """Write a path as people do: `alerts.routes.0`, and `exchanges["a.b"]` where dots would mislead."""
    text = ""
    for step in map(str, path):
        if not _BARE.fullmatch(step):
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
        else:
            text += f".{step}" if text else step
    return text


def _short(path: Path) -> Path:
    if len(path) > LONGEST:
        raise InvalidError(f"a path has at most {LONGEST} steps, and this one has {len(path)}")
    return path


def _read_dotted(text: str) -> Path:
    steps: list[Step] = []
    position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None or (position == 0 and text.startswith(".")):
            raise _unreadable(text)
        steps.append(_step(piece, text))
        position = piece.end()
        if position < len(text) and text[position] not in ".[":
            raise _unreadable(text)
    return tuple(steps)


def _step(piece: re.Match[str], text: str) -> Step:
    if piece["index"] is not None:
        return int(piece["index"])
    if piece["bare"] is not None:
        return piece["bare"]
    try:
        return str(json.loads(piece["quoted"]))
    except ValueError:
        raise _unreadable(text) from None


def _unreadable(text: str) -> InvalidError:
    return InvalidError(
        "this is no path of a setting",
        where=printable(text),
        hint='write alerts.cooldown_seconds, exchanges["a.b"].enabled or /alerts/routes/0',
    )
