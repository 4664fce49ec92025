"""The audit chain: the hash of every event covers the one before it, so that what was altered shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from livermore.control.command import Failure, NewCommand
from livermore.control.lifecycle import OPEN, TABLE, Status

REFUSED = "refused"
"""The event of a repeated id that stood for something else; it changes nothing of the command."""
Wrong = Literal["changed", "missing", "reordered", "cut off", "head differs", "command differs"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a command: the status that it reached, or `refused`.

    `number` is its place among everybody's events, `at` is in ms UTC, `data` is JSON as it is stored.
    """

    number: int
    user_id: int
    correlation_id: str
    event: str
    at: int
    data: str


class Link(NamedTuple):
    """An event's place in its user's chain (1, 2, 3, …) and the hash with which the chain reaches it."""

    place: int
    hash: bytes


ORIGIN = Link(0, bytes(32))
"""Where a chain begins from which nothing was taken away."""


def digest(previous: bytes, place: int, event: Event) -> bytes:
    """Return the hash of an event: SHA-256 over the hash before it and a JSON array of all that it says."""
    said = [place, event.number, event.user_id, event.correlation_id, event.event, event.at, event.data]
    return hashlib.sha256(previous + msgspec.json.encode(said)).digest()


def chained(last: Link, events: Iterable[Event]) -> Iterator[Link]:
    """Yield the links of events that come behind `last`, in their order."""
    for event in events:
        last = Link(last.place + 1, digest(last.hash, last.place + 1, event))
        yield last


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong first: with an event, by its place in the chain, or with a command, by its id."""

    what: Wrong
    detail: str
    place: int | None = None
    command_id: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one user: `head` is the hash of the last event in hexadecimal digits.

    `unsealed` counts the events that are not in the chain yet; without a fault nothing was altered.
    `noted_place` is where the chain has the hash that was asked for, None where it has it nowhere.
    """

    user_id: int
    events: int
    unsealed: int
    commands: int
    anchor_place: int
    head_place: int
    head: str
    fault: Fault | None
    noted_place: int | None = None


class Cut:
    """Up to where a chain may be taken away, and the commands that go with it.

    `seen` is the place of the last event that was looked at. No command is cut in two.
    """

    def __init__(self, anchor: Link) -> None:
        self.last = anchor
        self.seen = anchor.place
        self.commands: set[str] = set()
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def take(self, link: Link, event: Event) -> None:
        """Go on behind an event whose command need not be kept."""
        self.seen = link.place
        if event.event in OPEN:
            self._begun.add(event.correlation_id)
        elif event.event != REFUSED:
            self._begun.discard(event.correlation_id)
            self._ended.add(event.correlation_id)
        if not self._begun:
            self.last = link
            self.commands |= self._ended
            self._ended = set()


def removable(cut: Cut, events: Iterable[tuple[Link, Event]], may_go: Collection[str]) -> bool:
    """Move a cut behind the next events, and say whether it came upon one that must be kept."""
    for link, event in events:
        if event.event != REFUSED and event.correlation_id not in may_go:
            return True
        cut.take(link, event)
    return False


class ChainCheck:
    """Follow a chain from its anchor to its head and note where they first disagree.

    `noted` is a hash that somebody has noted earlier, and `noted_place` becomes the place at which it stands.
    """

    def __init__(self, anchor: Link, head: Link, noted: str | None = None) -> None:
        self.events = 0
        self.noted_place: int | None = None
        self._noted = None if noted is None else bytes.fromhex(noted)
        self._note(anchor)
        self.fault: Fault | None = None
        self._head = head
        self._last = anchor
        self._number = 0
        self._doubted = False

    def see(self, link: Link, event: Event) -> None:
        """Take the next event in the order of places."""
        if self.fault is not None:
            self._judge_again(event)
            return
        self.events += 1
        expected = self._last.place + 1
        if link.place != expected:
            what: Wrong = "missing" if link.place > expected else "reordered"
            self.fault = Fault(
                what=what, place=expected, detail=f"place {link.place} stands where it belongs"
            )
        elif digest(self._last.hash, expected, event) != link.hash:
            self._doubt(expected, event)
        self._note(link)
        self._last, self._number = link, event.number

    def end(self) -> Fault | None:
        """Return the first fault, having seen every event."""
        last, head = self._last, self._head
        if self.fault is not None or last == head:
            return self.fault
        if last.place < head.place:
            place = last.place + 1
            return Fault(what="cut off", place=place, detail=f"the chain once reached place {head.place}")
        return Fault(what="head differs", place=last.place, detail="the end is not the noted one")

    def _note(self, link: Link) -> None:
        if self._noted is not None and link.hash == self._noted:
            self.noted_place = link.place

    def _doubt(self, place: int, event: Event) -> None:
        moved = event.number < self._number
        detail = "its hash is not that of what it says behind the event before it"
        self.fault = Fault(what="reordered" if moved else "changed", place=place, detail=detail)
        self._doubted = not moved

    def _judge_again(self, event: Event) -> None:
        """See in the event behind a doubtful one whether they only changed places."""
        if self._doubted and self.fault is not None and event.number < self._number:
            self.fault = msgspec.structs.replace(self.fault, what="reordered")
        self._doubted = False


_PASSAGES = {(origin, following) for (origin, _), following in TABLE.items()}


def asked(identity_sub: str, command: NewCommand) -> dict[str, Any]:
    """Return what the first event says of a command."""
    said: dict[str, Any] = {"identity_sub": identity_sub}
    said |= {name: getattr(command, name) for name in ASKED}
    return said if command.failure is None else said | {"error": msgspec.to_builtins(command.failure)}


ASKED = ("type", "payload", "priority", "source", "author", "role")


def disagreement(row: Mapping[str, Any], events: Sequence[Event]) -> str | None:
    """Say what of a command's row its events do not say; they come in the order in which they happened.

    `row` has the fields of a Command as JSON knows them, and `identity_sub`.
    """
    try:
        expected = _replayed(events)
        actual = {name: row[name] for name in expected}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"its events cannot be: {error}"
    if _exact(actual) == _exact(expected):
        return None
    differing = [name for name, value in expected.items() if _exact(actual[name]) != _exact(value)]
    return f"its {differing[0]} is not what its events say"


def _exact(value: Any) -> bytes:
    """Write a value so that true differs from 1, as it does not in Python."""
    return msgspec.json.encode(value, order="sorted")


def _replayed(events: Sequence[Event]) -> dict[str, Any]:
    """Return what a row must hold after these events; raise ValueError for a step outside the table."""
    row: dict[str, Any] = {}
    for event in events:
        if event.event != REFUSED:
            _follow(row, event, json.loads(event.data))
    if not row:
        raise ValueError("there is none with which it began")
    return row


def _follow(row: dict[str, Any], event: Event, data: dict[str, Any]) -> None:
    status = Status(event.event)
    if not row:
        _begin(row, status, event, data)
    elif (row["status"], status) not in _PASSAGES:
        raise ValueError(f"{row['status']} does not lead to {status}")
    row["status"] = status.value
    if status is Status.ACKNOWLEDGED:
        row["acknowledged_at"] = data.get("acknowledged_at", event.at)
    if status is Status.RUNNING:
        row |= {"started_at": event.at, "runner": data.get("runner")}
        if row["acknowledged_at"] is None:
            row["acknowledged_at"] = data.get("acknowledged_at")
    if status not in OPEN:
        row |= {"finished_at": event.at, "result": data.get("result"), "error": data.get("error")}


def _begin(row: dict[str, Any], status: Status, event: Event, data: dict[str, Any]) -> None:
    if status not in {Status.ACCEPTED, Status.REJECTED}:
        raise ValueError(f"the first is {status}")
    row |= {name: data[name] for name in ("identity_sub", *ASKED)}
    row |= {"submitted_at": event.at, "acknowledged_at": None, "started_at": None, "finished_at": None}
    row |= {"runner": None, "result": None, "error": None}


def expired(now: int, submitted_at: int) -> Failure:
    """Return why a command that has not started in time never will."""
    waited = (now - submitted_at) / 1000
    return Failure(code="expired", detail=f"it had not started {waited:.1f} s after it was submitted")
