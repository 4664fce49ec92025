"""A user who moves between processes at any moment is told of every state of a market, once."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest

from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.market.listing import Listing
from livermore.market.listings import FRESH, Listings
from livermore.market.symbol import Symbol
from livermore.runtime.notices import MarketNotices
from livermore.signals.alert import Alert
from tests.unit.market.listing_office import KNOWN, NOON, ListingOffice, MemoryListingStore, Rows
from tests.unit.runtime.test_notices import Running, current

Told = tuple[str, str, int]
"""A market, its state, and since when."""


class SlowStore(MemoryListingStore):
    """A store that takes its time, is away now and then, and remembers every state of which it was told."""

    def __init__(self, town: Town) -> None:
        super().__init__()
        self.town = town
        self.states: set[Told] = set()

    async def load(self, exchange: str) -> Listing | None:
        await self.town.wait()
        return await super().load(exchange)

    async def save(self, listing: Listing) -> Listing:
        await self.town.wait()
        stored = await super().save(listing)
        for one in stored.symbols.values():
            if one.state_since is not None:
                self.states.add((one.name, one.state, one.state_since))
        await self.town.wait()
        return stored


class Process:
    """What a process has of listings and notices, with a desk for as long as the user is here."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.hosted: list[Any] = []
        self.desks: dict[str, Any] = {}
        office = town.office
        self.listings = Listings(
            Rows(KNOWN), office.adapter, town.store, self.desks, office.told, office.clock,
            chance=town.dice.random,
        )  # fmt: skip
        notices = MarketNotices(lambda: self.hosted, town, self.listings, town.work, office.clock)  # type: ignore[arg-type]
        self.listings.tell(notices.tell)
        self.services = (self.listings, notices)

    def take(self, user: Running) -> None:
        """Have the user here."""
        works = SimpleNamespace(spawn=lambda work: work.close())
        self.hosted.append(user)
        self.desks["test"] = SimpleNamespace(
            exchange=self.town.office.exchange, works=works, follow=self.follow, streamed=("AUSD",)
        )

    def lose(self) -> None:
        """Have nobody here."""
        self.hosted.clear()
        self.desks.clear()

    async def follow(self, _: object) -> None:
        """Watch nothing."""


class Town:
    """Two processes, one exchange, one store and one user."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.office = ListingOffice()
        # So many that two are not most of them.
        self.office.exchange.symbols |= {
            name: Symbol(name=name, base=name, quote="USD") for name in ("X", "Y", "Z")
        }
        self.store = SlowStore(self)
        self.processes = [Process(self), Process(self)]
        self.user = Running(1, current("AUSD", "BUSD", at=NOON, perseus_profile={"primary_exchange": "test"}))
        self.outbox: dict[str, Alert] = {}

    async def wait(self) -> None:
        """Take up to two seconds, or fail."""
        await self.office.clock.sleep(self.dice.random() * 2)
        if self.dice.random() < 0.1:
            raise StorageUnavailableError

    def work(self, _: Scope) -> Any:
        return Work(self)

    async def move(self) -> None:
        """Have the user leave one process, and come to either after a while."""
        for process in self.processes:
            process.lose()
        await self.office.clock.sleep(self.dice.random() * 5)
        user = Running(1, self.user.current)
        self.dice.choice(self.processes).take(user)

    async def wander(self) -> None:
        """Move a dozen times within a quarter of an hour."""
        for _ in range(12):
            await self.office.clock.sleep(self.dice.random() * 70)
            await self.move()

    def change(self) -> None:
        """Have one market halt, trade, vanish or come back."""
        exchange, name = self.office.exchange, self.dice.choice(["AUSD", "BUSD"])
        there = exchange.symbols.get(name)
        if there is None:
            exchange.symbols[name] = Symbol(name=name, base=name[:-3], quote="USD")
        elif self.dice.random() < 0.4:
            del exchange.symbols[name]
        else:
            exchange.halt(name, trading=not there.trading)

    def told(self) -> list[Told]:
        """Return all that the user was told."""
        said = [alert.payload for alert in self.outbox.values()]
        return sorted((one["symbol"], one["state"], one["time"]) for one in said)


class Work:
    """One transaction over the outbox."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.alerts = self

    async def __aenter__(self) -> Work:
        await self.town.wait()
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def add(self, alerts: list[Alert]) -> list[Alert]:
        return [alert for alert in alerts if self.town.outbox.setdefault(alert.id, alert) is alert]


LONG = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(3, 100)]


@pytest.mark.parametrize("seed", [*range(3), *LONG])
async def test_each_state_is_told_once_wherever_the_user_is(seed: int) -> None:
    town = Town(seed)
    clock = town.office.clock
    services = [service for process in town.processes for service in process.services]
    for service in services:
        await service.start()
    town.processes[0].take(town.user)
    await clock.advance(0)
    await clock.advance(2 * FRESH)
    for rounds in range(1, 9):
        town.change()
        wandering = asyncio.create_task(town.wander())
        await clock.advance(0)
        await clock.advance(3 * FRESH)
        await wandering
        assert town.told() == sorted(town.store.states)
        assert len(town.outbox) == rounds
    for service in services:
        await service.stop()
