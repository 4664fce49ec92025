"""The JSON of commands and of the chain that keeps what happened to them."""

from __future__ import annotations

from typing import Any

import msgspec

from livermore.control.audit import Report, Wrong
from livermore.control.command import Failure, Progress, Source
from livermore.control.lifecycle import Status
from livermore.control.ports import Page
from livermore.control.shape import shape_of


class CommandShape(msgspec.Struct, frozen=True, kw_only=True):
    """A command and what has become of it; `result` is of its type."""

    id: str
    type: str
    payload: dict[str, Any]
    priority: int
    status: Status
    source: Source
    author: str
    submitted_at: str
    acknowledged_at: str | None
    acknowledged_in_ms: int | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    progress: Progress | None
    result: Any
    error: Failure | None


class CommandsShape(msgspec.Struct, frozen=True, kw_only=True):
    """Commands, newest first; `next` continues behind them."""

    commands: list[CommandShape]
    next: int | None


class ChainFaultShape(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong first: with an event, by its place in the chain, or with a command, by its id."""

    what: Wrong
    detail: str
    place: int | None
    command_id: str | None


class ChainShape(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of the chain of events: without a fault, nothing of what happened was altered.

    `head` is the hash of the last event in hexadecimal digits; `unsealed` events follow it a moment later.
    `expected_place` is the place of the hash that was asked for, null where the chain does not have it.
    """

    ok: bool
    events: int
    unsealed: int
    commands: int
    anchor_place: int
    head_place: int
    head: str
    fault: ChainFaultShape | None
    expected_place: int | None


def commands_shape(page: Page) -> dict[str, Any]:
    """Return a page of commands as the API answers it."""
    return {"commands": [shape_of(command) for command in page.commands], "next": page.next}


def chain_shape(report: Report) -> ChainShape:
    """Return what was found of one user's chain."""
    found = report.fault
    fault = None if found is None else msgspec.convert(found, ChainFaultShape, from_attributes=True)
    return ChainShape(
        ok=fault is None, events=report.events, unsealed=report.unsealed, commands=report.commands,
        anchor_place=report.anchor_place, head_place=report.head_place, head=report.head, fault=fault,
        expected_place=report.noted_place,
    )  # fmt: skip
