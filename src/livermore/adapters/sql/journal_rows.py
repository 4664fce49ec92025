"""A command as its row has it, and the values that a statement binds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from livermore.adapters.sql.columns import read_json, write_json
from livermore.control.command import Command, NewCommand
from livermore.control.lifecycle import OPEN, Status, Step, destination, origins
from livermore.control.ports import Facts
from livermore.kernel.errors import InvalidError
from livermore.kernel.scope import Scope

COLUMNS = (
    "number", "correlation_id", "type", "payload", "priority", "status", "source", "author", "role",
    "submitted_at", "acknowledged_at", "started_at", "finished_at", "runner", "progress", "result",
    "error_code", "error_detail",
)  # fmt: skip
ADDED = (
    "user_id", "identity_sub", "correlation_id", "type", "payload", "priority", "status", "source", "author",
    "role", "submitted_at", "finished_at", "error_code", "error_detail",
)  # fmt: skip
JSON = ("payload", "progress", "result")


def fields_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a command as JSON knows them, from a row whose JSON is text still."""
    fields = {name: row[name] for name in COLUMNS}
    for name in JSON:
        if fields[name] is not None:
            fields[name] = read_json(fields[name])
    fields["id"] = fields.pop("correlation_id")
    code, detail = fields.pop("error_code"), fields.pop("error_detail")
    fields["error"] = None if code is None else {"code": code, "detail": detail}
    return fields


def command_of(row: Mapping[str, Any]) -> Command:
    """Return the command of a row."""
    return msgspec.convert(fields_of(row), Command)


def accepted(command: NewCommand) -> Command:
    """Return a command as it is once it was written down, but for its number."""
    failure = command.failure
    return Command(
        number=0, id=command.id, type=command.type, payload=command.payload, priority=command.priority,
        status=Status.ACCEPTED if failure is None else Status.REJECTED, source=command.source,
        author=command.author, role=command.role, submitted_at=command.submitted_at,
        finished_at=None if failure is None else command.submitted_at, error=failure,
    )  # fmt: skip


def values_added(scope: Scope, command: Command) -> tuple[Any, ...]:
    """Return the values of ADDED."""
    error = command.error
    return (
        scope.user_id, scope.identity_sub, command.id, command.type, json_text(command.payload),
        command.priority, command.status.value, command.source, command.author, command.role,
        command.submitted_at, command.finished_at, error and error.code, error and error.detail,
    )  # fmt: skip


def values_changed(step: Step, facts: Facts) -> tuple[Any, ...]:
    """Return what a step writes: see `update_statement`."""
    starts, ends = step is Step.START, destination(step) not in OPEN
    acknowledged = facts.acknowledged_at
    if step is Step.ACKNOWLEDGE and acknowledged is None:
        acknowledged = facts.at
    error = facts.error if ends else None
    return (
        destination(step).value,
        acknowledged if step in {Step.ACKNOWLEDGE, Step.START} else None,
        facts.at if starts else None,
        facts.runner if starts else None,
        facts.at if ends else None,
        None if facts.result is None or not ends else json_text(facts.result),
        error and error.code,
        error and error.detail,
    )


CHANGED = (
    "status = {}, acknowledged_at = COALESCE(acknowledged_at, {}), started_at = COALESCE(started_at, {}),"
    " runner = COALESCE(runner, {}), finished_at = {}, result = {}, error_code = {}, error_detail = {}"
)


def origins_of(step: Step) -> str:
    """Return the statuses from which a step may be taken, as a list in SQL."""
    return ", ".join(f"'{status.value}'" for status in sorted(origins(step)))


def facts_text(step: Step, facts: Facts) -> str:
    """Return what a step's event says, as JSON."""
    said = {
        "runner": facts.runner,
        "acknowledged_at": facts.acknowledged_at,
        "result": facts.result if destination(step) not in OPEN else None,
        "error": facts.error if destination(step) not in OPEN else None,
    }
    return json_text({name: value for name, value in said.items() if value is not None})


def json_text(value: Any) -> str:
    """Write a value as JSON; raise InvalidError for what JSON cannot hold."""
    try:
        return write_json(msgspec.to_builtins(value))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidError(f"this cannot be stored as JSON: {error}", where="payload") from None


def same_json(one: Any, other: Any) -> bool:
    """Say whether two values are the same in JSON, where true is not 1 and the order of keys is nothing."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
