"""What the gate has found out about a request, kept in its scope for whoever answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from livermore.accounts.principal import Principal
from livermore.apps.access.visitor import Visitor

KEY = "livermore.visit"
Again = Callable[[], Awaitable[Principal | None]]
Watching = Callable[[Principal, Again], AbstractContextManager[asyncio.Event]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request and who was let in with it; `again` asks anew whether the secret is good."""

    visitor: Visitor
    principal: Principal | None = None
    again: Again | None = None
    watching: Watching | None = None

    @contextmanager
    def until_revoked(self) -> Iterator[asyncio.Event]:
        """Lend an event that is set soon after the login has ended, for what stays open."""
        if self.principal is None or self.again is None or self.watching is None:
            yield asyncio.Event()
            return
        with self.watching(self.principal, self.again) as ended:
            yield ended


def visit_of(scope: MutableMapping[str, Any]) -> Visit:
    """Return what the gate has found out; raise LookupError where no gate was passed."""
    found = scope[KEY]
    if not isinstance(found, Visit):
        raise LookupError(KEY)
    return found


def with_visit(scope: MutableMapping[str, Any], visit: Visit) -> dict[str, Any]:
    """Return the scope of a request with what was found out about it."""
    return {**scope, KEY: visit}
