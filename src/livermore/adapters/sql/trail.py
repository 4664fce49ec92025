"""The chains of what happened to commands: sealed, pruned and proven in SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, Text, bindparam, cast, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.journal import READ
from livermore.adapters.sql.journal_rows import fields_of
from livermore.adapters.sql.statements import insert_into
from livermore.adapters.sql.tables import command_chains, command_events, commands, users
from livermore.control.audit import (
    ORIGIN,
    REFUSED,
    ChainCheck,
    Cut,
    Event,
    Fault,
    Link,
    Report,
    chained,
    disagreement,
    removable,
)
from livermore.control.lifecycle import OPEN
from livermore.control.ports import Retention
from livermore.kernel.clock import Clock
from livermore.kernel.scope import EVERYBODY, Reach, Scope

TOGETHER = 1000  # events in one transaction, or on their way in one piece
COMPARED = 100  # commands between two turns of everybody else
DAY = 86_400_000  # ms
EVENT = [
    *(command_events.c[name] for name in ("number", "user_id", "correlation_id", "event", "at")),
    cast(command_events.c.data, Text).label("data"),
    command_events.c.place,
    command_events.c.hash,
]
CLOSED = commands.c.status.not_in([status.value for status in OPEN])


class Chain(NamedTuple):
    """From where to where a user's chain reaches."""

    anchor: Link
    head: Link


class SqlTrail:
    """Keep the chains in SQL; who changes one holds the lock on its row."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def unsealed(self) -> list[Scope]:
        """Return the users of whom some events are not in their chain yet."""
        waiting = select(command_events.c.user_id).where(command_events.c.place.is_(None))
        query = select(users.c.id, users.c.identity_sub).where(users.c.id.in_(waiting))
        async with self._database.reading(EVERYBODY) as connection:
            return _scopes(await connection.execute(query))

    async def seal(self, scope: Scope) -> int:
        """Put a user's events into the chain, some in each transaction, and return how many."""
        sealed = count = await self._seal_some(scope)
        while count == TOGETHER:
            count = await self._seal_some(scope)
            sealed += count
        return sealed

    async def _seal_some(self, scope: Scope) -> int:
        query = _events(scope).where(command_events.c.place.is_(None)).order_by(command_events.c.number)
        async with self._database.writing(scope) as connection:
            chain = await self._locked(connection, scope)
            events = [_event(row) for row in await connection.execute(query.limit(TOGETHER))]
            if not events:
                return 0
            links = list(chained(chain.head, events))
            await _write_links(connection, scope, events, links)
            await self._note(connection, scope, chain._replace(head=links[-1]))
        return len(events)

    async def overfull(self, kept: Retention, now: int) -> list[Scope]:
        """Return the users who have commands that need not be kept any more."""
        owner = commands.c.user_id, commands.c.identity_sub
        old = func.min(commands.c.finished_at) < now - kept.days * DAY
        query = select(*owner).group_by(*owner).having(or_(old, func.count() > kept.commands))
        async with self._database.reading(EVERYBODY) as connection:
            return _scopes(await connection.execute(query))

    async def prune(self, scope: Scope, kept: Retention, now: int) -> int:
        """Take a user's oldest closed commands and their events away and return how many commands."""
        async with self._database.writing(scope) as connection:
            chain = await self._locked(connection, scope)
            cut = await _cut(connection, scope, chain.anchor, kept, now)
            if cut is None:
                return 0
            await connection.execute(_delete_events(scope, cut.last.place))
            for ids in _pieces(sorted(cut.commands)):
                await connection.execute(delete(commands).where(*_owned(scope, ids)))
            await self._note(connection, scope, chain._replace(anchor=cut.last))
        return len(cut.commands)

    async def verify(self, reach: Reach, noted: str | None = None) -> list[Report]:
        """Compute the chains anew and return what was found of each user who has one, or should."""
        if isinstance(reach, Scope):
            return [await self._report(reach, noted)]
        query = select(users.c.id, users.c.identity_sub).order_by(users.c.id)
        having = [table.c.user_id for table in (commands, command_events, command_chains)]
        query = query.where(or_(*(users.c.id.in_(select(column)) for column in having)))
        async with self._database.reading(EVERYBODY) as connection:
            scopes = _scopes(await connection.execute(query))
        return [await self._report(scope, noted) for scope in scopes]

    async def _report(self, scope: Scope, noted: str | None) -> Report:
        async with self._database.snapshot(scope) as connection:
            chain = await _stored(connection, scope) or Chain(ORIGIN, ORIGIN)
            check = ChainCheck(*chain, noted)
            sealed = _events(scope).where(command_events.c.place.is_not(None))
            async for row in _streamed(connection, sealed.order_by(command_events.c.place)):
                check.see(Link(row.place, row.hash), _event(row))
            fault = check.end() or await _fault_of_commands(connection, scope)
            return Report(
                user_id=scope.user_id, events=check.events,
                unsealed=await _count(connection, _events(scope).where(command_events.c.place.is_(None))),
                commands=await _count(connection, _commands(scope)), anchor_place=chain.anchor.place,
                head_place=chain.head.place, head=chain.head.hash.hex(), fault=fault,
                noted_place=check.noted_place,
            )  # fmt: skip

    async def _locked(self, connection: AsyncConnection, scope: Scope) -> Chain:
        """Return a user's chain, beginning it if need be; nobody else changes it until the end."""
        begun = _row(Chain(ORIGIN, ORIGIN)) | {"user_id": scope.user_id, "updated_at": self._clock.now()}
        await connection.execute(insert_into(connection, command_chains).on_conflict_do_nothing(), begun)
        return await _stored(connection, scope, lock=True) or Chain(ORIGIN, ORIGIN)

    async def _note(self, connection: AsyncConnection, scope: Scope, chain: Chain) -> None:
        row = _row(chain) | {"updated_at": self._clock.now()}
        mine = command_chains.c.user_id == scope.user_id
        await connection.execute(update(command_chains).where(mine).values(row))


def _row(chain: Chain) -> dict[str, Any]:
    anchor, head = chain
    ends = {"anchor_place": anchor.place, "anchor_hash": anchor.hash}
    return ends | {"head_place": head.place, "head_hash": head.hash}


async def _stored(connection: AsyncConnection, scope: Scope, *, lock: bool = False) -> Chain | None:
    query = select(command_chains).where(command_chains.c.user_id == scope.user_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        return None
    return Chain(Link(row.anchor_place, row.anchor_hash), Link(row.head_place, row.head_hash))


async def _write_links(
    connection: AsyncConnection, scope: Scope, events: Sequence[Event], links: Sequence[Link]
) -> None:
    mine = command_events.c.user_id == scope.user_id, command_events.c.number == bindparam("of")
    change = update(command_events).where(*mine)
    change = change.values(place=bindparam("in_place"), hash=bindparam("with_hash"))
    rows = [
        {"of": event.number, "in_place": link.place, "with_hash": link.hash}
        for event, link in zip(events, links, strict=True)
    ]
    await connection.execute(change, rows)


async def _cut(
    connection: AsyncConnection, scope: Scope, anchor: Link, kept: Retention, now: int
) -> Cut | None:
    """Return up to where the chain may go, looking as far as it takes."""
    surplus = _commands(scope).order_by(commands.c.number.desc()).offset(kept.commands).limit(1)
    newest = (await connection.execute(surplus.with_only_columns(commands.c.number))).scalar_one_or_none()
    outlived = or_(commands.c.finished_at < now - kept.days * DAY, commands.c.number <= (newest or 0))
    cut = Cut(anchor)
    while True:
        query = _events(scope).where(command_events.c.place > cut.seen).order_by(command_events.c.place)
        rows = (await connection.execute(query.limit(TOGETHER))).all()
        ids = _commands(scope).with_only_columns(commands.c.correlation_id)
        ids = ids.where(*_owned(scope, {row.correlation_id for row in rows}), CLOSED, outlived)
        may_go = set((await connection.execute(ids)).scalars())
        ended = removable(cut, [(Link(row.place, row.hash), _event(row)) for row in rows], may_go)
        if cut.last != anchor:
            return cut
        if ended or not rows:
            return None


def _delete_events(scope: Scope, place: int) -> Any:
    mine = command_events.c.user_id == scope.user_id
    return delete(command_events).where(mine, command_events.c.place <= place)


async def _fault_of_commands(connection: AsyncConnection, scope: Scope) -> Fault | None:
    """Compare every command with its events and return where they first disagree."""
    met, together = 0, {}
    async for command_id, events in _by_command(connection, scope):
        together[command_id] = events
        if len(together) == COMPARED:
            found = await _compared(connection, scope, together)
            if isinstance(found, Fault):
                return found
            met, together = met + found, {}
    found = await _compared(connection, scope, together)
    if isinstance(found, Fault):
        return found
    if met + found == await _count(connection, _commands(scope)):
        return None
    return await _without_events(connection, scope)


async def _compared(connection: AsyncConnection, scope: Scope, events: dict[str, list[Event]]) -> Fault | int:
    """Return how many commands agree with their events, or the first that does not."""
    query = select(*READ, commands.c.identity_sub).where(*_owned(scope, events))
    rows = {row["correlation_id"]: row for row in (await connection.execute(query)).mappings()}
    for command_id, history in events.items():
        detail = _difference(rows.get(command_id), history)
        if detail is not None:
            return Fault(what="command differs", command_id=command_id, detail=detail)
    return len(rows)


def _difference(row: Any, history: list[Event]) -> str | None:
    if row is None:
        # A refusal may outlive its command, when retention took that away at the same moment.
        gone = any(event.event != REFUSED for event in history)
        return "its row is gone, and its events are there" if gone else None
    try:
        fields = fields_of(row) | {"identity_sub": row["identity_sub"]}
    except ValueError as error:
        return f"its row cannot be read: {error}"
    return disagreement(fields, history)


async def _without_events(connection: AsyncConnection, scope: Scope) -> Fault | None:
    own = command_events.c.user_id == commands.c.user_id
    own_events = select(1).where(own, command_events.c.correlation_id == commands.c.correlation_id)
    query = _commands(scope).with_only_columns(commands.c.correlation_id).where(~own_events.exists())
    command_id = (await connection.execute(query.order_by(commands.c.number).limit(1))).scalar_one_or_none()
    detail = "its row is there, and its events are gone"
    return Fault(what="command differs", command_id=command_id, detail=detail)


async def _by_command(connection: AsyncConnection, scope: Scope) -> AsyncIterator[tuple[str, list[Event]]]:
    """Yield the events of each command in the order in which they happened."""
    query = _events(scope).order_by(command_events.c.correlation_id, command_events.c.number)
    events: list[Event] = []
    async for row in _streamed(connection, query):
        if events and events[0].correlation_id != row.correlation_id:
            yield events[0].correlation_id, events
            events = []
        events.append(_event(row))
    if events:
        yield events[0].correlation_id, events


async def _streamed(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[Row[Any]]:
    result = await connection.stream(query.execution_options(yield_per=TOGETHER))
    async for rows in result.partitions():
        for row in rows:
            yield row


async def _count(connection: AsyncConnection, query: Select[Any]) -> int:
    return (await connection.execute(query.with_only_columns(func.count()))).scalar_one()


def _events(scope: Scope) -> Select[Any]:
    return select(*EVENT).where(command_events.c.user_id == scope.user_id)


def _commands(scope: Scope) -> Select[Any]:
    return select(commands.c.number).where(commands.c.user_id == scope.user_id)


def _owned(scope: Scope, ids: Collection[str]) -> tuple[Any, ...]:
    # By the index of the ids, and not, while PostgreSQL knows little of the table, by that of the user.
    mine = commands.c.user_id + 0 == scope.user_id, commands.c.identity_sub == scope.identity_sub
    return *mine, commands.c.correlation_id.in_(ids)


def _pieces(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER)]


def _event(row: Row[Any]) -> Event:
    number, user_id, correlation_id, event, at, data, *_ = tuple(row)
    return Event(
        number=number, user_id=user_id, correlation_id=correlation_id, event=event, at=at, data=data
    )  # fmt: skip


def _scopes(rows: Any) -> list[Scope]:
    return [Scope(user_id=user_id, identity_sub=identity_sub) for user_id, identity_sub in rows]
