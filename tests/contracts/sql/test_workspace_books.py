"""Preferences and workspaces are kept alike by SQLite and PostgreSQL."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from livermore.adapters.sql import Database, SqlPreferenceBook, SqlWorkspaceBook
from livermore.adapters.sql.tables import app_settings
from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import InvalidError, LivermoreError
from livermore.kernel.scope import Scope
from livermore.workspace.folder import Workspace
from livermore.workspace.preference import INSTALLATION, LARGEST_IN_ALL, LARGEST_VALUE, LONGEST_KEY, MOST
from livermore.workspace.row import HowOpened, WorkspaceRow
from livermore.workspace.service import PreferenceService, WorkspaceService

from .conftest import NOON

ODD_KEYS = ["a/b/../c", "100 %41 %2F", "žluťoučký 🐎", "a?b#c&d=e", "'; DROP TABLE users; --", " ", ".", "%"]
ODD_VALUES = ["", " ", "\n\t", "🐎" * 100, '{"a": [1, null]}', "null", "%s %(key)s :key", "\x01\x7f"]


@pytest.fixture
def preferences(database: Database, clock: ManualClock) -> PreferenceService:
    return PreferenceService(SqlPreferenceBook(database, clock))


async def test_what_is_absent_is_null(preferences: PreferenceService, jesse: Scope) -> None:
    found = await preferences.get(jesse, "theme")
    assert (found.key, found.value, found.updated_at) == ("theme", None, None)
    assert await preferences.all(jesse) == []
    assert await preferences.delete(jesse, "theme") is False


async def test_setting_again_replaces_and_stamps(
    preferences: PreferenceService, jesse: Scope, clock: ManualClock
) -> None:
    first = await preferences.set(jesse, "theme", "dark")
    assert first == await preferences.get(jesse, "theme")
    assert (first.value, first.updated_at) == ("dark", rfc3339(NOON))
    await clock.advance(60)
    again = await preferences.set(jesse, "theme", "")
    assert (again.value, again.updated_at) == ("", rfc3339(NOON + 60_000))
    assert await preferences.all(jesse) == [again]
    assert await preferences.delete(jesse, "theme") is True
    assert await preferences.delete(jesse, "theme") is False
    assert (await preferences.get(jesse, "theme")).value is None


@pytest.mark.parametrize("value", ODD_VALUES)
async def test_any_text_comes_back(preferences: PreferenceService, jesse: Scope, value: str) -> None:
    await preferences.set_all(jesse, dict.fromkeys(ODD_KEYS, value))
    assert [one.key for one in await preferences.all(jesse)] == sorted(ODD_KEYS)
    for key in ODD_KEYS:
        assert (await preferences.get(jesse, key)).value == value
        assert await preferences.delete(jesse, key) is True


async def test_one_users_preferences_are_not_anothers(
    preferences: PreferenceService, jesse: Scope, edwin: Scope
) -> None:
    await preferences.set(jesse, "theme", "dark")
    assert await preferences.all(edwin) == []
    assert await preferences.delete(edwin, "theme") is False
    await preferences.set(edwin, "theme", "light")
    assert (await preferences.get(jesse, "theme")).value == "dark"
    assert [one.value for one in await preferences.all(edwin)] == ["light"]


async def test_the_installation_counts_for_whoever_has_no_own(
    preferences: PreferenceService, jesse: Scope, edwin: Scope, database: Database
) -> None:
    for value in ("light", "dark"):
        await preferences.set(INSTALLATION, "theme", value)
    await preferences.set(INSTALLATION, "zone", "UTC")
    await preferences.set(jesse, "theme", "")
    assert {one.key: one.value for one in await preferences.all(jesse)} == {"theme": "", "zone": "UTC"}
    assert (await preferences.get(jesse, "theme")).value == ""
    assert (await preferences.get(edwin, "theme")).value == "dark"
    assert [one.key for one in await preferences.of(jesse)] == ["theme"]
    assert await preferences.delete(jesse, "zone") is False
    assert await preferences.delete(jesse, "theme") is True
    assert (await preferences.get(jesse, "theme")).value == "dark"
    assert await preferences.delete(INSTALLATION, "theme") is True
    assert [one.key for one in await preferences.of(INSTALLATION)] == ["zone"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("", "x", "the key is empty"),
        ("k" * (LONGEST_KEY + 1), "x", "201 characters"),
        ("two\nlines", "x", "control character"),
        ("nul\0", "x", "NUL"),
        ("half \ud800", "x", "half of a character"),
        ("k", "nul\0", "NUL"),
        ("k", "half \udfff", "half of a character"),
        ("k", "é" * (LARGEST_VALUE // 2) + "x", f"{LARGEST_VALUE + 1:,} bytes"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_stored(
    preferences: PreferenceService, jesse: Scope, key: str, value: str, said: str
) -> None:
    with pytest.raises(InvalidError, match=said):
        await preferences.set_all(jesse, {"good": "x", key: value})
    assert await preferences.all(jesse) == []


async def test_the_largest_that_fits_is_kept(preferences: PreferenceService, jesse: Scope) -> None:
    key, value = "é" * LONGEST_KEY, "é" * (LARGEST_VALUE // 2)
    await preferences.set(jesse, key, value)
    assert (await preferences.get(jesse, key)).value == value


async def test_there_is_room_for_so_many_and_no_more(
    preferences: PreferenceService, jesse: Scope, edwin: Scope
) -> None:
    await preferences.set_all(jesse, {f"key {number}": "" for number in range(MOST)})
    with pytest.raises(InvalidError, match=f"no more than {MOST}"):
        await preferences.set_all(jesse, {"key 0": "changed", "one more": ""})
    assert (await preferences.get(jesse, "key 0")).value == ""
    await preferences.set(jesse, "key 0", "changed")
    await preferences.set(edwin, "one more", "")
    large = "x" * LARGEST_VALUE
    with pytest.raises(InvalidError, match=f"no more than {LARGEST_IN_ALL:,} bytes"):
        await preferences.set_all(edwin, {f"large {number}": large for number in range(5)})
    assert [one.key for one in await preferences.all(edwin)] == ["one more"]


async def test_many_that_write_at_once_do_not_get_more_room(
    preferences: PreferenceService, jesse: Scope
) -> None:
    async def fill(name: str) -> None:
        await preferences.set_all(jesse, {f"{name} {number}": "" for number in range(MOST // 3)})

    done = await asyncio.gather(*(fill(name) for name in "abcdef"), return_exceptions=True)
    assert [type(one) for one in done].count(InvalidError) == 3
    assert len(await preferences.all(jesse)) == 3 * (MOST // 3)


async def test_an_import_that_fails_half_way_stores_nothing(
    preferences: PreferenceService, jesse: Scope, database: Database
) -> None:
    await preferences.set(jesse, "a", "before")
    unknown = Scope(user_id=10_000, identity_sub="nobody")
    with pytest.raises(LivermoreError):
        await preferences.set_all(unknown, {"a": "1", "b": "2"})
    assert await count_of(database, jesse) == 1
    assert (await preferences.get(jesse, "a")).value == "before"


async def count_of(database: Database, scope: Scope) -> int:
    async with database.reading(scope) as connection:
        query = select(func.count()).select_from(app_settings)
        return int((await connection.execute(query)).scalar_one())


def folder(path: str) -> Workspace:
    return Workspace(Path(path))


class Notes:
    """Remember notes, or refuse to."""

    def __init__(self) -> None:
        self.rows: list[WorkspaceRow] = []
        self.refuses = False

    def put(self, row: WorkspaceRow) -> None:
        if self.refuses:
            raise PermissionError("no state is kept here")
        self.rows = [row, *self.rows]

    def all(self) -> list[WorkspaceRow]:
        return self.rows


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def workspaces(database: Database, notes: Notes, clock: ManualClock) -> WorkspaceService:
    return WorkspaceService(SqlWorkspaceBook(database), notes, clock)


async def test_a_folder_is_remembered_once_with_its_newest_opening(
    workspaces: WorkspaceService, clock: ManualClock
) -> None:
    await workspaces.opened(folder("/markets/first"), HowOpened(source="demo", speed=60.0))
    await clock.advance(1)
    await workspaces.opened(folder("/markets/second"), HowOpened())
    await clock.advance(1)
    again = await workspaces.opened(folder("/markets/first"), HowOpened(source="replay", files=("/a.csv",)))
    assert again.last_opened == NOON + 2_000
    rows = await workspaces.all(everywhere=False)
    assert [(row.name, row.last_opened) for row in rows] == [
        ("first", NOON + 2_000),
        ("second", NOON + 1_000),
    ]
    assert rows[0] == again
    assert rows[1].config == HowOpened()


async def test_those_of_other_databases_are_listed_where_they_may_be(
    workspaces: WorkspaceService, notes: Notes
) -> None:
    here = await workspaces.opened(folder("/markets/here"), HowOpened())
    elsewhere = WorkspaceRow(project_dir="/markets/elsewhere", name="elsewhere", last_opened=NOON + 1)
    notes.put(elsewhere)
    assert await workspaces.all(everywhere=False) == [here]
    assert await workspaces.all(everywhere=True) == [elsewhere, here]


async def test_a_home_that_cannot_be_written_keeps_nobody_from_watching(
    workspaces: WorkspaceService, notes: Notes
) -> None:
    notes.refuses = True
    row = await workspaces.opened(folder("/markets/here"), HowOpened())
    assert await workspaces.all(everywhere=True) == [row]
