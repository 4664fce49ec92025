"""A house for the proof of isolation: a throw-away system in which made-up tenants live, each with a mark."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livermore.accounts.exchange_account import AccountEntry, Credentials
from livermore.accounts.service import LOCAL
from livermore.accounts.user import User
from livermore.adapters.sql import (
    Login,
    SqlJournal,
    SqlPreferenceBook,
    SqlRuntimeBook,
    SqlSignalWork,
    SqlTrail,
    SqlUserBook,
    login_of,
)
from livermore.adapters.sql.canaries import owners_seen, prints_of
from livermore.adapters.sql.engine import read_url
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.adapters.sql.throwaway import throwaway_database
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.system import System, build
from livermore.control.command import Failure, NewCommand
from livermore.control.lifecycle import Step
from livermore.control.ports import Facts
from livermore.kernel.clock import rfc3339
from livermore.kernel.ids import new_id
from livermore.kernel.role import Role
from livermore.kernel.scope import EVERYBODY, Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series
from livermore.runtime.ports import StoredRuntime
from livermore.runtime.status import STOPPED
from livermore.signals.alert import Alert
from livermore.signals.ports import StoredState
from livermore.signals.signal import Signal

TENANTS = ("north", "south")
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
BAR = 1_750_000_000_000 // 60_000 * 60_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Canary:
    """A user of a tenant, who can be told from what an answer holds.

    `mark` stands in everything that is the user's and in no question; `handle` in the ids by which others ask
    for it; `name` in what an admin may see. `own` has one such id for every kind of thing.
    """

    tenant: str
    role: Role
    user: User
    mark: str
    handle: str
    name: str
    token: str
    session: str
    own: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Return what to call the canary."""
        return f"{self.tenant} {self.role}"

    @property
    def scope(self) -> Scope:
        """Return the scope of the user."""
        return self.user.scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The system, those who live in it, and as whom it is logged in at its database server."""

    system: System
    canaries: tuple[Canary, ...]
    database: str
    login: Login | None

    async def prints(self) -> dict[int, str]:
        """Return for each canary's user a digest of all rows that are the user's."""
        return await prints_of(self.system.database, [canary.user.id for canary in self.canaries])

    async def owners_seen(self, canary: Canary | None) -> dict[str, set[int | None]]:
        """Return whose rows an unfiltered query of a canary sees (None: of nobody), table by table."""
        return await owners_seen(self.system.database, None if canary is None else canary.scope)

    async def owners(self) -> dict[str, set[int | None]]:
        """Return whose rows there are, table by table."""
        return await owners_seen(self.system.database, EVERYBODY)


@asynccontextmanager
async def canary_house(server: str | None) -> AsyncIterator[House]:
    """Lend a house with canaries, on a file of SQLite or in a database of its own on a PostgreSQL server.

    Errors: NotAllowedError when the server's login may not create a database.
    """
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="livermore-isolation-")))
        is_server = server is not None and read_url(server).get_backend_name() != "sqlite"
        url = await opened.enter_async_context(throwaway_database(server)) if server and is_server else None
        system = await build(Plan(workspace=folder, database_url=url))
        opened.push_async_callback(system.stop)
        await system.start()
        canaries = [await _canary(system, tenant, role) for tenant in TENANTS for role in ROLES]
        await _hosted(system, canaries)
        login = None if url is None else await login_of(url)
        kind = "SQLite" if url is None else "PostgreSQL"
        yield House(system=system, canaries=tuple(canaries), database=kind, login=login)


async def _hosted(system: System, canaries: list[Canary]) -> None:
    """Wait until everybody has a runtime: nobody's rows are to change later by themselves."""
    while any(system.runtimes.status(canary.scope) is STOPPED for canary in canaries):
        await system.clock.sleep(0.1)


async def _canary(system: System, tenant: str, role: Role) -> Canary:
    """Create a user with something of everything, each with the user's mark in it."""
    mark, handle = (f"{word}{secrets.token_hex(6)}".upper() for word in ("MARK", "ID"))
    name = f"{tenant}-{role}-{secrets.token_hex(6)}"
    user = await SqlUserBook(system.database, system.clock).create(
        username=name, identity_provider=LOCAL, identity_sub=name, role=role, display_name=name,
        email=f"{name}@canary.invalid", settings=_settings(mark),
    )  # fmt: skip
    token, secret = await system.accounts.create_token(user.scope(), mark, role)
    session = await system.accounts.open_session(user)
    own = {"users": str(user.id), "tokens": str(token.id)}
    own |= await _belongings(system, user.scope(), mark, handle)
    return Canary(
        tenant=tenant, role=role, user=user, mark=mark, handle=handle, name=name, token=secret,
        session=session.secret, own=own,
    )  # fmt: skip


def _settings(mark: str) -> dict[str, Any]:
    return {"version": 2, "perseus_profile": {"description": mark}, "symbols": [f"{mark}-USD"]}


async def _belongings(system: System, scope: Scope, mark: str, handle: str) -> dict[str, str]:
    """Store one thing of every kind and return their ids."""
    database, clock = system.database, system.clock
    await SqlPreferenceBook(database, clock).put(scope, {handle: mark})
    resting = StoredRuntime(
        desired_state="paused",
        state="paused",
        mode=mark,
        pause_level="data",
        pause_reason=mark,
        pause_by=mark,
    )
    await SqlRuntimeBook(database, clock).put(scope, resting)
    signal, alert = _said(mark, handle, clock.now())
    async with SqlSignalWork(database, system.bus, scope) as work:
        await work.signals.add([signal])
        await work.alerts.add([alert])
        series = Series("coinbase", signal.symbol, Timeframe.M1)
        await work.states.put([StoredState(series, BAR, mark.encode())])
    account = await _exchange_account(system, scope, mark)
    command = await _command(system, scope, mark)
    own = {"signals": signal.id, "alerts": alert.id, "preferences": handle, "exchange-accounts": account}
    return own | {"commands": command}


def _said(mark: str, handle: str, now: int) -> tuple[Signal, Alert]:
    """Make up a signal and the alert that carries it."""
    signal = Signal(
        id=f"signal-{handle}", exchange="coinbase", symbol=f"{mark}-USD", timeframe="1m", kind="level",
        level=150, direction="up", time=BAR, price=1.0, macdv=151.0, signal=150.0, histogram=1.0,
        stage="rallying", bias="bullish", complete=True, low_confidence=False, late=False, withdrawn_at=None,
        settings_revision=1, recorded_at=rfc3339(now),
        evidence={"mark": mark, "seed_time": BAR, "rule": {}, "previous_macdv": None, "observed": 1},
    )  # fmt: skip
    alert = Alert(
        id=f"alert-{handle}", signal_id=signal.id, event="level", channel=mark, state="sent", attempts=1,
        created_at=rfc3339(now), sent_at=rfc3339(now), error=mark, payload={"mark": mark},
    )  # fmt: skip
    return signal, alert


async def _command(system: System, scope: Scope, mark: str) -> str:
    """Store a command that has failed, with its events in the chain, and return its id."""
    journal, now = SqlJournal(system.database), system.clock.now()
    asked = NewCommand(
        id=new_id(), type="pause", payload={"reason": mark}, priority=1, source="api", author=mark,
        role="operator", submitted_at=now,
    )  # fmt: skip
    try:
        await journal.accept(scope, asked)
        await journal.step(scope, asked.id, Step.START, Facts(at=now, runner=mark))
        error = Failure(code="internal", detail=mark)
        await journal.step(scope, asked.id, Step.FAIL, Facts(at=now, result={"mark": mark}, error=error))
    finally:
        await journal.close()
    # Lest the system does so later, while it is watched for rows that change.
    await SqlTrail(system.database, system.clock).seal(scope)
    return asked.id


async def _exchange_account(system: System, scope: Scope, mark: str) -> str:
    """Store an exchange account and return its id."""
    book = SqlExchangeAccountBook(system.database, system.clock)
    named = Credentials(key=f"{mark}_KEY", secret=f"{mark}_SECRET")
    async with system.database.writing(scope) as connection:
        await book.project(connection, scope, [AccountEntry(exchange=mark, credentials=named)])
    (account,) = await book.all(scope)
    return str(account.id)
