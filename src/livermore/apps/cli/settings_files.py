"""Settings as files on the command line: reading them, writing them, and telling what does not fit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livermore.apps.cli.output import note
from livermore.kernel.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from livermore.settings.document import SettingsDocument

STDIO = "-"


def read_bytes(file: str) -> bytes:
    """Read a file, or standard input for -."""
    return sys.stdin.buffer.read() if file == STDIO else Path(file).read_bytes()


def document_in(file: str) -> Any:
    """Return the document in a file, out of an export's envelope. Raises InvalidError with the place."""
    from livermore.settings.transfer import UnreadableError, read_file, unwrapped

    try:
        return unwrapped(read_file(read_bytes(file)))
    except UnreadableError as error:
        error.where = f"{_name(file)}, {error.where}" if error.where else _name(file)
        raise


def write_new(file: str, text: str) -> None:
    """Write a file that is not there yet, or to standard output for -. Raises ConflictError."""
    if file == STDIO:
        print(text)
        return
    try:
        with Path(file).open("x", encoding="utf-8") as new:
            new.write(text + "\n")
    except FileExistsError:
        raise ConflictError("the file exists", where=file, hint="name another file") from None
    note(f"written to {file}")


def problems_of(error: InvalidError) -> list[dict[str, Any]]:
    """Return every place that does not fit."""
    named = getattr(error, "errors", None)
    if named is None:
        return [{"path": error.where or "", "message": error.what}]
    return [dict(problem) for problem in named]


def told(problem: dict[str, Any]) -> str:
    """Write one place that does not fit."""
    meant = f" (did you mean {problem['suggestion']}?)" if problem.get("suggestion") else ""
    return f"{problem['path'] or 'the document'}: {problem['message']}{meant}"


def checked(document: Any) -> SettingsDocument:
    """Check the form of a document, of any version. Raises SettingsProblemsError."""
    from livermore.settings.drafts import of_this_version
    from livermore.settings.problems import validated
    from livermore.settings.tree import refuse_vast

    refuse_vast(document)
    return validated(of_this_version(document))


def as_json(value: Any) -> str:
    """Write a value as JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def _name(file: str) -> str:
    return "standard input" if file == STDIO else file
