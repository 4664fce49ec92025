"""Whoever changes a watchlist at the same time: each change is made of the newest list, and none is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.kernel.clock import ManualClock
from livermore.kernel.scope import Scope
from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import Drafting, patching, settled
from livermore.settings.forms import Qualified
from livermore.settings.patch import JsonPatch, MergePatch
from livermore.settings.ports import Authorship
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.service import Change, SettingsService
from livermore.settings.upgrade import read_settings
from livermore.settings.watchlist import Adding, Removing, Switching, entries_of
from tests.unit.settings.standin import LISTED, Listings

BY = Authorship(author="jesse", source="command")
NAMES = [
    Qualified(exchange, symbol) for exchange in ("coinbase", "binance") for symbol in sorted(LISTED[exchange])
]
CLIENTS, CHANGES = 8, 12


@pytest.fixture
async def services(url: str, clock: ManualClock) -> AsyncIterator[list[SettingsService]]:
    """The services of three processes on one database."""
    databases = [Database(url) for _ in range(3)]
    yield [SettingsService(SqlSettingsStore(one, clock), Listings()) for one in databases]
    for one in databases:
        await one.close()


class Done(NamedTuple):
    """One change as it was asked for, and what it came to."""

    drafting: Callable[[], Drafting]
    change: Change


def appended(name: Qualified) -> Drafting:
    """Append a symbol as a patch does, which refuses one that is there."""
    value = f"{name.exchange}:{name.symbol}"
    return patching(JsonPatch(({"op": "add", "path": "/symbols/-", "value": value},)))


def primary(exchange: str) -> Drafting:
    """Choose a primary exchange, which qualifies the plain names."""
    return patching(MergePatch({"perseus_profile": {"primary_exchange": exchange}}))


def any_change(chance: random.Random) -> Callable[[], Drafting]:
    """Choose something that is done to a watchlist."""
    name, exchange, enabled = (
        chance.choice(NAMES),
        chance.choice(("coinbase", "binance")),
        chance.random() < 0.5,
    )
    return chance.choices(
        (
            lambda: Adding([name]), lambda: Removing(name), lambda: Switching(name, enabled),
            lambda: Adding(NAMES), lambda: appended(name), lambda: primary(exchange),
        ),
        weights=(8, 8, 4, 1, 4, 1),
    )[0]  # fmt: skip


async def a_client(service: SettingsService, scope: Scope, seed: int) -> list[Done]:
    """Change a watchlist again and again."""
    chance, done, refused = random.Random(seed), [], []
    for _ in range(CHANGES):
        drafting = any_change(chance)
        try:
            done.append(Done(drafting, await service.write(scope, drafting(), BY)))
        except SettingsProblemsError as error:
            refused.append(str(error.errors))
    # Only the patch knows no better than to name a symbol twice.
    assert all("each symbol once" in why for why in refused)
    return done


def replayed(document: SettingsDocument, done: Done, scope: Scope) -> SettingsDocument:
    """Return what a change makes of a document when nobody else is there."""
    return settled(document, done.drafting()(document), scope)


async def test_the_watchlist_is_what_it_would_be_one_change_after_the_other(
    services: list[SettingsService], jesse: Scope
) -> None:
    service, *_ = services
    start = (await service.write(jesse, primary("coinbase"), BY)).revision
    writing = (a_client(services[seed % len(services)], jesse, seed) for seed in range(CLIENTS))
    done = [one for client in await asyncio.gather(*writing) for one in client]
    newest = await service.newest_revision(jesse)
    documents = {
        number: read_settings((await service.revision(jesse, number)).document)
        for number in range(start, newest + 1)
    }
    made = {one.change.revision: one for one in done if one.change.diff}
    assert sorted(made) == list(range(start + 1, newest + 1))
    assert len(made) > CLIENTS * CHANGES / 4
    for number, one in made.items():
        assert documents[number] == replayed(documents[number - 1], one, jesse)
        assert documents[number] == one.change.after
    for one in done:
        if not one.change.diff:
            assert replayed(documents[one.change.revision], one, jesse) == documents[one.change.revision]
    last = [entry.name for entry in entries_of(documents[newest])]
    assert len(set(last)) == len(last)
