"""What commands leave behind in the settings: whoever ends one that was cut off says what it has stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from livermore.control.command import Command, Failure
from livermore.kernel.clock import parse_time
from livermore.kernel.errors import LivermoreError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope

PAGE = 20
LEEWAY = 60_000
"""Who runs a command may have set its clock back by so many ms since the command began."""
SOURCES = ("command", "system")
"""Through these doors commands write; by any other one anybody may give any reason."""
log = logger("control")


def reason_of(command_id: str) -> str:
    """Return the reason that a command gives for what it stores in the settings."""
    return f"command {command_id}"


class Written(Protocol):
    """A revision of somebody's settings."""

    @property
    def revision(self) -> int:
        """Return its number."""
        ...

    @property
    def source(self) -> str:
        """Return through which door it came."""
        ...

    @property
    def reason(self) -> str | None:
        """Return why it was written."""
        ...

    @property
    def created_at(self) -> str:
        """Return when it was written (RFC 3339)."""
        ...


class Revisions(Protocol):
    """The revisions of everybody's settings."""

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> Sequence[Written]:
        """Return a user's newest revisions, newest first; `before` continues behind one."""
        ...


class NoRevisions:
    """No settings at all."""

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> Sequence[Written]:
        """Return nothing."""
        return ()


NO_REVISIONS = NoRevisions()


class Traces:
    """Find what commands have stored."""

    def __init__(self, revisions: Revisions) -> None:
        self._revisions = revisions

    async def told(self, scope: Scope, command: Command, failure: Failure) -> Failure:
        """Return why a command has come to nothing, and which revision it has stored all the same.

        Raises TransientError while that cannot be found out.
        """
        try:
            revision = await self._stored(scope, command)
        except TransientError:
            raise
        except LivermoreError as error:
            log.debug("what a command has stored is not known", command=command.id, error=str(error))
            return failure
        except Exception:
            # That it has failed is to be known all the same.
            log.exception("what a command has stored could not be looked up", command=command.id)
            return failure
        if revision is None or f"revision {revision} " in failure.detail:
            return failure
        return replace(failure, detail=f"revision {revision} was stored, but {failure.detail}")

    async def _stored(self, scope: Scope, command: Command) -> int | None:
        """Return the revision that a command has stored; None when there is none."""
        reason, before = reason_of(command.id), None
        began = (command.started_at or command.submitted_at) - LEEWAY
        while page := await self._revisions.history(scope, before=before, limit=PAGE):
            for one in page:
                if one.reason == reason and one.source in SOURCES:
                    return one.revision
            if parse_time(page[-1].created_at) < began:
                return None
            before = page[-1].revision
        return None
