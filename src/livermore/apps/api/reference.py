"""The reference page of the API, written from its description: `python -m livermore.apps.api.reference`."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from livermore.apps.api.app import api_app
from livermore.apps.api.errors import STATUS
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.api.openapi import description
from livermore.kernel.events import TOPICS

HEAD = """# HTTP API

<!-- Written by `python -m livermore.apps.api.reference` from the routes. -->

Everything lies under `/api/v1`; health and metrics lie at the root. A running Livermore describes itself at
`/api/v1/openapi.json` and shows that, to be tried, at `/api/v1/docs`; both work offline.

## Login

A program sends a token with each request; `livermore token create NAME` makes one:

    curl -H "Authorization: Bearer $LIVERMORE_TOKEN" http://127.0.0.1:7070/api/v1/runtime

A person logs in with a password, a token or an identity provider and gets a session cookie for a week; the
address that `livermore up` prints opens one session, once. `/healthz` and `/readyz` need no login. With a
session, what may change something must come from a page of this server (403 otherwise). The server answers
under the names of the loopback, the host it is bound to and those in `LIVERMORE_ALLOWED_HOSTS` (421
otherwise), and takes bodies of up to 1 MB (413 otherwise).

Each route names the role that it needs: `viewer` reads, `operator` also commands and edits settings, `admin`
also manages users and reads metrics. A token has a role of its own, at most that of its user. A role that is
too low is answered with 403. Market data is for every login; what is a user's (settings, commands, signals,
alerts, events, tokens) is only ever that of the login itself, and the object of another user is 404.

## Times

Answers carry integer milliseconds UTC, and RFC 3339 in fields whose names end in `_at`. Parameters take
either. A route that takes parameters refuses those it does not know.

## Problems

Whatever goes wrong is answered with a problem document (RFC 9457, `application/problem+json`): `type`,
`title`, `status`, `detail`, `code`, often a `hint`, and for what does not fit a list
`errors: [{path, message, suggestion?}]`. The problem of a command that was refused has its `command_id`.

| status | code | when |
|---|---|---|
"""
EVENTS = f"""
Topics: {", ".join(f"`{topic}`" for topic in TOPICS)}. Each event carries its `id`; a client that comes back
with `Last-Event-ID` (browsers do so by themselves) gets what it missed. Where that is no longer known, or the
client was too slow, an event `resync` says that it has to read the state again. A comment is sent every 15
seconds.

`runtime` carries the state of the runtime, and `command` a command as `GET /api/v1/commands/{{id}}` does: an
event for each status that it reaches, and while it runs one for each step of its `progress`. Those of
progress are for who listens then; a client that comes back is not sent them again.

`symbol` tells that an exchange lists a market in another state than before, as
`{{exchange, symbol, state, previous}}` with `trading`, `halted` or `delisted`; it is for everybody. What
changes on a watchlist is told by `settings`.
"""


def reference() -> str:
    """Return the page as Markdown, with one heading for each route."""
    # Routes are only described here and never asked, so that they need no system.
    nothing = cast("Any", None)
    document = description(
        api_app(nothing, streams=Streams(nothing), counted=Metrics(nothing), entrance=nothing)
    )
    schemas = document["components"]["schemas"]
    routes = [
        _route(path, method, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return HEAD + "".join(_statuses()) + "\n## Routes\n" + "".join(routes)


def _statuses() -> list[str]:
    return [
        f"| {status} | `{kind.code}` | {(kind.__doc__ or '').removesuffix('.')} |\n"
        for kind, status in sorted(STATUS.items(), key=lambda entry: entry[1])
    ]


def _route(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    events = EVENTS if path == "/api/v1/events" else ""
    parameters = "".join(_parameter(parameter, schemas) for parameter in operation.get("parameters", []))
    table = f"\n| parameter | where | type | meaning |\n|---|---|---|---|\n{parameters}" if parameters else ""
    role = f"Needs the role `{operation['x-role']}`." if "x-role" in operation else "Needs no login."
    told = f"{operation['description']}\n\n{role}\n{events}{table}"
    return (
        f"\n### `{method.upper()} {path}`\n\n{told}{_body(operation, schemas)}\n{_answer(operation, schemas)}"
    )


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Write a table of what is sent."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None or "$ref" not in content["schema"]:
        return ""
    name = content["schema"]["$ref"].rpartition("/")[2]
    if name == "SettingsDocument":
        return "\nThe body is a settings document: see the page on settings.\n"
    schema = schemas[name]
    rows = "".join(
        _field(name, field, name in schema.get("required", ()), schemas)
        for name, field in schema["properties"].items()
    )
    return f"\n| field | needed | type | meaning |\n|---|---|---|---|\n{rows}"


def _field(name: str, schema: dict[str, Any], is_needed: bool, schemas: dict[str, Any]) -> str:
    default = f"; {schema['default']} without it" if schema.get("default") is not None else ""
    kind = _type(schema, schemas)
    meaning = schema.get("description", "").removesuffix(".")
    return f"| `{name}` | {'yes' if is_needed else 'no'} | {kind} | {meaning}{default} |\n"


def _answer(operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Write what is answered when all goes well."""
    status = next(status for status in operation["responses"] if status.startswith("2"))
    media_types = operation["responses"][status].get("content")
    if media_types is None:
        return f"Answers {status}, with nothing.\n"
    media_type, content = next(iter(media_types.items()))
    if media_type != "application/json":
        return f"Answers `{media_type}`.\n"
    told = "" if status == "200" else f"Answers {status}:\n\n"
    return f"{told}```json\n{json.dumps(_outline(content['schema'], schemas), indent=2)}\n```\n"


def _parameter(parameter: dict[str, Any], schemas: dict[str, Any]) -> str:
    schema = parameter["schema"]
    kind = _type(schema, schemas)
    default = f"; {schema['default']} without it" if schema.get("default") is not None else ""
    meaning = parameter["description"].removesuffix(".")
    return f"| `{parameter['name']}` | {parameter['in']} | {kind} | {meaning}{default} |\n"


def _type(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    return str(_outline(schema, schemas)).removesuffix(" | null").replace(" | ", ", ")


def _outline(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Reduce a schema to an example of itself, with types in the place of values."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _outline(schemas[name], schemas) if name != "SettingsDocument" else "see the page on settings"
    if "anyOf" in schema:
        return _choice([_outline(choice, schemas) for choice in schema["anyOf"]])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return [_outline(schema.get("items", {}), schemas)]
    if "properties" in schema:
        return {name: _outline(field, schemas) for name, field in schema["properties"].items()}
    if schema.get("additionalProperties"):
        return {"string": _outline(schema["additionalProperties"], schemas)}
    return schema.get("format") or schema.get("type", "any")


def _choice(outlines: list[Any]) -> Any:
    """Join choices that are words; what is deeper than a word stands for all."""
    deep = [outline for outline in outlines if not isinstance(outline, str)]
    return deep[0] if deep else " | ".join(outlines)


if __name__ == "__main__":
    sys.stdout.write(reference())
