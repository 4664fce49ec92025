"""Values that fit a schema, so that a question gets as far as the check of who asks it."""

from __future__ import annotations

from typing import Any

SHORTEST = 12  # characters, with which passwords are content as well


def sample(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """Make up a value of a JSON Schema of an OpenAPI document."""
    if "$ref" in schema:
        return sample(_referred(schema["$ref"], document), document)
    for given in ("const", "default", "example"):
        if schema.get(given) is not None:
            return schema[given]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return sample(schema[choice][0], document)
    return _of_type(schema, document)


def _of_type(schema: dict[str, Any], document: dict[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            return {name: sample(each, document) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema["items"], document)] if schema.get("minItems") and "items" in schema else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "x" * max(SHORTEST, schema.get("minLength", 0))


def _referred(reference: str, document: dict[str, Any]) -> dict[str, Any]:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)
