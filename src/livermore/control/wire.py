"""What is published on the two channels of a user: commands one way, responses the other."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

import msgspec

from livermore.control.command import AHEAD, HIGHEST, LOWEST
from livermore.control.lifecycle import Status
from livermore.kernel.errors import InvalidError

COMMANDS, RESPONSES, HINTS = "livermore:commands:", "livermore:responses:", "livermore:command-queue:"
LARGEST = 262_144
"""No message is larger (bytes)."""
ROOM = 1_024
"""So many of its bytes are kept for what is not its payload."""
LONGEST_TYPE = 40
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def command_channel(identity_sub: str) -> str:
    """Name the channel on which a user's runtime is commanded."""
    return COMMANDS + identity_sub


def response_channel(identity_sub: str) -> str:
    """Name the channel on which it answers."""
    return RESPONSES + identity_sub


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A command as it is published; `timestamp` is in ms UTC.

    A `journalled` one was written down before it was published, under a `number` that tells the order of
    arrival; another is written down on receipt.
    """

    correlation_id: str
    type: str
    timestamp: int
    payload: dict[str, Any] = {}
    priority: int | None = None
    source: str | None = None
    identity_sub: str | None = None
    journalled: bool = False
    number: int | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An answer as it is published: an acknowledgement, progress, or the outcome."""

    correlation_id: str
    status: Literal["ack", "progress", "success", "error"]
    timestamp: int
    message: str | None = None
    data: Any = None
    error: dict[str, str] | None = None


class Scrap(NamedTuple):
    """What could be read of a message that is no command: its id, if it is one, and its type."""

    id: str | None = None
    type: str | None = None


class UnreadableMessageError(InvalidError):
    """A message is no command; `found` is what could be read of it."""

    def __init__(
        self, what: str, *, where: str | None = None, hint: str | None = None, found: Scrap | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.found = found or Scrap()


_decoder = msgspec.json.Decoder(Message)
_encoder = msgspec.json.Encoder()


def encode(message: Message | Response) -> bytes:
    """Write a message."""
    return _encoder.encode(message)


def read_response(raw: bytes) -> Response:
    """Read an answer; raise InvalidError for what is none."""
    try:
        return msgspec.json.decode(raw, type=Response)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(f"this is no response: {error}") from None


def read_command(raw: bytes) -> Message:
    """Read a command's message; raise UnreadableMessageError, naming the field that does not fit."""
    if len(raw) > LARGEST:
        raise UnreadableMessageError(f"a message may have {LARGEST} bytes, and this one has {len(raw)}")
    try:
        message = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableMessageError(f"this is no command: {error}", found=_scrap(raw)) from None
    _check(message)
    return message


def check_id(text: str) -> str:
    """Return a correlationId as it is stored; raise InvalidError for what is no UUID."""
    if _UUID.fullmatch(text) is None:
        raise InvalidError(
            "a command's id is a UUID", where="correlationId", hint="leave it out, and one is made"
        )
    return text.lower()


def check_priority(priority: int | None) -> None:
    """Raise InvalidError for a priority that nobody may ask for."""
    if priority is not None and not HIGHEST <= priority <= LOWEST:
        hint = "lower is sooner; what lies below is kept for pause and resume"
        raise InvalidError(f"a priority lies between {HIGHEST} and {LOWEST}", where="priority", hint=hint)


def check_age(timestamp: int, now: int) -> None:
    """Raise InvalidError for a time (ms) that lies ahead of ours."""
    if timestamp - now > AHEAD:
        hint = "set the sender's clock"
        raise InvalidError(f"the time lies {timestamp - now} ms in the future", where="timestamp", hint=hint)


def check_payload(payload: Any) -> None:
    """Raise InvalidError for a payload that cannot be written as JSON, or only as too much of it."""
    try:
        size = len(_encoder.encode(payload))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidError(f"this is not JSON: {error}", where="payload") from None
    if size > LARGEST - ROOM:
        raise InvalidError(
            f"a payload may have {LARGEST - ROOM} bytes, and this one has {size}", where="payload"
        )


def _check(message: Message) -> None:
    try:
        check_id(message.correlation_id)
        check_priority(message.priority)
        if len(message.type) > LONGEST_TYPE or not message.type.isprintable():
            raise InvalidError(f"a type has up to {LONGEST_TYPE} printable letters", where="type")
        check_payload(message.payload)
    except InvalidError as error:
        found = _scrap_of(message.correlation_id, message.type)
        raise UnreadableMessageError(error.what, where=error.where, hint=error.hint, found=found) from None


def _scrap(raw: bytes) -> Scrap:
    """Read what can be read of a message that is otherwise wrong."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Scrap()
    return _scrap_of(found.get("correlationId"), found.get("type")) if isinstance(found, dict) else Scrap()


def _scrap_of(command_id: Any, name: Any) -> Scrap:
    readable = isinstance(command_id, str) and _UUID.fullmatch(command_id) is not None
    return Scrap(command_id.lower() if readable else None, name if isinstance(name, str) else None)


SAID: dict[Status, Literal["ack", "progress", "success", "error"]] = {
    Status.ACCEPTED: "ack",
    Status.ACKNOWLEDGED: "ack",
    Status.RUNNING: "progress",
    Status.SUCCEEDED: "success",
    Status.FAILED: "error",
    Status.CANCELLED: "error",
    Status.REJECTED: "error",
    Status.EXPIRED: "error",
}
"""What a response says of a command that has a status."""
