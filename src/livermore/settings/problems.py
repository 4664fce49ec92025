"""What does not fit in a document: where, why, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NotRequired, TypedDict

from pydantic import ValidationError

from livermore.kernel.errors import SettingsInvalidError
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import looks_secret
from livermore.settings.path import Path, Step, dotted, printable
from livermore.settings.section import Section, fields_of, holds_many, section_in

MOST_PROBLEMS = 100
PLAIN = {
    "extra_forbidden": "is unknown",
    "missing": "is missing",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list",
    "mapping_type": "must be a section: names with values",
    "dict_type": "must be a section: names with values",
    "model_type": "must be a section: names with values",
    "model_attributes_type": "must be a section: names with values",
}


class Problem(TypedDict):
    """One place of the document that does not fit; `suggestion` is the nearest known name or value."""

    path: str
    message: str
    suggestion: NotRequired[str]


class SettingsProblemsError(SettingsInvalidError):
    """The settings do not fit."""

    def __init__(self, errors: Sequence[Problem], *, hint: str | None = None) -> None:
        self.errors = list(errors)
        first = self.errors[0]
        more = f", and {len(errors) - 1} more do not fit" if len(errors) > 1 else ""
        meant = first.get("suggestion")
        super().__init__(
            f"a setting {first['message']}{more}",
            where=first["path"] or None,
            hint=f"did you mean {meant}?" if meant else hint,
        )


def shown(path: Iterable[Step]) -> str:
    """Write a path as an error may show it: a key that looks like a secret is not repeated."""
    return dotted("***" if looks_secret(str(step)) else printable(str(step)) for step in path)


def problems_of(error: ValidationError) -> list[Problem]:
    """Translate the model's complaint; no value of the document is repeated, for it may be a secret."""
    details = error.errors(include_url=False, include_context=True, include_input=True)
    return [_problem(dict(detail)) for detail in details[:MOST_PROBLEMS]]


def unknown_in(document: Mapping[str, Any]) -> list[Path]:
    """Return where a document of the newest version has keys that no setting has."""
    try:
        SettingsDocument.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    return []


def refuse_unknown(path: Path) -> None:
    """Refuse a path that names no setting; behind a list or a mapping, any entry may be meant."""
    section: type[Section] | None = SettingsDocument
    steps = iter(enumerate(path))
    for at, step in steps:
        if section is None:
            return
        fields = fields_of(section)
        if str(step) not in fields:
            problem = Problem(path=shown(path[: at + 1]), message="is unknown")
            nearest = _nearest(step, list(fields))
            raise SettingsProblemsError([problem | {"suggestion": nearest[0]} if nearest else problem])
        annotation = fields[str(step)].annotation
        section = section_in(annotation)
        if holds_many(annotation):
            next(steps, None)


def _problem(detail: dict[str, Any]) -> Problem:
    place = [step for step in detail["loc"] if step != "[key]"]
    problem = Problem(path=shown(place), message=_message(detail))
    if detail["type"] == "extra_forbidden":
        nearest = _nearest(place[-1], _names_at(place))
    else:
        nearest = _nearest(detail["input"], _values_of(detail))
    if nearest:
        problem["suggestion"] = nearest[0]
    return problem


def _nearest(given: Any, known: list[str]) -> list[str]:
    # A long text is nobody's slip of the pen, and comparing it takes long.
    return get_close_matches(given, known, n=1) if isinstance(given, str) and len(given) < 100 else []


def _message(detail: dict[str, Any]) -> str:
    kind = detail["type"]
    if kind in PLAIN:
        return PLAIN[kind]
    message: str = detail["msg"]
    message = message.removeprefix("Value error, ")
    return re.sub(r"^\w+ should", "must", message)


def _values_of(detail: dict[str, Any]) -> list[str]:
    """Return the values that would have fitted, where they are a short list of names."""
    expected: str = detail.get("ctx", {}).get("expected", "")
    return expected.replace(" or ", ", ").replace("'", "").split(", ") if "'" in expected else []


def _names_at(place: Iterable[Any]) -> list[str]:
    """Return the names that the section of a place has."""
    section: type[Section] = SettingsDocument
    for step in list(place)[:-1]:
        field = fields_of(section).get(str(step))
        section = (section_in(field.annotation) if field else None) or section
    return list(fields_of(section))


def validated(document: Mapping[str, Any]) -> SettingsDocument:
    """Check a document of the newest version for form and fill in its defaults."""
    try:
        return SettingsDocument.model_validate(document)
    except ValidationError as error:
        # The original would show what was given to whoever prints the chain.
        raise SettingsProblemsError(problems_of(error)) from None
