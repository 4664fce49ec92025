"""A store that tells of writes tells of those that were committed, and of nothing else; on both databases."""

import pytest

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.drafts import patching
from livermore.settings.patch import PathPatch
from livermore.settings.ports import Authorship
from livermore.settings.service import SettingsService
from livermore.settings.told import ToldStore

BY = Authorship(author="jesse", source="api")
NOBODY = Scope(user_id=999_999, identity_sub="nobody")


async def test_each_committed_write_is_told_once_it_can_be_read(
    database: Database, clock: ManualClock, jesse: Scope
) -> None:
    told: list[Scope] = []
    store = ToldStore(SqlSettingsStore(database, clock), told.append)
    service = SettingsService(store)
    first = await service.newest_revision(jesse)
    quieter = patching(PathPatch(("alerts", "enabled"), value=False))
    assert (await service.write(jesse, quieter, BY)).revision == first + 1
    assert told == [jesse]
    assert await service.newest_revision(jesse) == first + 1
    await service.write(jesse, quieter, BY)
    with pytest.raises(ConflictError):
        await service.write(jesse, patching(PathPatch(("symbols",), value=[])), BY, expected=first)
    assert told == [jesse]
    assert [one.revision for one in await service.history(jesse, limit=1)] == [first + 1]
    assert (await service.revision(jesse, first + 1)).document["alerts"]["enabled"] is False


async def test_nobody_has_no_newest_revision(database: Database, clock: ManualClock) -> None:
    with pytest.raises(NotFoundError):
        await SqlSettingsStore(database, clock).newest_revision(NOBODY)
