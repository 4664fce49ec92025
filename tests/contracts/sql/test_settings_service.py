"""The settings service over real databases: what is patched is read back, and nobody's write is lost."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError
from livermore.kernel.scope import Scope
from livermore.settings.diff import differences
from livermore.settings.patch import JsonPatch, MergePatch, Patch, PathPatch, patched
from livermore.settings.path import read_path
from livermore.settings.ports import Authorship
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.service import SettingsService
from livermore.settings.tree import same
from livermore.settings.upgrade import read_settings
from tests.unit.settings.standin import Listings
from tests.unit.settings.test_upgrade import DESK

BY = Authorship(author="jesse", source="api")
WRITERS = 50


@pytest.fixture
async def services(url: str, clock: ManualClock) -> AsyncIterator[list[SettingsService]]:
    """The services of five processes on one database."""
    databases = [Database(url) for _ in range(5)]
    yield [SettingsService(SqlSettingsStore(database, clock), Listings()) for database in databases]
    for database in databases:
        await database.close()


@pytest.fixture
def service(services: list[SettingsService]) -> SettingsService:
    return services[0]


def put(path: str, value: Any) -> PathPatch:
    return PathPatch(read_path(path), value)


PATCHES: list[Patch] = [
    put("alerts.cooldown_seconds", 60),
    put("alerts.levels.-", 500),
    put("alerts.levels.0", 100),
    put("alerts.quiet_hours", {"from": "22:00", "to": "06:00"}),
    put("alerts.quiet_hours.from", "21:30"),
    put("alerts.quiet_hours", None),
    put("alerts.routes.-", {"channel": "terminal"}),
    put("alerts.routes.0.events.system", "off"),
    put("exchanges.coinbase.ApiKeyEnvironmentVariableName", "Coinbase_ApiKeyId"),
    put("exchanges.coinbase.SecretEnvironmentVariableName", "Coinbase_ApiSecret"),
    put("exchanges.binance", {"enabled": False}),
    put("perseus_profile.public_name", 'ü, {"a"} \\ 😀'),
    put("perseus_profile.primary_exchange", "binance"),
    put("perseus_profile.primary_exchange", "coinbase"),
    put("positions.minimum_value", 1e-7),
    put("storage.keep_days.30m", 3),
    put("symbols.-", "coinbase:SOL-USD"),
    put("timeframes", ["1d", "1h"]),
    put("version", 3),
    put("scanner.limit", 0),
    MergePatch({"alerts": {"reversal": None, "quiet_hours": None}, "scanner": {"limit": 7}}),
    MergePatch({"exchanges": {"binance": None}, "perseus_profile": {"public_name": None}}),
    JsonPatch(({"op": "remove", "path": "/alerts/levels/0"}, {"op": "add", "path": "/symbols", "value": []})),
    JsonPatch(({"op": "replace", "path": "/disabled_symbols", "value": []},)),
]


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_patched_is_read_back_as_the_model_has_it(
    service: SettingsService, jesse: Scope, seed: int
) -> None:
    chance = random.Random(seed)
    model = read_settings({"version": 1}).plain()
    revision = 1
    for patch in chance.choices(PATCHES, k=40):
        primary = model["perseus_profile"].get("primary_exchange")
        try:
            expected = read_settings(patched(model, patch)).plain()
        except SettingsProblemsError:
            with pytest.raises(SettingsProblemsError):
                await service.patch(jesse, patch, BY)
            continue
        change = await service.patch(jesse, patch, BY)
        stored = (await service.current(jesse)).document.plain()
        if primary == expected["perseus_profile"].get("primary_exchange"):
            assert same(stored, expected)
        assert change.revision == revision + bool(change.diff)
        model, revision = stored, change.revision


async def test_a_life_of_a_document(
    service: SettingsService, database: Database, clock: ManualClock, jesse: Scope
) -> None:
    """From an old file through patches and a rollback: revisions tell it all, and accounts mirror it."""
    book = SqlExchangeAccountBook(database, clock)
    file = {**DESK, "exchanges": {"coinbase": DESK["exchanges"]["coinbase"]}}
    imported = await service.import_file(jesse, json.dumps(file), BY, drop_unknown=True)
    assert imported.dropped == ("sub",)
    assert [account.exchange for account in await book.all(jesse)] == ["coinbase"]
    await service.patch(jesse, put("exchanges", {}), BY)
    assert await book.all(jesse) == []
    await service.rollback(jesse, 2, BY, paths=[("exchanges",)])
    assert [account.exchange for account in await book.all(jesse)] == ["coinbase"]
    assert (await service.current(jesse)).document == imported.change.after
    assert [one.source for one in await service.history(jesse)] == ["rollback", "api", "import", "system"]
    with pytest.raises(ConflictError):
        await service.rollback(jesse, 2, BY)
    assert await service.diff(jesse, 2, 4) == []
    assert (await service.import_file(jesse, await service.export(jesse, now=0), BY)).change.diff == ()


async def test_of_many_who_expect_the_same_revision_one_wins(
    services: list[SettingsService], jesse: Scope
) -> None:
    async def write(number: int) -> int:
        patch = put("alerts.cooldown_seconds", number + 1000)
        await services[number % len(services)].patch(jesse, patch, BY, expected=1)
        return number

    outcomes = await asyncio.gather(*map(write, range(WRITERS)), return_exceptions=True)
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sum(isinstance(outcome, ConflictError) for outcome in outcomes) == WRITERS - 1
    current = await services[0].current(jesse)
    assert (current.revision, current.document.alerts.cooldown_seconds) == (2, winner + 1000)


@pytest.mark.parametrize("each", [4, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
async def test_of_many_who_patch_at_once_none_is_lost(
    services: list[SettingsService], jesse: Scope, each: int
) -> None:
    name = ("exchanges", "coinbase", "ApiKeyEnvironmentVariableName")

    async def write(number: int) -> None:
        for step in range(each):
            await services[number % len(services)].patch(jesse, PathPatch(name, f"K{number}_{step}"), BY)

    await services[0].patch(jesse, put("exchanges.coinbase", {}), BY)
    await asyncio.gather(*map(write, range(WRITERS)))
    history = (await services[0].history(jesse, limit=100_000))[::-1]
    assert [one.revision for one in history] == list(range(1, 3 + WRITERS * each))
    written = sorted(one.diff[0]["to"] for one in history[2:])
    assert written == sorted(f"K{number}_{step}" for number in range(WRITERS) for step in range(each))
    document = (await services[0].revision(jesse, 2)).document
    for one in history[2:]:
        before, document = document, (await services[0].revision(jesse, one.revision)).document
        assert one.diff == [each.plain() for each in differences(before, document)]
    assert (await services[0].current(jesse)).document == read_settings(document)
