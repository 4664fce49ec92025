"""The reference page of commands, written from the registry in which the rooms have entered them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import getdoc
from typing import Any

import msgspec

from livermore.control.command import HIGHEST, LIFETIME, LOWEST
from livermore.control.limits import USUAL
from livermore.control.registry import Entry, Registry, UnknownTypeError
from livermore.kernel import errors

HEAD = f"""# Commands

<!-- Written by `python -m docs.generate` from the registry of commands. -->

What may be asked of a runtime while it runs: over HTTP as `POST /api/v1/commands`, with
[verbs of the command line](cli.md), and as a message on the channel `livermore:commands:<identity_sub>` of
Redis. What becomes of a command is told in [from a click to a result](../concepts/life-of-a-command.md).

A lower priority is sooner. One of {HIGHEST} to {LOWEST} may be asked for in place of a type's own; what lies
below is kept for pausing and resuming. Fields that a payload does not have are refused. A command is cut off
when its turn takes longer than is said here, or when a job that it left gets no further for {USUAL.job:g} s.
"""
ERRORS = """
## Error codes

A command that came to nothing says why: `error: {code, detail}`.

| code | means |
|---|---|
"""
OTHERS = {
    "expired": f"It had not started {LIFETIME // 1000} s after it was submitted, and never will",
    "cancelled": "It was cancelled before it was done, by a pause",
}
KINDS: tuple[type[errors.LivermoreError], ...] = (
    errors.InvalidError, UnknownTypeError, errors.SettingsInvalidError, errors.NotFoundError,
    errors.ConflictError, errors.NotAllowedError, errors.NotImplementedYetError,
    errors.ExchangeUnreachableError, errors.RateLimitedError, errors.LivermoreError,
)  # fmt: skip


def reference(registry: Registry) -> str:
    """Return the page as Markdown, with one heading for each type of command."""
    by_priority = sorted(registry.entries.values(), key=lambda entry: entry.priority)
    return HEAD + "".join(map(_paragraph, by_priority)) + ERRORS + "".join(_codes())


def _paragraph(entry: Entry) -> str:
    told = f"Priority {entry.priority} · role {entry.role} · turn {entry.limits.turn:g} s"
    head = f"\n## `{entry.name}`\n\n{entry.about}\n\n{told}\n\n"
    rows = "".join(_fields(entry))
    if not rows:
        return f"{head}No payload.\n"
    return (
        f"{head}{getdoc(entry.payload)}\n\n| field | needed | type | without it |\n|---|---|---|---|\n{rows}"
    )


def _fields(entry: Entry) -> Iterator[str]:
    schema = msgspec.json.schema(entry.payload)
    definitions = schema["$defs"]
    payload = definitions[entry.payload.__name__]
    for name, field in payload["properties"].items():
        needed = "yes" if name in payload["required"] else "no"
        default = field.get("default")
        said = "" if default is None else f"`{str(default).lower() if default is False else default}`"
        yield f"| `{name}` | {needed} | {_type(field, definitions)} | {said} |\n"


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Write a type in words; of a choice with null, what else it may be."""
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        choices = [_type(choice, definitions) for choice in schema["anyOf"] if choice.get("type") != "null"]
        return " or ".join(choices)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'], definitions)}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return words[schema["type"]]


def _codes() -> Iterator[str]:
    told = {kind.code: (kind.__doc__ or "").removesuffix(".") for kind in KINDS} | OTHERS
    for code, meaning in sorted(told.items()):
        yield f"| `{code}` | {meaning} |\n"
