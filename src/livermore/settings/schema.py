"""The JSON Schema of the document, with the help and the apply class of every setting."""

from __future__ import annotations

from functools import cache
from typing import Any

from livermore.settings.document import SettingsDocument
from livermore.settings.path import Path

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NULL = {"type": "null"}


@cache
def json_schema() -> dict[str, Any]:
    """Return the schema that editors and programs may check a document against."""
    return {"$schema": DIALECT, **SettingsDocument.model_json_schema()}


def schema_at(path: Path) -> dict[str, Any]:
    """Return the schema of what stands at a path; an empty one where that may be anything."""
    whole = json_schema()
    schema: dict[str, Any] = whole
    for step in path:
        schema = _inside(_resolved(schema, whole), str(step))
    return _resolved(schema, whole)


def _inside(schema: dict[str, Any], step: str) -> dict[str, Any]:
    if schema.get("type") == "array":
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else {}


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, also that of a section that may be null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != NULL]
    if len(choices) == 1 and "$ref" in choices[0]:
        schema = choices[0]
    if "$ref" in schema:
        return dict(whole["$defs"][schema["$ref"].rpartition("/")[2]])
    return schema
