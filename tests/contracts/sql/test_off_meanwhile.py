"""What was off the watchlist in between is found in the stored history, whatever changed it."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError
from livermore.kernel.scope import Scope
from livermore.runtime import meanwhile
from livermore.runtime.meanwhile import off_meanwhile
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship
from livermore.settings.service import SettingsService, watched_symbols
from livermore.settings.upgrade import read_settings
from tests.unit.settings.standin import Listings

BY = Authorship(author="jesse", source="api")
NAMES = ["coinbase:BTC-USD", "coinbase:ETH-USD", "binance:BTCUSDT", "binance:ETHUSDT"]
CHANGES = 40


def any_change(chance: random.Random, symbols: Sequence[str]) -> dict[str, Any]:
    """Choose something that may change what is watched, or that does not."""
    chosen = chance.sample(NAMES, chance.randint(1, 4))
    return chance.choice([
        {"symbols": chosen, "disabled_symbols": []},
        {"disabled_symbols": list(symbols[:1])},
        {"disabled_symbols": []},
        {"exchanges": {"binance": {"enabled": chance.random() < 0.7}}},
        {"perseus_profile": {"primary_exchange": chance.choice(["coinbase", "binance"])}},
        {"alerts": {"cooldown_seconds": chance.randint(0, 99)}},
    ])  # fmt: skip


async def rewritten(service: SettingsService, scope: Scope, chance: random.Random) -> None:
    """Change the settings over and over; now and then go back to how they were."""
    for _ in range(CHANGES):
        current = await service.current(scope)
        if chance.random() < 0.1:
            try:
                await service.rollback(scope, chance.randint(1, current.revision), BY)
            except ConflictError:
                continue
        else:
            change = any_change(chance, current.document.symbols)
            await service.patch(scope, MergePatch(change), BY)


async def watched(service: SettingsService, scope: Scope) -> dict[int, set[tuple[str, str]]]:
    """Return what each revision has watched."""
    numbers = range(1, await service.newest_revision(scope) + 1)
    documents = {number: (await service.revision(scope, number)).document for number in numbers}
    return {number: set(watched_symbols(read_settings(one))) for number, one in documents.items()}


async def test_of_what_held_and_holds_again_all_is_found_that_was_off_in_between(
    database: Database, clock: ManualClock, jesse: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meanwhile, "PAGE", 7)
    service = SettingsService(SqlSettingsStore(database, clock), Listings())
    await rewritten(service, jesse, random.Random(11))
    seen, current = await watched(service, jesse), await service.current(jesse)
    newest, found_any = current.revision, 0
    for held in range(1, newest):
        off = await off_meanwhile(service, jesse, held, current)
        stayed = seen[held] & seen[newest]
        expected = {one for one in stayed if any(one not in seen[at] for at in range(held, newest))}
        assert off & stayed == expected
        found_any += bool(expected)
    assert 0 < found_any < newest
