"""The states of a runtime as a table: which exist, and what leads where."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from livermore.kernel.errors import ConflictError


class State(StrEnum):
    """What a runtime is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    WARMING = "warming"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FAILED = "failed"


class Trigger(StrEnum):
    """What leads from one state to the next: asked for (the first four) or come about (the others)."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CONNECTED = "connected"
    WARMED = "warmed"
    ENDED = "ended"
    BROKE = "broke"


TABLE: dict[tuple[State, Trigger], State] = {
    (State.STOPPED, Trigger.START): State.STARTING,
    (State.STARTING, Trigger.CONNECTED): State.WARMING,
    (State.STARTING, Trigger.PAUSE): State.PAUSED,
    (State.STARTING, Trigger.STOP): State.STOPPING,
    (State.STARTING, Trigger.BROKE): State.FAILED,
    (State.WARMING, Trigger.WARMED): State.RUNNING,
    (State.WARMING, Trigger.PAUSE): State.PAUSED,
    (State.WARMING, Trigger.STOP): State.STOPPING,
    (State.WARMING, Trigger.BROKE): State.FAILED,
    (State.RUNNING, Trigger.PAUSE): State.PAUSED,
    (State.RUNNING, Trigger.STOP): State.STOPPING,
    (State.RUNNING, Trigger.BROKE): State.FAILED,
    # Pausing again changes the level of the pause, its reason or its end.
    (State.PAUSED, Trigger.PAUSE): State.PAUSED,
    # Resuming repairs the gap before it goes live.
    (State.PAUSED, Trigger.RESUME): State.WARMING,
    (State.PAUSED, Trigger.STOP): State.STOPPING,
    (State.PAUSED, Trigger.BROKE): State.FAILED,
    (State.STOPPING, Trigger.ENDED): State.STOPPED,
    (State.STOPPING, Trigger.BROKE): State.FAILED,
    (State.FAILED, Trigger.START): State.STARTING,
    # Whoever does not want it tried again and again has it rest.
    (State.FAILED, Trigger.PAUSE): State.PAUSED,
    (State.FAILED, Trigger.STOP): State.STOPPING,
}


WATCHING = (State.STARTING, State.WARMING, State.RUNNING)
"""The states in which something is watched."""


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one change of state."""

    previous: State
    trigger: Trigger
    current: State


def fire(state: State, trigger: Trigger) -> Transition:
    """Return where a trigger leads; raise ConflictError naming what the state allows."""
    following = TABLE.get((state, trigger))
    if following is None:
        allowed = ", ".join(allowed_in(state))
        raise ConflictError(f"{trigger} is not possible while {state}", hint=f"possible now: {allowed}")
    return Transition(previous=state, trigger=trigger, current=following)


def allowed_in(state: State) -> list[Trigger]:
    """Return the triggers that a state allows."""
    return [trigger for trigger in Trigger if (state, trigger) in TABLE]


def table_as_markdown() -> str:
    """Print the table: a row for each state, a column for each trigger."""
    rows = [["state", *Trigger], ["---"] * (len(Trigger) + 1)]
    rows += [[state, *(TABLE.get((state, trigger), "") for trigger in Trigger)] for state in State]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
