"""Editing the settings with the user's editor: the schema as comments, and nobody's text is ever lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livermore.apps.cli.output import note
from livermore.apps.cli.settings_files import problems_of, told
from livermore.kernel.errors import InvalidError, LivermoreError, NotFoundError

if TYPE_CHECKING:
    from livermore.settings.section import Section

HEAD = """// The settings of Livermore: JSON, in which lines like this one are comments.
// Save and close to store them as a new revision; without a change, nothing is stored.
"""
PROBLEM = "// !! "
INDENT = "  "
FALLBACK = "vi"
LONGEST_LINE = 80


def edited(document: Any, save: Callable[[Any], Any]) -> Any:
    """Return what `save` makes of the document as it was edited; None when nothing was changed.

    What does not fit is opened again; when it is left as it is, that is the error. Then, and whenever else it
    cannot be stored, the text is kept in a file.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".jsonc", prefix="livermore-", delete=False) as new:
        file = Path(new.name)
    text = HEAD + annotated(document)
    try:
        done = _until_it_fits(file, text, save)
    except (Exception, KeyboardInterrupt):
        if file.exists() and _without_problems(file.read_text("utf-8")) not in ("", text):
            note(f"your text is kept in {file}")
        else:
            file.unlink(missing_ok=True)
        raise
    file.unlink()
    return done


def _until_it_fits(file: Path, text: str, save: Callable[[Any], Any]) -> Any:
    from livermore.settings.transfer import read_file

    refusal: InvalidError | None = None
    while True:
        file.write_text(_above(refusal) + text, "utf-8")
        _open(file)
        written = _without_problems(file.read_text("utf-8"))
        if written == text:
            if refusal is not None:
                raise refusal
            return None
        text = written
        try:
            return save(read_file(text))
        except InvalidError as error:
            refusal = error


def _above(refusal: InvalidError | None) -> str:
    """Write what is wrong as comments to stand above the text."""
    problems = [] if refusal is None else problems_of(refusal)
    return "".join(f"{PROBLEM}{' '.join(told(problem).split())}\n" for problem in problems)


def _without_problems(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(PROBLEM))


def _open(file: Path) -> None:
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or FALLBACK)
    try:
        done = subprocess.run([*command, str(file)], check=False)
    except OSError as error:
        hint = "name yours: EDITOR=nano livermore settings edit"
        raise NotFoundError(f"the editor cannot be started: {error}", where=command[0], hint=hint) from None
    if done.returncode != 0:
        raise LivermoreError(
            f"the editor ended with {done.returncode}, so that nothing was stored",
            where=command[0], hint="close it without an error to store what you wrote",
        )  # fmt: skip


def annotated(document: Any) -> str:
    """Write a document as JSON with the help of every setting above it."""
    from livermore.settings.document import SettingsDocument

    return "\n".join(_section(document, SettingsDocument, "")) + "\n"


def _section(values: dict[str, Any], section: type[Section], indent: str) -> Iterator[str]:
    """Yield the lines of a section; absent settings stand there as comments."""
    from livermore.settings.section import extra_of, fields_of, holds_many, section_in

    yield "{"
    inner = indent + INDENT
    for name, field in fields_of(section).items():
        said = extra_of(field)
        yield f"{inner}// {said['help']} ({said['apply']})"
        if name not in values:
            yield f'{inner}// "{name}": …,'
            continue
        value = values[name]
        below = None if holds_many(field.annotation) else section_in(field.annotation)
        whole = _plain(value, inner) if below is None or value is None else _section(value, below, inner)
        first, *rest = whole
        # A comma behind the last one is fine in a file that people write.
        yield from _with_comma([f'{inner}"{name}": {first}', *rest])
    yield f"{indent}}}"


def _with_comma(lines: list[str]) -> list[str]:
    return [*lines[:-1], f"{lines[-1]},"]


def _plain(value: Any, indent: str) -> list[str]:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_LINE:
        text = json.dumps(value, ensure_ascii=False, indent=2).replace("\n", "\n" + indent)
    return text.split("\n")
