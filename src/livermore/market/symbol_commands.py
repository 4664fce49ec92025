"""What may be asked of a watchlist while it runs: each change is one revision, and is brought about at once.

A turn is held for what is known already. Where an exchange has to be asked first, all of it becomes a job, so
that nobody who has something else to say waits for an exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from livermore.control.registry import Call, Job, Registry
from livermore.control.traces import reason_of
from livermore.kernel.clock import Clock
from livermore.kernel.errors import (
    BlockedError,
    ConflictError,
    ExchangeUnreachableError,
    LivermoreError,
    NotFoundError,
)
from livermore.kernel.scope import Scope
from livermore.market.arrivals import Arrival, Arrivals
from livermore.market.headway import Headway
from livermore.market.listing import Listing
from livermore.market.listings import FRESH
from livermore.market.lookup import find
from livermore.market.naming import Listed, named, named_once, no_exchange, on_the_list
from livermore.market.plane import MarketPlane
from livermore.market.symbol_payloads import (
    Added,
    AddSymbol,
    BulkAdded,
    BulkAddSymbols,
    Removed,
    RemoveSymbol,
    SetSymbolEnabled,
    SymbolEnabled,
)
from livermore.market.verdict import Fitness, Judgement
from livermore.market.watchlist import Holding, Watchlist, duplicate
from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import Drafting
from livermore.settings.forms import Qualified
from livermore.settings.plan import Cost, Outlook
from livermore.settings.ports import Authorship
from livermore.settings.service import Change, SettingsService
from livermore.settings.watchlist import Adding, Removing, Switching, entries_of

PRIORITY = 15

REFUSALS: dict[Fitness, type[LivermoreError]] = {
    Fitness.UNKNOWN: NotFoundError,
    Fitness.HALTED: ConflictError,
    Fitness.DELISTED: ConflictError,
    Fitness.DUPLICATE: ConflictError,
    Fitness.BLOCKED: BlockedError,
    Fitness.UNREACHABLE: ExchangeUnreachableError,
}


class Runtimes(Holding, Protocol):
    """The runtimes of users, as far as they bring watchlists about."""

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say what would happen if one document took the place of the other."""
        ...

    async def bring_about(self, scope: Scope, revision: int) -> str | None:
        """Have a stored revision hold; return what it waits for while the runtime rests."""
        ...


class Means(NamedTuple):
    """What carries out what is asked of watchlists."""

    settings: SettingsService
    watchlist: Watchlist
    known: Callable[[str], Listing | None]
    plane: MarketPlane
    runtimes: Runtimes
    arrivals: Arrivals
    clock: Clock


class _Written(NamedTuple):
    """A change that is stored, and what bringing it about was foreseen to cost."""

    change: Change
    cost: Cost


class SymbolCommands:
    """Carry out what is asked of watchlists."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def register(self, registry: Registry) -> None:
        """Add the commands of watchlists."""
        commands = (
            ("add-symbol", AddSymbol, self.add,
             "Put a symbol on the watchlist, as a revision of the settings, and load it."),
            ("remove-symbol", RemoveSymbol, self.remove,
             "Take a symbol off the watchlist, as a revision of the settings, and let go of it."),
            ("bulk-add-symbols", BulkAddSymbols, self.bulk_add,
             "Put all that fits of up to 500 symbols on the watchlist, as one revision, and load it."),
            ("set-symbol-enabled", SetSymbolEnabled, self.enable,
             "Have a symbol of the watchlist watched, or rest, as a revision of the settings."),
        )  # fmt: skip
        for name, payload, handler, about in commands:
            registry.register(name, payload, handler, priority=PRIORITY, about=about)

    # -- adding -----------------------------------------------------------------------------------------

    async def add(self, call: Call) -> Job:
        """Judge a symbol, store it on the watchlist, and leave its loading behind as a job.

        Raises InvalidError (`payload.exchange`) where no exchange is meant or two are, NotFoundError for what
        is not there, ConflictError for what is halted, delisted or watched already, and the exchange's own
        errors where it cannot be asked.
        """
        asked: AddSymbol = call.payload
        primary = (await self._document(call.scope)).perseus_profile.primary_exchange
        name = named_once(asked.symbol, asked.exchange, primary)
        if name.exchange is None:
            raise no_exchange("payload.exchange")
        return await self._in_turn_or_later([name], partial(self._add, call, name))

    async def _add(self, call: Call, name: Qualified) -> Job:
        in_full = f"{name.exchange}:{name.symbol}"
        (judgement,) = await self._judged(call.scope, [in_full], name.exchange)
        judgement = replace(judgement, input=call.payload.symbol)
        if judgement.verdict is not Fitness.OK:
            raise _refusal(judgement)
        adding = Adding([_name_of(judgement)])
        written = await self._write(call, adding)
        if not adding.added:
            raise self._there_already(written.change.after, _name_of(judgement))
        return self._loading(call, written, [_name_of(judgement)], partial(_added, judgement, written))

    async def bulk_add(self, call: Call) -> Job:
        """Judge symbols, store those that fit as one revision, and leave their loading behind as a job.

        Raises InvalidError (`payload.exchange`) for plain ones of no exchange, NotFoundError for an
        `exchange` that nobody knows. Where none fits it succeeds with the verdicts.
        """
        asked: BulkAddSymbols = call.payload
        primary = (await self._document(call.scope)).perseus_profile.primary_exchange
        names = [named(text, asked.exchange or primary) for text in asked.symbols]
        return await self._in_turn_or_later(names, partial(self._bulk_add, call))

    async def _bulk_add(self, call: Call) -> Job:
        asked: BulkAddSymbols = call.payload
        judged = await self._judged(call.scope, asked.symbols, asked.exchange)
        adding = Adding([_name_of(one) for one in judged if one.verdict is Fitness.OK])
        written = await self._write(call, adding)
        said = partial(_bulk_added, _as_added(judged, adding), len(adding.added), written)
        return self._loading(call, written, adding.added, said)

    # -- removing and switching -------------------------------------------------------------------------

    async def remove(self, call: Call) -> Job:
        """Take a symbol off the watchlist, whether it is listed or not, and let go of it as a job.

        Raises NotFoundError naming the nearest, InvalidError where two symbols or exchanges may be meant.
        """
        meant = await self._meant(call)
        streams = self._streams(call.scope, meant.name)
        removing = Removing(meant.name)
        written = await self._write(call, removing, foreseen=False)
        if not removing.found:
            raise self._left_meanwhile(meant)
        revision = written.change.revision
        return self._leaving(call, meant.name, revision, partial(_removed, meant, streams, revision))

    async def enable(self, call: Call) -> Job:
        """Switch a symbol of the watchlist on or off, and load it or let go of it as a job.

        What is so already stores nothing. Raises what `remove` raises.
        """
        asked: SetSymbolEnabled = call.payload
        meant, work = await self._meant(call), partial(self._enable, call)
        if asked.enabled and not self._is_connected(meant.name):
            return _all_of_it(work)
        return await work()

    async def _enable(self, call: Call) -> Job:
        asked: SetSymbolEnabled = call.payload
        meant = await self._meant(call)
        switching = Switching(meant.name, asked.enabled)
        written = await self._write(call, switching, foreseen=asked.enabled)
        if not switching.found:
            raise self._left_meanwhile(meant)
        said = partial(_enabled, meant, asked.enabled, written)
        if asked.enabled:
            return self._loading(call, written, [meant.name] if meant.name.exchange else [], said)
        if not written.change.diff:
            return _at_once(said(Arrival(0)))
        revision = written.change.revision
        return self._leaving(call, meant.name, revision, lambda waits: said(Arrival(0, waits)))

    # -- what they have in common -----------------------------------------------------------------------

    async def _in_turn_or_later(self, names: Sequence[Qualified], work: Callable[[], Awaitable[Job]]) -> Job:
        """Do something in this turn if all that it needs is at hand, else beside the turns of others."""
        if all(self._is_at_hand(name) for name in names):
            return await work()
        return _all_of_it(work)

    def _is_at_hand(self, name: Qualified) -> bool:
        """Say whether a symbol can be judged and its cost foreseen without asking its exchange."""
        exchange = name.exchange or ""
        listing = self._means.known(exchange)
        if listing is None or listing.trouble is not None or not self._is_connected(name):
            return False
        if self._means.clock.now() - listing.asked_at > FRESH * 1000:
            return False
        found = find(listing, name.symbol)
        return found is not None and found.symbol.state == "trading"

    def _is_connected(self, name: Qualified) -> bool:
        desk = self._means.plane.desks.get(name.exchange or "")
        return desk is not None and desk.state == "connected"

    async def _judged(self, scope: Scope, texts: Sequence[str], exchange: str | None) -> list[Judgement]:
        """Judge symbols; what does not fit is a field of the payload."""
        try:
            return await self._means.watchlist.validated(scope, texts, exchange)
        except LivermoreError as error:
            if error.where == "exchange":
                error.where = "payload.exchange"
            raise

    async def _document(self, scope: Scope) -> SettingsDocument:
        return (await self._means.settings.current(scope)).document

    async def _meant(self, call: Call) -> Listed:
        """Return the line of the watchlist that a payload names."""
        asked: RemoveSymbol | SetSymbolEnabled = call.payload
        document = await self._document(call.scope)
        name = named_once(asked.symbol, asked.exchange, document.perseus_profile.primary_exchange)
        listing = None if name.exchange is None else self._means.known(name.exchange)
        return on_the_list(entries_of(document), name, listing)

    async def _write(self, call: Call, drafting: Drafting, *, foreseen: bool = True) -> _Written:
        """Store a change as one revision, having asked before what it costs."""
        settings, scope, cost = self._means.settings, call.scope, Cost()
        if foreseen:
            plan = await settings.preview(scope, drafting)
            cost = (await self._means.runtimes.outlook(scope, plan.before, plan.after)).cost
        by = Authorship(author=call.command.author, source="command", reason=reason_of(call.command.id))
        return _Written(await settings.write(scope, drafting, by), cost)

    def _loading(
        self, call: Call, written: _Written, names: Sequence[Qualified], said: Callable[[Arrival], Any]
    ) -> Job:
        """Return the job that has a stored revision hold, and ends when its symbols are live.

        Cut off, it says how far that is; they go live by themselves, with nobody who waits.
        """
        if not names:
            return _at_once(said(Arrival(0)))
        symbols = [(name.exchange or "", name.symbol) for name in names]
        headway = Headway(call.progress, len(symbols), written.cost, self._means.clock)

        async def work() -> Any:
            revision = written.change.revision
            return said(headway.end(await self._arrive(call.scope, symbols, revision, headway)))

        return Job(work, lambda why: said(headway.end(Arrival(headway.done, why))))

    async def _arrive(
        self, scope: Scope, symbols: Sequence[tuple[str, str]], revision: int, headway: Headway
    ) -> Arrival:
        headway.begin()
        holds = asyncio.ensure_future(self._means.runtimes.bring_about(scope, revision))
        try:
            return await self._means.arrivals.loaded(scope, symbols, holds, headway.tell)
        finally:
            holds.cancel()

    def _leaving(self, call: Call, name: Qualified, revision: int, said: Callable[[str | None], Any]) -> Job:
        """Return the job that has a stored revision hold, and ends when a symbol is streamed no more."""

        async def work() -> Any:
            waits = await self._means.runtimes.bring_about(call.scope, revision)
            if waits is None and name.exchange is not None:
                waits = await self._means.arrivals.gone(name.exchange, name.symbol)
            return said(waits)

        return Job(work, said)

    def _streams(self, scope: Scope, name: Qualified) -> bool:
        """Say whether a symbol streams to a user."""
        rests = self._means.runtimes.rests(scope) is not None
        return not rests and self._means.arrivals.streams(name.exchange or "", name.symbol)

    def _there_already(self, document: SettingsDocument, name: Qualified) -> ConflictError:
        """Say that somebody else was faster."""
        (entry,) = [entry for entry in entries_of(document) if entry.name == name]
        return ConflictError(duplicate(entry), where="payload.symbol")

    def _left_meanwhile(self, meant: Listed) -> NotFoundError:
        return NotFoundError(f"{meant.name.symbol} is not on the watchlist", where="payload.symbol")


def _all_of_it(work: Callable[[], Awaitable[Job]]) -> Job:
    """Return the job that does what a turn would do, and then the job that this leaves."""
    left: list[Job] = []

    async def all_of_it() -> Any:
        left.append(await work())
        return await left[0].work()

    return Job(all_of_it, lambda why: left[0].so_far(why) if left else None)


def _at_once(result: Any) -> Job:
    """Return a job that has nothing left to do."""

    async def work() -> Any:
        return result

    return Job(work, lambda _: result)


def _added(judgement: Judgement, written: _Written, arrival: Arrival) -> Added:
    name = _name_of(judgement)
    return Added(
        exchange=name.exchange or "", symbol=name.symbol, resolved=judgement.detail,
        revision=written.change.revision, cost=written.cost, loaded=arrival.loaded == 1,
        waits_for=arrival.waits_for,
    )  # fmt: skip


def _bulk_added(results: list[Judgement], added: int, written: _Written, arrival: Arrival) -> BulkAdded:
    return BulkAdded(
        revision=written.change.revision if added else None, results=results, added=added,
        cost=written.cost, loaded=arrival.loaded, waits_for=arrival.waits_for,
    )  # fmt: skip


def _removed(meant: Listed, streams: bool, revision: int, waits_for: str | None) -> Removed:
    return Removed(
        exchange=meant.name.exchange, symbol=meant.name.symbol, resolved=meant.note, was_streaming=streams,
        revision=revision, waits_for=waits_for,
    )  # fmt: skip


def _enabled(meant: Listed, enabled: bool, written: _Written, arrival: Arrival) -> SymbolEnabled:
    change, (exchange, symbol) = written.change, meant.name
    return SymbolEnabled(
        exchange=exchange, symbol=symbol, resolved=meant.note, enabled=enabled,
        revision=change.revision if change.diff else None, cost=written.cost,
        loaded=arrival.loaded == 1, waits_for=arrival.waits_for,
    )  # fmt: skip


def _name_of(judgement: Judgement) -> Qualified:
    return Qualified(judgement.exchange, judgement.symbol or "")


def _refusal(judgement: Judgement) -> LivermoreError:
    """Return the error that a verdict stands for."""
    detail = judgement.detail or ""
    if judgement.verdict is Fitness.UNKNOWN:
        detail = f"{judgement.input[:50]} cannot be watched: {detail}"
    what, _, hint = detail.partition("; ")
    return REFUSALS[judgement.verdict](what, where="payload.symbol", hint=hint or None)


def _as_added(judged: Sequence[Judgement], adding: Adding) -> list[Judgement]:
    """Return verdicts as they turned out: somebody else may have added a symbol meanwhile."""
    detail = "it has been added by somebody else meanwhile"
    return [
        replace(one, verdict=Fitness.DUPLICATE, detail=detail)
        if one.verdict is Fitness.OK and _name_of(one) not in adding.added
        else one
        for one in judged
    ]
