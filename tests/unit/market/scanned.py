"""A scanner over a listing made by hand and an exchange that tells the age of its markets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from livermore.control.command import NewCommand, Progress, Source
from livermore.control.lifecycle import Step
from livermore.control.ports import Facts
from livermore.control.registry import Call
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import LivermoreError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.listing import Listing
from livermore.market.ports import Exchange
from livermore.market.scanner import Proposal
from livermore.market.scanning import NAME, PRIORITY, Scanner, ScannerCommands, ScanSymbols
from livermore.market.symbol import Ticker
from livermore.market.turns import asker
from livermore.settings.service import SettingsService
from tests.unit.apps.commanded import JournalTwin
from tests.unit.settings.standin import JESSE, Listings, MemoryStore

from .exchange import INFO
from .factories import drawn
from .listed import NOW

DAY = Timeframe.D1.milliseconds


class AgedExchange:
    """Tell of markets that have been open for so many days; of others it knows nothing."""

    info = INFO

    def __init__(self, ages: Mapping[str, int]) -> None:
        self.ages = ages
        self.asked: list[str] = []
        self.askers: set[str] = set()
        self.ranges: list[tuple[Timeframe, int, int]] = []
        self.failing: list[LivermoreError] = []
        self.opened = self.closed = 0

    async def open(self, name: str) -> Exchange:
        self.opened += 1
        return cast(Exchange, self)

    async def server_time(self) -> int:
        return NOW

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        self.asked.append(symbol)
        self.askers.add(asker().whose)
        self.ranges.append((timeframe, start, end))
        if self.failing:
            raise self.failing.pop()
        if symbol not in self.ages:
            raise NotFoundError(f"nobody knows {symbol}")
        return drawn("t" if NOW - self.ages[symbol] * DAY < end else "")

    async def close(self) -> None:
        self.closed += 1


class HandListings:
    """Know one listing, and the quotes of some of its markets."""

    def __init__(self, listing: Listing, spreads: Mapping[str, float | None]) -> None:
        self.kept = listing
        self.spreads = spreads
        self.quoted: list[str] = []

    async def listing(self, exchange: str) -> Listing:
        if exchange != self.kept.exchange:
            raise NotFoundError(f"no exchange is called {exchange!r}", where="exchange")
        return self.kept

    def known(self, exchange: str) -> Listing | None:
        return self.kept if exchange == self.kept.exchange else None

    async def quote(self, exchange: str, symbol: str) -> Ticker:
        self.quoted.append(symbol)
        if symbol not in self.spreads:
            raise NotFoundError(f"nobody knows {symbol}")
        half = self.spreads[symbol]
        return Ticker(
            symbol=symbol, price=100.0, time=NOW, bid=None if half is None else 100 - half / 2,
            ask=None if half is None else 100 + half / 2,
        )  # fmt: skip


class Office:
    """Join all of it for one user, whose settings are these."""

    def __init__(
        self, listing: Listing, document: Mapping[str, Any] = {}, *, ages: Mapping[str, int] = {},
        spreads: Mapping[str, float | None] = {}, exchange: AgedExchange | None = None,
    ) -> None:  # fmt: skip
        self.clock = ManualClock(NOW + 5_000)
        first = {"version": 2, "perseus_profile": {"primary_exchange": "coinbase"}}
        self.store = MemoryStore({**first, **document})
        self.settings = SettingsService(self.store, Listings())
        self.listings = HandListings(listing, spreads)
        self.exchange = exchange or AgedExchange(ages)
        self.journal = JournalTwin()
        self.scanner = Scanner(self.settings, self.listings, self.exchange.open, self.journal, self.clock)

    async def command(
        self, payload: dict[str, Any], *, source: Source = "cli"
    ) -> tuple[Call, list[Progress]]:
        """Write a command down that scans, and say how far it is to a list."""
        told: list[Progress] = []
        new = NewCommand(
            id=f"command {len(self.journal.kept)}", type=NAME, payload=payload, priority=PRIORITY,
            source=source, author="jesse" if source == "cli" else "livermore", role="operator",
            submitted_at=self.clock.now(),
        )  # fmt: skip
        command = (await self.journal.accept(JESSE, new)).command
        return Call(JESSE, command, msgspec.convert(payload, ScanSymbols), told.append), told

    async def done(self, payload: dict[str, Any], *, source: Source = "cli") -> Proposal:
        """Carry a command out, and have the journal know what came of it."""
        call, _ = await self.command(payload, source=source)
        job = await ScannerCommands(self.scanner, self.settings).scan_symbols(call)
        proposal: Proposal = await job.work()
        facts = Facts(at=self.clock.now(), result=msgspec.to_builtins(proposal))
        for step in (Step.ACKNOWLEDGE, Step.START, Step.SUCCEED):
            await self.journal.step(JESSE, call.command.id, step, facts)
        return proposal
