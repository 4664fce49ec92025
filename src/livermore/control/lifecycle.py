"""The life of a command as a table: which statuses exist, and what leads where."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from livermore.kernel.errors import ConflictError


class Status(StrEnum):
    """How far a command is."""

    ACCEPTED = "accepted"
    ACKNOWLEDGED = "acknowledged"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Step(StrEnum):
    """What leads from one status to the next."""

    ACKNOWLEDGE = "acknowledge"
    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    REJECT = "reject"
    EXPIRE = "expire"


TABLE: dict[tuple[Status, Step], Status] = {
    (Status.ACCEPTED, Step.ACKNOWLEDGE): Status.ACKNOWLEDGED,
    # Found in the journal, because its message was lost: it starts as if it had been acknowledged.
    (Status.ACCEPTED, Step.START): Status.RUNNING,
    (Status.ACCEPTED, Step.REJECT): Status.REJECTED,
    (Status.ACCEPTED, Step.CANCEL): Status.CANCELLED,
    (Status.ACCEPTED, Step.EXPIRE): Status.EXPIRED,
    (Status.ACKNOWLEDGED, Step.START): Status.RUNNING,
    (Status.ACKNOWLEDGED, Step.REJECT): Status.REJECTED,
    (Status.ACKNOWLEDGED, Step.CANCEL): Status.CANCELLED,
    (Status.ACKNOWLEDGED, Step.EXPIRE): Status.EXPIRED,
    (Status.RUNNING, Step.SUCCEED): Status.SUCCEEDED,
    (Status.RUNNING, Step.FAIL): Status.FAILED,
    (Status.RUNNING, Step.CANCEL): Status.CANCELLED,
}

OPEN = frozenset({Status.ACCEPTED, Status.ACKNOWLEDGED, Status.RUNNING})
WAITING = frozenset({Status.ACCEPTED, Status.ACKNOWLEDGED})


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one step."""

    previous: Status
    step: Step
    current: Status


def take(status: Status, step: Step) -> Passage:
    """Return where a step leads; raise ConflictError naming what is possible."""
    following = TABLE.get((status, step))
    if following is None:
        possible = ", ".join(one for one in Step if (status, one) in TABLE) or "nothing: it has ended"
        raise ConflictError(f"a command that is {status} cannot {step}", hint=f"possible now: {possible}")
    return Passage(previous=status, step=step, current=following)


def origins(step: Step) -> frozenset[Status]:
    """Return the statuses from which a step may be taken."""
    return frozenset(status for status, one in TABLE if one is step)


def destination(step: Step) -> Status:
    """Return the status to which a step leads, from wherever it is taken."""
    (status,) = {following for (_, one), following in TABLE.items() if one is step}
    return status


def table_as_markdown() -> str:
    """Print the table: a row for each status, a column for each step."""
    rows = [["status", *Step], ["---"] * (len(Step) + 1)]
    rows += [[status, *(TABLE.get((status, step), "") for step in Step)] for status in Status]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def table_as_drawing() -> str:
    """Draw the table as a state diagram in the language of Mermaid."""
    lines = ["stateDiagram-v2", f"    [*] --> {Status.ACCEPTED}"]
    lines += [f"    {status} --> {following}: {step}" for (status, step), following in TABLE.items()]
    lines += [f"    {status} --> [*]" for status in Status if status not in OPEN]
    return "\n".join(lines) + "\n"
