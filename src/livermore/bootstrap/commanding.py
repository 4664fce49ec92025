"""How commands reach the runtimes: the bus and the journal of this installation, and who carries them out."""

from __future__ import annotations

import os

from livermore.accounts.service import Accounts
from livermore.adapters.memory.command_bus import MemoryCommandBus
from livermore.adapters.sql import Database, SqlJournal, SqlSettingsStore, SqlTrail
from livermore.bootstrap.budgets import REDIS_VARIABLE
from livermore.bootstrap.ground import Ground
from livermore.bootstrap.plan import Plan
from livermore.control.intake import Author
from livermore.control.ports import CommandBus
from livermore.control.registry import Registry
from livermore.control.room import ControlRoom
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError, NotAllowedError
from livermore.kernel.events import EventBus
from livermore.kernel.scope import Scope


def control_room(plan: Plan, ground: Ground, accounts: Accounts, runner: str) -> ControlRoom:
    """Join the control room; its registry is still open to the rooms that can be commanded."""
    return _room(_bus(plan, ground.clock), ground.database, accounts, ground.bus, ground.clock, runner)


def empty_control_room(database: Database, accounts: Accounts, events: EventBus, clock: Clock) -> ControlRoom:
    """Join a control room where nothing can be commanded: what it knows is what happened before."""
    room = _room(MemoryCommandBus(), database, accounts, events, clock, "nobody")
    room.registry.seal()
    return room


def _room(
    bus: CommandBus, database: Database, accounts: Accounts, events: EventBus, clock: Clock, runner: str
) -> ControlRoom:
    async def author(scope: Scope) -> Author:
        user = await accounts.user(scope.user_id)
        if not user.is_active:
            raise NotAllowedError("this user is switched off", where=user.username)
        return Author(user.username, user.role)

    return ControlRoom(
        bus, SqlJournal(database), SqlTrail(database, clock), Registry(), author,
        events=events, clock=clock, runner=runner, revisions=SqlSettingsStore(database, clock),
    )  # fmt: skip


def _bus(plan: Plan, clock: Clock) -> CommandBus:
    """Return a bus that other processes hear too, where there may be any.

    A workspace's own file has one process. Its user has the same name in every folder, so that two folders
    which share a Redis for their request budgets would hear each other's commands.
    """
    url = os.environ.get(REDIS_VARIABLE)
    if not url or plan.source != "live" or plan.database_url is None:
        return MemoryCommandBus()
    from livermore.adapters.redis.command_bus import RedisCommandBus

    try:
        return RedisCommandBus(url, clock)
    except ValueError as error:
        hint = "such as redis://localhost:6379/0"
        raise InvalidError("this is no URL of a Redis", where=REDIS_VARIABLE, hint=hint) from error
