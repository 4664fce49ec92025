"""The reference page of the settings, written from the schema: `python -m livermore.settings.reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import PydanticUndefined

from livermore.settings.document import SettingsDocument
from livermore.settings.section import Section, extra_of, fields_of, section_in

HEAD = """# Settings

<!-- Written by `python -m livermore.settings.reference` from src/livermore/settings/document.py. -->

One document for each user, version 2; an older one is upgraded when it is read. Unknown keys are refused.
When a change takes effect: **hot** with the next tick, **warm** after the work that is named, **restart** when
Livermore starts again. `<name>` stands for a key of your choice, `[]` for each entry of a list.
"""
PLACES = {"exchanges": ".<name>", "routes": "[]"}


class Entry(NamedTuple):
    """One setting as the page shows it."""

    path: str
    type: str
    default: str
    extra: dict[str, Any]


def entries(section: type[Section] = SettingsDocument, before: str = "") -> Iterator[Entry]:
    """Yield every setting with its path, in the order of the document; a section stands before its settings."""
    schema = SettingsDocument.model_json_schema()
    properties = (schema if section is SettingsDocument else schema["$defs"][section.__name__])["properties"]
    for name, field in fields_of(section).items():
        inner = section_in(field.annotation)
        shown = _type(properties[name], schema["$defs"])
        yield Entry(before + name, shown, _default(properties[name], extra_of(field)), extra_of(field))
        if inner:
            yield from entries(inner, f"{before}{name}{PLACES.get(name, '')}.")


def reference() -> str:
    """Return the page as Markdown, with one heading for each setting."""
    return HEAD + "".join(map(_paragraph, entries()))


def _paragraph(entry: Entry) -> str:
    effect = f": {entry.extra['effect']}" if "effect" in entry.extra else ""
    line = f"{entry.type} · {entry.default} · {entry.extra['apply']}{effect}"
    return f"\n## `{entry.path}`\n\n{line}\n\n{entry.extra['help']}\n"


def _default(schema: dict[str, Any], extra: dict[str, Any]) -> str:
    if extra.get("absent"):
        return "absent"
    default = schema.get("default", PydanticUndefined)
    return "required" if default is PydanticUndefined else f"default `{json.dumps(default)}`"


def _type(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return " or ".join(_type(choice, definitions) for choice in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        return f"list of {_type(schema['items'], definitions)}"
    return NAMES[schema["type"]]


NAMES = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false",
    "object": "section", "null": "null",
}  # fmt: skip

if __name__ == "__main__":
    sys.stdout.write(reference())
