"""A control room over a journal in memory: commands are accepted, carried out and kept, without plumbing."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from livermore.accounts.service import Accounts
from livermore.adapters.memory.command_bus import MemoryCommandBus
from livermore.control.audit import ORIGIN, Fault, Report, expired
from livermore.control.command import Command, NewCommand, Progress
from livermore.control.intake import Author
from livermore.control.lifecycle import WAITING, Status, Step, origins, take
from livermore.control.ports import Accepted, Facts, Page, Retention, Waiting
from livermore.control.registry import Call, Job, Nothing, Registry
from livermore.control.room import ControlRoom
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import ConflictError, NotFoundError, NotImplementedYetError
from livermore.kernel.events import EventBus
from livermore.kernel.scope import Reach, Scope
from livermore.market.commands import Backfilled, ClearCache, Cleared, ForceBackfill
from livermore.market.comparison import Tally
from livermore.market.scanner import Candidate, Filters, Proposal
from livermore.market.scanning import ScanSymbols
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
from livermore.runtime.commands import ModePayload, PausePayload, Reloaded, Switched, Turned
from livermore.runtime.status import Pause
from livermore.settings.plan import Cost

UNKNOWN = "NOPE"
COST = Cost(requests=7, seconds=2.5)


class JournalTwin:
    """Keep commands in a list, in the order of their arrival."""

    def __init__(self) -> None:
        self.kept: list[Waiting] = []

    async def accept(self, scope: Scope, command: NewCommand) -> Accepted:
        found = self._find(scope, command.id)
        if found is not None:
            if (found.type, found.payload) != (command.type, command.payload):
                raise ConflictError(f"this id stands for another command, {found.type}")
            return Accepted(found, repeated=True)
        asked = {name: value for name, value in msgspec.structs.asdict(command).items() if name != "failure"}
        status = Status.ACCEPTED if command.failure is None else Status.REJECTED
        finished = None if command.failure is None else command.submitted_at
        stored = Command(
            number=len(self.kept) + 1, status=status, finished_at=finished, error=command.failure, **asked
        )
        self.kept.append(Waiting(scope, stored))
        return Accepted(stored, repeated=False)

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Command | None:
        found = self._find(scope, command_id)
        if found is None or found.status not in origins(step):
            return None
        if step is Step.START and found.is_overdue(facts.at):
            return None
        changes: dict[str, Any] = {"status": take(found.status, step).current}
        if step in {Step.ACKNOWLEDGE, Step.START}:
            changes["acknowledged_at"] = found.acknowledged_at or facts.acknowledged_at
        if step is Step.START:
            changes |= {"started_at": facts.at, "runner": facts.runner}
        elif step is not Step.ACKNOWLEDGE:
            changes |= {"finished_at": facts.at, "result": facts.result, "error": facts.error}
        return self._change(scope, found, changes)

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        found = self._find(scope, command_id)
        if found is not None:
            self._change(scope, found, {"progress": progress})

    async def get(self, scope: Scope, command_id: str, now: int) -> Command | None:
        found = self._find(scope, command_id)
        if found is not None and found.status in WAITING and found.is_overdue(now):
            facts = Facts(at=now, error=expired(now, found.submitted_at))
            return await self.step(scope, command_id, Step.EXPIRE, facts)
        return found

    async def history(
        self, scope: Scope, now: int, *, before: int | None = None, limit: int = 50,
        of_type: str | None = None, status: Status | None = None,
    ) -> Page:  # fmt: skip
        own = [command for whose, command in reversed(self.kept) if whose == scope]
        own = [command for command in own if before is None or command.number < before]
        own = [command for command in own if of_type in {None, command.type}]
        own = [command for command in own if status in {None, command.status}]
        return Page(own[:limit], own[limit - 1].number if len(own) > limit else None)

    async def open(self) -> list[Waiting]:
        return [waiting for waiting in self.kept if waiting.command.is_open]

    async def close(self) -> None:
        pass

    def _find(self, scope: Scope, command_id: str) -> Command | None:
        found = (one.command for one in self.kept if (one.scope, one.command.id) == (scope, command_id))
        return next(found, None)

    def _change(self, scope: Scope, found: Command, changes: dict[str, Any]) -> Command:
        changed = msgspec.structs.replace(found, **changes)
        self.kept[found.number - 1] = Waiting(scope, changed)
        return changed


class TrailTwin:
    """Say of every chain what it was told to."""

    def __init__(self, journal: JournalTwin) -> None:
        self._journal = journal
        self.fault: Fault | None = None

    async def unsealed(self) -> list[Scope]:
        return []

    async def seal(self, scope: Scope) -> int:
        return 0

    async def overfull(self, kept: Retention, now: int) -> list[Scope]:
        return []

    async def prune(self, scope: Scope, kept: Retention, now: int) -> int:
        return 0

    async def verify(self, reach: Reach, noted: str | None = None) -> list[Report]:
        assert isinstance(reach, Scope)
        own = [command for whose, command in self._journal.kept if whose == reach]
        noted_place = 0 if noted == ORIGIN.hash.hex() else None
        report = Report(
            user_id=reach.user_id, events=0, unsealed=len(own), commands=len(own), anchor_place=0,
            head_place=0, head=ORIGIN.hash.hex(), fault=self.fault, noted_place=noted_place,
        )  # fmt: skip
        return [report]


class Obedience:
    """Do nothing, and say what comes of it; loading goes on when the gate is opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.done: list[str] = []
        self.scanned: list[ScanSymbols] = []

    def register(self, registry: Registry) -> None:
        add = registry.register
        add("pause", PausePayload, self.pause, priority=1, about="Pause.")
        add("resume", Nothing, self.resume, priority=1, about="Resume.")
        add("reload-settings", Nothing, self.reload, priority=10, about="Reload.")
        add("switch-mode", ModePayload, self.switch, priority=10, about="Switch.")
        add("force-backfill", ForceBackfill, self.fill, priority=20, about="Load.")
        add("clear-cache", ClearCache, self.clear, priority=20, about="Clear.", role="admin")
        add("add-symbol", AddSymbol, self.add_symbol, priority=15, about="Add.")
        add("bulk-add-symbols", BulkAddSymbols, self.bulk_add, priority=15, about="Add many.")
        add("remove-symbol", RemoveSymbol, self.remove_symbol, priority=15, about="Remove.")
        add("set-symbol-enabled", SetSymbolEnabled, self.switch_symbol, priority=15, about="Switch.")
        add("scan-symbols", ScanSymbols, self.scan, priority=20, about="Scan.")

    async def pause(self, call: Call) -> Turned:
        self.done.append(call.command.id)
        asked: PausePayload = call.payload
        until = asked.until if isinstance(asked.until, int) else None
        pause = Pause(level=asked.level, reason=asked.reason, until=until, by=call.command.author)
        return Turned(previous="running", current="paused", pause=pause)

    async def resume(self, call: Call) -> Turned:
        self.done.append(call.command.id)
        return Turned(previous="paused", current="warming", pause=None)

    async def reload(self, call: Call) -> Reloaded:
        change = {"op": "change", "path": "scanner.limit", "from": 50, "to": 7}
        return Reloaded(previous=2, revision=3, changes=[change], waits_for=None)

    async def switch(self, call: Call) -> Switched:
        asked: ModePayload = call.payload
        if asked.mode == "scalper-orderbook":
            raise NotImplementedYetError("the order-book mode does not exist yet", hint="choose another one")
        return Switched(previous="position-monitor", mode=asked.mode, revision=4, waits_for="it is paused")

    async def fill(self, call: Call) -> Job:
        async def work() -> Backfilled:
            call.progress(Progress(done=1, total=2, message="1h", eta_seconds=3))
            await self.gate.wait()
            self.done.append(call.command.id)
            tally = Tally(asked=1_000, equal=990, corrected=0, added=10, missing=0)
            return Backfilled(exchange="coinbase", symbol=call.payload.symbol, timeframes={"1h": tally})

        return Job(work)

    async def clear(self, call: Call) -> Cleared:
        self.done.append(call.command.id)
        return Cleared(symbols=2, timeframes=["5m", "1h"], bars=1_234, stored_deleted=7)

    async def add_symbol(self, call: Call) -> Added:
        asked: AddSymbol = call.payload
        if asked.symbol == UNKNOWN:
            raise NotFoundError(f"{UNKNOWN} cannot be watched", where="payload.symbol")
        return Added(
            exchange=asked.exchange or "coinbase", symbol=asked.symbol.upper(),
            resolved=f"it is {asked.symbol.upper()}" if asked.symbol.islower() else None, revision=4,
            cost=COST, loaded=True, waits_for=None,
        )  # fmt: skip

    async def bulk_add(self, call: Call) -> BulkAdded:
        results = [_judged(name) for name in call.payload.symbols]
        added = sum(one.verdict == "ok" for one in results)
        return BulkAdded(
            revision=4 if added else None, results=results, added=added, cost=COST, loaded=0,
            waits_for="it is paused" if added else None,
        )  # fmt: skip

    async def remove_symbol(self, call: Call) -> Removed:
        if call.payload.symbol == UNKNOWN:
            raise NotFoundError(f"{UNKNOWN} is not on the watchlist", where="payload.symbol")
        return Removed(
            exchange=None, symbol=call.payload.symbol, resolved=None, was_streaming=True, revision=5,
            waits_for=None,
        )  # fmt: skip

    async def switch_symbol(self, call: Call) -> SymbolEnabled:
        asked: SetSymbolEnabled = call.payload
        return SymbolEnabled(
            exchange="coinbase", symbol=asked.symbol, resolved=None, enabled=asked.enabled,
            revision=None if asked.symbol == "SAME" else 6, cost=COST, loaded=asked.enabled, waits_for=None,
        )  # fmt: skip

    async def scan(self, call: Call) -> Proposal:
        self.scanned.append(call.payload)
        candidates = [
            Candidate(symbol=name, rank=rank, price=2.0, change_24h_percent=-1.5, quote_volume_24h=1.5e6,
                      watched=name == "BTC-USD")
            for rank, name in enumerate(("BTC-USD", "XRP-USD", "LTC-USD"), 1)
        ]  # fmt: skip
        return Proposal(
            exchange="coinbase", made_at="2026-05-01T12:00:00.000Z", filters=Filters(exchange="coinbase"),
            candidates=tuple(candidates), add=("XRP-USD", "LTC-USD"), keep=("BTC-USD",), missing=("ETH-USD",),
            left_out={"stablecoin_or_fiat": 3, "volume": 7},
        )  # fmt: skip


def _judged(name: str) -> Judgement:
    if name == UNKNOWN:
        return Judgement(input=name, exchange="coinbase", verdict=Fitness.UNKNOWN, detail="it is not listed")
    if name == "BTC-USD":
        return Judgement(input=name, exchange="coinbase", symbol=name, verdict=Fitness.DUPLICATE)
    detail = None if name.isupper() else f"it is {name.upper()}"
    return Judgement(input=name, exchange="coinbase", symbol=name.upper(), verdict=Fitness.OK, detail=detail)


def control_in_memory(accounts: Accounts, events: EventBus, obedience: Obedience) -> ControlRoom:
    """Join a control room; nothing is carried out before it is started and hosts somebody."""
    registry, journal = Registry(), JournalTwin()
    obedience.register(registry)

    async def author(scope: Scope) -> Author:
        user = await accounts.user(scope.user_id)
        return Author(user.username, user.role)

    return ControlRoom(
        MemoryCommandBus(), journal, TrailTwin(journal), registry.seal(), author,
        events=events, clock=SystemClock(), runner="this process",
    )  # fmt: skip
