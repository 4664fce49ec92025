"""A small judge of JSON Schema: enough of it for what the API describes."""

import re
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
WORDS = (
    "$ref anyOf oneOf type enum const properties required "
    "items prefixItems additionalProperties propertyNames title description default format "
    "minimum maximum exclusiveMinimum minLength maxLength minItems maxItems help "
    "apply effect absent pattern"
)
JUDGED = set(WORDS.split())


def faults(value: Any, schema: dict[str, Any], schemas: dict[str, Any], path: str = "$") -> list[str]:
    """Return where a value differs from its schema."""
    unknown = schema.keys() - JUDGED
    assert not unknown, f"{path}: this judge knows nothing of {unknown}"
    if "$ref" in schema:
        return faults(value, schemas[schema["$ref"].removeprefix("#/components/schemas/")], schemas, path)
    for choices in (schema.get("anyOf"), schema.get("oneOf")):
        if choices:
            tried = [faults(value, choice, schemas, path) for choice in choices]
            return [] if [] in tried else tried[0]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path}: {value!r} is not one of {schema['enum']}"]
    if "const" in schema and value != schema["const"]:
        return [f"{path}: {value!r} is not {schema['const']!r}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{path}: {value!r} is no {kind}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{path}: {value!r} has not the form {schema['pattern']}"]
    return _inside(value, schema, schemas, path)


def _inside(value: Any, schema: dict[str, Any], schemas: dict[str, Any], path: str) -> list[str]:
    found = []
    if isinstance(value, list):
        for place, item in enumerate(value):
            found += faults(item, schema.get("items", {}), schemas, f"{path}[{place}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", {})
        found += [f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, item in value.items():
            rule = properties.get(name, others)
            if properties and name not in properties and "additionalProperties" not in schema:
                found.append(f"{path}: {name} is not described")
            elif rule is False:
                found.append(f"{path}: {name} is not allowed")
            elif isinstance(rule, dict):
                found += faults(item, rule, schemas, f"{path}.{name}")
    return found
