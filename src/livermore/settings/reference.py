"""The reference page of the settings, written from the schema: `python -m livermore.settings.reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from livermore.settings.document import SettingsDocument
from livermore.settings.section import Section, extra_of, fields_of, section_in

HEAD = """# Settings

<!-- Written by `python -m livermore.settings.reference` from src/livermore/settings/document.py. -->

One document for each user, version 2; an older one is upgraded when it is read. Unknown keys are refused.
A change takes effect, **hot**: with the next tick; **warm**: after the work that is named; **restart**: when
Livermore starts again. `<name>` stands for a key of your choice, `[]` for each entry of a list.
"""
MOST_CHOICES = 12
PLACES = {"exchanges": ".<name>", "routes": "[]"}


class Entry(NamedTuple):
    """One setting as the page shows it."""

    path: str
    type: str
    default: str
    extra: dict[str, Any]


def entries() -> list[Entry]:
    """Return every setting in the order of the document; a section stands before its settings."""
    schema = SettingsDocument.model_json_schema()
    return list(_entries(SettingsDocument, "", schema["$defs"] | {SettingsDocument.__name__: schema}))


def _entries(section: type[Section], before: str, definitions: dict[str, Any]) -> Iterator[Entry]:
    for name, field in fields_of(section).items():
        schema = definitions[section.__name__]["properties"][name]
        yield Entry(before + name, _type(schema, definitions), _default(field, schema), extra_of(field))
        inner = section_in(field.annotation)
        if inner:
            yield from _entries(inner, f"{before}{name}{PLACES.get(name, '')}.", definitions)


def reference() -> str:
    """Return the page as Markdown, with one heading for each setting."""
    return HEAD + "".join(map(_paragraph, entries()))


def _paragraph(entry: Entry) -> str:
    effect = f": {entry.extra['effect']}" if "effect" in entry.extra else ""
    line = " · ".join(filter(None, [entry.type, entry.default, entry.extra["apply"] + effect]))
    return f"\n## `{entry.path}`\n\n{line}\n\n{entry.extra['help']}\n"


def _default(field: FieldInfo, schema: dict[str, Any]) -> str:
    if field.is_required():
        return "required"
    if extra_of(field).get("absent"):
        return "absent"
    return f"default `{json.dumps(schema['default'])}`" if "default" in schema else ""


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return " or ".join(_type(choice, definitions) for choice in schema["anyOf"] if choice != NULL)
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if 0 < len(choices) <= MOST_CHOICES:
        return " or ".join(f"`{value}`" for value in choices)
    if schema["type"] == "array":
        return f"list of {_type(schema['items'], definitions)}"
    return NAMES[schema["type"]]


NAMES = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false",
    "object": "section",
}  # fmt: skip
NULL = {"type": "null"}

if __name__ == "__main__":
    sys.stdout.write(reference())
