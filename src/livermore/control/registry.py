"""Which commands there are: each room registers what may be asked of it, and the list is sealed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from livermore.control.command import LOWEST, Command, Progress
from livermore.control.limits import USUAL, Limits
from livermore.kernel.errors import InvalidError, NotAllowedError
from livermore.kernel.role import Role, covers
from livermore.kernel.scope import Scope


class UnknownTypeError(InvalidError):
    """There is no such command."""

    code = "unknown_type"


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a command carries; every type of command has a payload model of its own."""


class Nothing(Payload, frozen=True, kw_only=True):
    """Carry nothing."""


class Call(NamedTuple):
    """A command that is to be carried out: whose, what, and where to say how far it is."""

    scope: Scope
    command: Command
    payload: Any
    progress: Callable[[Progress], None]

    def need(self, role: Role) -> None:
        """Raise NotAllowedError unless whoever asked has at least a role."""
        if not covers(self.command.role, role):
            raise NotAllowedError(f"{self.command.type} in this form needs the role {role}")


def _nothing(why: str) -> None:
    """Say that nothing stands yet."""


class Job(NamedTuple):
    """Work that goes on when the turn is over; what it returns is the result. Cancelling it loses nothing.

    When it is cut off, `so_far` is asked for the result as far as it stands already, and told why it gets no
    further. Where that is None the command is cancelled, else it has succeeded. It must not wait or raise.
    """

    work: Callable[[], Awaitable[Any]]
    so_far: Callable[[str], Any] = _nothing


Handler = Callable[[Call], Awaitable[Any]]
"""Carries a command out and returns its result, or a Job that does; raises LivermoreError."""


class Entry(NamedTuple):
    """A type of command."""

    name: str
    payload: type[Payload]
    handler: Handler
    priority: int
    role: Role
    about: str
    limits: Limits


class Registry:
    """Know every type of command; once sealed, none can be added."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._sealed = False

    def register(
        self, name: str, payload: type[Payload], handler: Handler, *, priority: int, about: str,
        role: Role = "operator", limits: Limits = USUAL,
    ) -> None:  # fmt: skip
        """Add a type of command, which `about` describes in one sentence."""
        if self._sealed or name in self._entries:
            raise ValueError(f"{name} cannot be registered")
        self._entries[name] = Entry(name, payload, handler, priority, role, about, limits)

    def seal(self) -> Registry:
        """Have the list stay as it is."""
        self._sealed = True
        return self

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Return every type by its name."""
        return dict(self._entries)

    def entry(self, name: str) -> Entry:
        """Return a type of command; raise UnknownTypeError naming the nearest."""
        found = self._entries.get(name)
        if found is not None:
            return found
        near = get_close_matches(name, self._entries, n=1)
        hint = f"did you mean {near[0]}?" if near else "one of " + ", ".join(sorted(self._entries))
        raise UnknownTypeError(f"there is no command {name[:40]!r}", where="type", hint=hint)

    def priority(self, name: str) -> int:
        """Return how urgent a type of command is; one that does not exist comes last."""
        found = self._entries.get(name)
        return LOWEST if found is None else found.priority

    def limits(self, name: str) -> Limits:
        """Return how long a type of command may take; one that does not exist is refused at once."""
        found = self._entries.get(name)
        return USUAL if found is None else found.limits

    def read(self, name: str, payload: Mapping[str, Any], role: Role) -> Payload:
        """Return a payload as its model, if this role may ask for it.

        Raises UnknownTypeError, NotAllowedError, and InvalidError that names the field.
        """
        entry = self.entry(name)
        if not covers(role, entry.role):
            raise NotAllowedError(f"{name} needs the role {entry.role}, and this login has {role}")
        try:
            return msgspec.convert(payload, entry.payload)
        except msgspec.ValidationError as error:
            raise _misfit(error) from None


def _misfit(error: msgspec.ValidationError) -> InvalidError:
    """Say in which field of the payload something does not fit."""
    what, _, place = str(error).partition(" - at `$")
    field = place.rstrip("`").lstrip(".")
    return InvalidError(what[:1].lower() + what[1:], where=f"payload.{field}" if field else "payload")
