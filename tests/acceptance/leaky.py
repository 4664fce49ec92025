"""The doctor's proof of isolation in a program into which leaks were built: `leaky.py NAME...` says which.

It asks for what the leaks are about, and not for all there is, unless `everything` is among the names.
"""

import re
import sys
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from sqlalchemy import true, update

from livermore.adapters.memory.bus import Interest
from livermore.adapters.sql.outbox import SqlAlerts
from livermore.adapters.sql.signals import SqlSignals
from livermore.adapters.sql.tables import api_tokens
from livermore.adapters.sql.tokens import SqlTokenBook
from livermore.apps.access import caller
from livermore.apps.access.caller import FOR_ALL, Viewer
from livermore.apps.admin import sockets
from livermore.apps.api import signals
from livermore.apps.cli.main import run
from livermore.apps.isolation import pages
from livermore.apps.isolation import run as walk
from livermore.apps.isolation.surface import Operation, operations
from livermore.kernel.scope import EVERYBODY


def _route_without_a_scope() -> None:
    """Add a route that takes whose signals it shows from whoever asks."""
    add_routes = signals.add_routes

    def more(app: FastAPI, system: Any) -> None:
        add_routes(app, system)

        @app.get("/api/v1/newest-signals")
        async def newest(who: Viewer) -> Any:
            """Return what was said last, to anybody."""
            everybody = await system.accounts.users()
            pages = [await system.signals.list(user.scope()) for user in everybody]
            return [signal.symbol for page in pages for signal in page.signals]

    signals.add_routes = more


def _route_for_everybody() -> None:
    add_routes = signals.add_routes

    def more(app: FastAPI, system: Any) -> None:
        add_routes(app, system)

        @app.post("/api/v1/everything", dependencies=[FOR_ALL])
        async def everything() -> Any:
            """Change what everybody may."""
            return {}

    signals.add_routes = more


def _query_without_an_owner() -> None:
    for repository in (SqlSignals, SqlAlerts):
        repository._mine = lambda self: true()  # type: ignore[method-assign]


def _revoking_without_an_owner() -> None:
    async def revoke(self: Any, scope: Any, token_id: int) -> None:
        async with self._database.writing(EVERYBODY) as connection:
            mark = update(api_tokens).where(api_tokens.c.id == token_id)
            await connection.execute(mark.values(revoked_at=self._clock.now()))

    SqlTokenBook.revoke = revoke  # type: ignore[method-assign]


def _bus_without_owners() -> None:
    Interest.includes = lambda self, event: event.topic in self.topics  # type: ignore[method-assign]


def _roles_unchecked() -> None:
    caller.check_role = lambda principal, needed: None


def _sockets_unguarded() -> None:
    sockets._may_speak_for = lambda environ, client_id: True


LEAKS: dict[str, Callable[[], None]] = {
    "route": _route_without_a_scope,
    "open": _route_for_everybody,
    "query": _query_without_an_owner,
    "revoke": _revoking_without_an_owner,
    "bus": _bus_without_owners,
    "roles": _roles_unchecked,
    "sockets": _sockets_unguarded,
    "everything": lambda: None,
}

# Where the leaks are, and around them enough of what is everybody's own.
ASKED = (
    "/api/v1/newest-signals", "/api/v1/everything", "/api/v1/signals", "/api/v1/alerts", "/api/v1/tokens",
    "/api/v1/settings", "/api/v1/me", "/metrics",
)  # fmt: skip


def _asking_less() -> None:
    def few(app: FastAPI) -> list[Operation]:
        return [one for one in operations(app) if one.path.partition("/{")[0] in ASKED]

    vars(walk)["operations"] = few
    # Of all that a page loads, which is everybody's own, one file stands for the others.
    vars(pages)["FILE"] = re.compile(r"""["'](/assets/livermore[^"'\s]+)["']""")


if __name__ == "__main__":
    names = sys.argv[1:]
    if "everything" not in names:
        _asking_less()
    for name in names:
        LEAKS[name]()
    sys.exit(run(["doctor", "--isolation", "--json"]))
