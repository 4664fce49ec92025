"""Scanning: asked for by a command, or by the hour; what comes of it is a proposal and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Protocol

import msgspec

from livermore.control.command import Command, Progress
from livermore.control.lifecycle import Status
from livermore.control.ports import Journal
from livermore.control.registry import Call, Job, Payload, Registry
from livermore.control.traces import reason_of
from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.market.listing import Listing
from livermore.market.listings import Asking
from livermore.market.scanner import (
    MOST,
    OLDEST_DAYS,
    Candidate,
    Choice,
    Filters,
    Proposal,
    Reason,
    against,
    candidate_of,
    checked,
    choose,
    counted,
    filters_of,
    watched_on,
)
from livermore.market.sieve import Openings, Quotes, Sieve
from livermore.market.trials import Trials
from livermore.market.turns import Purpose, asking
from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import Draft, Drafting
from livermore.settings.ports import Authorship
from livermore.settings.service import SettingsService

NAME, PRIORITY = "scan-symbols", 20
MAY_BE_NULL = ("minimum_age_days", "maximum_spread_percent")
AgeInDays = Annotated[int, msgspec.Meta(ge=1, le=OLDEST_DAYS)]
AtLeastNothing = Annotated[float, msgspec.Meta(ge=0)]
Told = Callable[[Progress], object]
log = logger("market")


class ScanSymbols(Payload, frozen=True, kw_only=True):
    """Say what differs from the filters in the settings: for this scan only.

    Without an exchange it is the primary one. A null age or spread switches that filter off.
    """

    exchange: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] | None = None
    quote: str | None = None
    minimum_quote_volume_24h: AtLeastNothing | None = None
    minimum_age_days: AgeInDays | msgspec.UnsetType | None = msgspec.UNSET
    maximum_spread_percent: AtLeastNothing | msgspec.UnsetType | None = msgspec.UNSET
    blacklist: tuple[str, ...] | None = None


class StoredProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal as the journal has it: the command that it comes from, and who asked for that."""

    command_id: str
    author: str
    source: str
    proposal: Proposal


class Listed(Quotes, Protocol):
    """Know what exchanges list."""

    async def listing(self, exchange: str) -> Listing:
        """Return the newest listing of an exchange, or the last one with its trouble."""
        ...

    def known(self, exchange: str) -> Listing | None:
        """Return what is known without asking."""
        ...


class Scanner:
    """Find the symbols that are worth watching; nothing is stored here."""

    def __init__(
        self, settings: SettingsService, listings: Listed, adapter: Asking, journal: Journal, clock: Clock
    ) -> None:
        self._settings = settings
        self._listings = listings
        self._adapter = adapter
        self._journal = journal
        self._clock = clock
        self._openings = Openings()
        self._trials = Trials(clock)

    async def scan(self, scope: Scope, filters: Filters, told: Told = lambda _: None) -> Proposal:
        """Return what these filters propose, held against the user's watchlist; `told` hears how far it is.

        Errors: InvalidError naming the filter, NotFoundError for an unknown exchange, and those of the
        exchange.
        """
        proposal = await self._proposed(scope, checked(filters), told)
        return self.compared(proposal, (await self._settings.current(scope)).document)

    async def tried(self, scope: Scope, filters: Filters) -> Proposal:
        """Return what these filters propose, for somebody who waits for it: one at a time, and not for long.

        Errors: those of `scan`; ConflictError while the user tries others, ExchangeUnreachableError when it
        takes too long.
        """
        return await self._trials.carry_out(scope, partial(self.scan, scope, filters))

    async def newest(self, scope: Scope) -> StoredProposal | None:
        """Return the proposal of the newest scan that succeeded, held against today's watchlist."""
        page = await self._journal.history(
            scope, self._clock.now(), of_type=NAME, status=Status.SUCCEEDED, limit=1
        )
        stored = _stored(page.commands[0]) if page.commands else None
        if stored is None:
            return None
        document = (await self._settings.current(scope)).document
        return msgspec.structs.replace(stored, proposal=self.compared(stored.proposal, document))

    def compared(self, proposal: Proposal, document: SettingsDocument) -> Proposal:
        """Return a proposal with its difference to the watchlist of a document."""
        watched = watched_on(document, proposal.exchange)
        return against(proposal, watched, self._listings.known(proposal.exchange))

    async def _proposed(self, scope: Scope, filters: Filters, told: Told) -> Proposal:
        exchange = filters.exchange or ""
        listing = await self._listings.listing(exchange)
        now = self._clock.now()
        choice = choose(listing, filters)
        _check_volumes(listing)
        sieve = Sieve(exchange, filters, self._openings, self._listings, self._adapter)
        try:
            with asking(Purpose.WARM_UP, scope.identity_sub):
                candidates = await self._sifted(choice, filters.limit, sieve, told)
        finally:
            await sieve.close()
        return Proposal(
            exchange=exchange, made_at=rfc3339(now), filters=filters, candidates=tuple(candidates),
            left_out=counted(choice.left_out), trouble=listing.trouble,
            listing_age_seconds=max(now - listing.asked_at, 0) // 1000,
        )  # fmt: skip

    async def _sifted(self, choice: Choice, limit: int, sieve: Sieve, told: Told) -> list[Candidate]:
        """Return the first candidates that pass the sieve; nothing is asked of those behind them."""
        candidates: list[Candidate] = []
        total = min(limit, len(choice.markets))
        for place, market in enumerate(choice.markets):
            if len(candidates) == limit:
                choice.left_out[Reason.LIMIT] = len(choice.markets) - place
                break
            if sieve.asks:
                told(Progress(done=len(candidates), total=total, message=market.name))
            reason, spread = await sieve.sifted(market)
            if reason is None:
                candidates.append(candidate_of(market, len(candidates) + 1, spread))
            else:
                choice.left_out[reason] += 1
        if sieve.asks:
            told(Progress(done=len(candidates), total=len(candidates), message="proposed"))
        return candidates


class ScannerCommands:
    """Carry out what is asked of the scanner."""

    def __init__(self, scanner: Scanner, settings: SettingsService) -> None:
        self._scanner = scanner
        self._settings = settings

    def register(self, registry: Registry) -> None:
        """Add the command of this room."""
        registry.register(
            NAME, ScanSymbols, self.scan_symbols, priority=PRIORITY,
            about="Propose the symbols that are traded most; none is added by this.",
        )  # fmt: skip

    async def scan_symbols(self, call: Call) -> Job:
        """Check what is asked, and leave the scan behind as a job; raises InvalidError naming the filter."""
        document = (await self._settings.current(call.scope)).document
        return Job(partial(self._scan, call, checked(overridden(filters_of(document), call.payload))))

    async def _scan(self, call: Call, filters: Filters) -> Proposal:
        proposal = await self._scanner.scan(call.scope, filters, call.progress)
        change = await self._settings.write(call.scope, _noting(proposal), _authorship(call.command))
        return self._scanner.compared(proposal, change.after)


def _check_volumes(listing: Listing) -> None:
    """Raise ExchangeUnreachableError where no volume is known: nobody could say what is traded most."""
    if all(market.quote_volume_24h is None for market in listing.symbols.values()):
        why = listing.trouble or "it does not tell"
        raise ExchangeUnreachableError(f"what is traded at {listing.exchange} is not known: {why}")


def overridden(filters: Filters, asked: ScanSymbols) -> Filters:
    """Return filters with what is asked for in place of what is set."""
    given: dict[str, Any] = msgspec.structs.asdict(asked)
    changes = {
        name: value
        for name, value in given.items()
        if value is not msgspec.UNSET and (value is not None or name in MAY_BE_NULL)
    }
    if asked.quote is not None:
        changes["quote"] = asked.quote.upper()
    return msgspec.structs.replace(filters, **changes)


def _noting(proposal: Proposal) -> Drafting:
    """Write down which exchange was scanned and when, and leave the watchlist as it is."""
    noted = {"scanner_exchange": proposal.exchange, "scanner_symbols_last_update": proposal.made_at}
    return lambda before: Draft(before.plain() | noted)


def _authorship(command: Command) -> Authorship:
    return Authorship(
        author=command.author,
        source="system" if command.source == "system" else "command",
        reason=reason_of(command.id),
    )


def _stored(command: Command) -> StoredProposal | None:
    """Read the result of a scan; None for one that an earlier version wrote in another form."""
    try:
        proposal = msgspec.convert(command.result, Proposal)
    except msgspec.ValidationError as error:
        log.warning("a stored proposal cannot be read", command=command.id, error=str(error))
        return None
    return StoredProposal(
        command_id=command.id, author=command.author, source=command.source, proposal=proposal
    )
