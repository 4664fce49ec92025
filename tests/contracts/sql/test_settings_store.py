"""The contract of `SettingsStore`: one writer after another, nothing lost, no more written than changes."""

import asyncio
import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, select

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.adapters.sql.tables import settings_revisions, users
from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import ConflictError, InvalidError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.document import SettingsDocument
from livermore.settings.ports import Authorship, Rewrite, StoredSettings
from livermore.settings.tree import MISSING, drop, put, same
from livermore.settings.upgrade import read_settings
from tests.contracts.sql.conftest import NOON

NOBODY = Scope(user_id=404, identity_sub="nobody")
BY = Authorship(author="jesse", source="api", reason="because")
PLAIN = SettingsDocument(version=2)
ODD_KEYS = [
    "a", "a.b", "a,b", "{a}", 'a"b', "a\\b", "a\nb", "", " ", "ü", "😀", "0", "-", "[0]", "$", "#", "'", "~",
    "/", "null", "x" * 300,
]  # fmt: skip


def becoming(document: Any, meaning: SettingsDocument = PLAIN) -> Callable[[StoredSettings], Rewrite]:
    """Return a rewriting that makes one document of any."""
    return lambda _: Rewrite(document=document, diff=[], meaning=meaning)


def with_value(path: tuple[Any, ...], value: Any) -> Callable[[StoredSettings], Rewrite]:
    """Return a rewriting that puts a value, or drops it."""

    def rewriting(stored: StoredSettings) -> Rewrite:
        rest = drop(stored.document, path) if value is MISSING else put(stored.document, path, value)
        return Rewrite(document=rest, diff=[{"op": "add", "path": str(path)}], meaning=PLAIN)

    return rewriting


@pytest.fixture
def store(database: Database, clock: ManualClock) -> SqlSettingsStore:
    return SqlSettingsStore(database, clock)


async def test_every_revision_is_kept_with_what_is_known_of_it(
    store: SqlSettingsStore, clock: ManualClock, jesse: Scope
) -> None:
    assert msgspec.to_builtins(await store.current(jesse)) == {
        "document": {"version": 1}, "revision": 1, "updated_at": rfc3339(NOON),
    }  # fmt: skip
    await clock.advance(60)
    rewrite = Rewrite(document={"version": 2, "symbols": []}, diff=[{"op": "add"}], meaning=PLAIN)
    stored = await store.revise(jesse, lambda _: rewrite, BY)
    assert stored == StoredSettings(document=rewrite.document, revision=2, updated_at=rfc3339(NOON + 60_000))
    assert await store.current(jesse) == stored
    newest, first = await store.history(jesse)
    assert msgspec.to_builtins(newest) == {
        "revision": 2, "author": "jesse", "source": "api", "reason": "because",
        "created_at": rfc3339(NOON + 60_000), "diff": [{"op": "add"}],
    }  # fmt: skip
    assert (first.revision, first.author, first.reason) == (1, "system", None)
    assert (await store.revision(jesse, 2)).document == rewrite.document
    assert (await store.revision(jesse, 1)).document == {"version": 1}
    with pytest.raises(NotFoundError, match="no revision 3"):
        await store.revision(jesse, 3)


async def test_the_installation_writes_whole_documents(store: SqlSettingsStore, jesse: Scope) -> None:
    document = {"version": 2, "alerts": {"enabled": False}}
    await store.write(jesse, document, author="system", source="system", reason="first start")
    assert (await store.current(jesse)).document == document
    (newest, _) = await store.history(jesse)
    assert newest.diff == [
        {"op": "add", "path": "alerts", "from": None, "to": {"enabled": False}},
        {"op": "change", "path": "version", "from": 1, "to": 2},
    ]
    with pytest.raises(InvalidError):
        await store.write(jesse, {"version": 2, "wrong": 1}, author="system", source="system")


async def test_nothing_is_stored_without_a_rewrite(store: SqlSettingsStore, jesse: Scope) -> None:
    assert await store.revise(jesse, lambda _: None, BY) is None
    assert (await store.current(jesse)).revision == 1
    assert len(await store.history(jesse)) == 1


async def test_an_error_on_the_way_leaves_everything_as_it_was(store: SqlSettingsStore, jesse: Scope) -> None:
    def rewriting(_: StoredSettings) -> Rewrite:
        raise InvalidError("no")

    before = await store.current(jesse)
    with pytest.raises(InvalidError):
        await store.revise(jesse, rewriting, BY)
    with pytest.raises(InvalidError):
        await store.revise(jesse, with_value(("a",), math.nan), BY)
    assert await store.current(jesse) == before
    assert len(await store.history(jesse)) == 1


async def test_a_revision_that_moved_is_a_conflict(store: SqlSettingsStore, jesse: Scope) -> None:
    assert await store.revise(jesse, with_value(("a",), 1), BY, expected=1)
    for expected in (1, 3, 0):
        with pytest.raises(ConflictError) as refused:
            await store.revise(jesse, with_value(("a",), 2), BY, expected=expected)
        assert refused.value.hint
    assert (await store.current(jesse)).document == {"version": 1, "a": 1}


async def test_settings_of_nobody_are_not_found(store: SqlSettingsStore) -> None:
    with pytest.raises(NotFoundError):
        await store.current(NOBODY)
    with pytest.raises(NotFoundError):
        await store.revise(NOBODY, becoming({}), BY)
    with pytest.raises(NotFoundError):
        await store.write(NOBODY, {}, author="x", source="api")
    assert await store.history(NOBODY) == []


async def test_one_users_settings_are_not_anothers(
    store: SqlSettingsStore, jesse: Scope, edwin: Scope
) -> None:
    await store.revise(edwin, with_value(("canary",), True), BY)
    mine = await store.current(jesse)
    assert (mine.document, mine.revision) == ({"version": 1}, 1)
    assert "canary" not in json.dumps(msgspec.to_builtins(await store.history(jesse)))
    with pytest.raises(NotFoundError):
        await store.revision(jesse, 2)


async def test_history_is_read_in_pages(store: SqlSettingsStore, jesse: Scope) -> None:
    for number in range(5):
        await store.revise(jesse, with_value(("n",), number), BY)
    first = await store.history(jesse, limit=4)
    rest = await store.history(jesse, before=first[-1].revision, limit=4)
    assert [each.revision for each in first + rest] == [6, 5, 4, 3, 2, 1]


async def test_numbers_of_a_document_keep_value_and_type(store: SqlSettingsStore, jesse: Scope) -> None:
    numbers = [0.1, 1.0, 1, 1e16, 1e22, -1e300, 1.7976931348623157e308, 5e-324, 2**63, 0.1 + 0.2]
    await store.revise(jesse, with_value(("numbers",), numbers), BY)
    assert repr((await store.current(jesse)).document["numbers"]) == repr(numbers)
    await store.revise(jesse, with_value(("numbers", 2), 7), BY)
    assert repr((await store.current(jesse)).document["numbers"]) == repr([*numbers[:2], 7, *numbers[3:]])


@pytest.mark.parametrize("wrong", [math.nan, math.inf, "\ud800", object()])
async def test_what_is_no_json_is_refused(store: SqlSettingsStore, jesse: Scope, wrong: object) -> None:
    with pytest.raises(InvalidError):
        await store.revise(jesse, with_value(("wrong",), wrong), BY)
    with pytest.raises(InvalidError):
        await store.revise(jesse, becoming({f"key {number}": wrong for number in range(40)}), BY)


# ---------------------------------------------------------------- writing no more than what changes


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("value", [None, True, 1.5, 'a"b', [1, {"a": None}], {"": {}}])
async def test_any_key_is_written_replaced_and_removed(
    store: SqlSettingsStore, jesse: Scope, key: str, value: Any
) -> None:
    others = {other: {"kept": [other]} for other in ODD_KEYS if other != key}
    await store.revise(jesse, becoming({"version": 1, "of": others, **others}), BY)
    model: Any = (await store.current(jesse)).document
    for path, written in [
        ((key,), value),
        ((key,), {"inner": [value]}),
        (("of", key), value),
        (("of", key), {key: value}),
        (("of", key, key), [value, 2]),
        (("of", key, key, "-"), value),
        (("of", key, key, 0), {key: value}),
        (("of", key, key, 0, key), 7),
        (("of", key, key, 1), MISSING),
        (("of", key), MISSING),
        ((key,), MISSING),
        (("new", key, "deep"), value),
    ]:
        await store.revise(jesse, with_value(path, written), BY)
        model = drop(model, path) if written is MISSING else put(model, path, written)
        stored = (await store.current(jesse)).document
        assert same(stored, model), path


def random_value(chance: random.Random, depth: int = 0) -> Any:
    """Invent a JSON value."""
    kind = chance.randrange(6 if depth < 3 else 4)
    if kind == 4:
        return [random_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 5:
        return {chance.choice(ODD_KEYS): random_value(chance, depth + 1) for _ in range(chance.randrange(4))}
    return [None, chance.random() < 0.5, chance.choice([0, -3, 2.5, 1e20]), chance.choice(ODD_KEYS)][kind]


def random_path(chance: random.Random, tree: Any) -> tuple[Any, ...]:
    """Choose a place in a tree, or one where something new may stand."""
    path: list[Any] = []
    while isinstance(tree, dict | list) and (not path or chance.random() < 0.7):
        steps = [*tree, chance.choice(ODD_KEYS)] if isinstance(tree, dict) else [*range(len(tree)), "-"]
        path.append(chance.choice(steps))
        tree = tree.get(path[-1]) if isinstance(tree, dict) else (tree[path[-1]] if path[-1] != "-" else None)
    return tuple(path)


@pytest.mark.parametrize("seed", range(6))
async def test_a_walk_of_random_writes_leads_where_the_model_does(
    store: SqlSettingsStore, jesse: Scope, seed: int
) -> None:
    chance = random.Random(seed)
    model: Any = {"version": 1}
    for _ in range(60):
        if chance.random() < 0.1:
            model = {"version": 1, "new": random_value(chance)}
            await store.revise(jesse, becoming(model), BY)
        else:
            path, value = random_path(chance, model), random_value(chance)
            model = put(model, path, value)
            await store.revise(jesse, with_value(path, value), BY)
        stored = await store.current(jesse)
        assert same(stored.document, model)
        assert same((await store.revision(jesse, stored.revision)).document, model)


class Statements:
    """Remember the UPDATEs of users."""

    def __init__(self) -> None:
        self.updates: list[str] = []

    def __call__(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("UPDATE users"):
            self.updates.append(statement)


@pytest.fixture
def statements(database: Database) -> Iterator[Statements]:
    seen = Statements()
    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", seen)
    yield seen
    event.remove(engine, "before_cursor_execute", seen)


async def test_a_patch_writes_its_path_in_the_database(
    store: SqlSettingsStore, jesse: Scope, statements: Statements
) -> None:
    await store.revise(jesse, with_value(("alerts", "levels"), [1, 2]), BY)
    await store.revise(jesse, with_value(("alerts", "levels", "-"), 3), BY)
    await store.revise(jesse, with_value(("alerts", "levels", 0), MISSING), BY)
    setting, appending, removing = statements.updates
    assert "jsonb_set(users.settings" in setting or "json_set(users.settings" in setting
    assert "jsonb_set(users.settings" in appending or "json_set(users.settings" in appending
    assert "users.settings #-" in removing or "json_remove(users.settings" in removing
    assert (await store.current(jesse)).document == {"version": 1, "alerts": {"levels": [2, 3]}}


# ---------------------------------------------------------------- projections


async def test_the_mode_and_the_accounts_are_written_with_the_document(
    store: SqlSettingsStore, database: Database, clock: ManualClock, jesse: Scope
) -> None:
    book = SqlExchangeAccountBook(database, clock)
    named = {
        "ApiKeyEnvironmentVariableName": "Coinbase_Key",
        "SecretEnvironmentVariableName": "Coinbase_Secret",
    }
    document: dict[str, Any] = {"version": 2, "exchanges": {"coinbase": named}}
    document["livermore_runtime"] = {"mode": "scalper-macdv"}
    await store.revise(jesse, becoming(document, read_settings(document)), BY)
    assert [(account.exchange, account.is_default) for account in await book.all(jesse)] == [
        ("coinbase", False)
    ]
    assert await mode_of(database, jesse) == "scalper-macdv"
    document = {**document, "perseus_profile": {"primary_exchange": "coinbase"}}
    await store.revise(jesse, becoming(document, read_settings(document)), BY)
    assert [account.is_default for account in await book.all(jesse)] == [True]
    await store.revise(jesse, becoming({"version": 2}), BY)
    assert await book.all(jesse) == []
    assert await mode_of(database, jesse) == "position-monitor"


async def mode_of(database: Database, scope: Scope) -> str | None:
    query = select(users.c.runtime_mode).where(users.c.id == scope.user_id)
    async with database.reading(scope) as connection:
        mode: str | None = (await connection.execute(query)).scalar_one()
    return mode


async def test_what_cannot_be_mirrored_is_not_stored(
    store: SqlSettingsStore, jesse: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise ConflictError

    monkeypatch.setattr(SqlExchangeAccountBook, "project", fail)
    with pytest.raises(ConflictError):
        await store.revise(jesse, with_value(("exchanges", "coinbase"), {}), BY)
    assert (await store.current(jesse)).revision == 1


# ---------------------------------------------------------------- many at once


WRITERS = 50


@pytest.fixture
async def stores(url: str, clock: ManualClock) -> Any:
    """Five processes' worth of stores on one database."""
    databases = [Database(url) for _ in range(5)]
    yield [SqlSettingsStore(database, clock) for database in databases]
    for database in databases:
        await database.close()


async def test_of_many_who_expect_the_same_revision_one_wins(
    stores: list[SqlSettingsStore], jesse: Scope
) -> None:
    async def write(number: int) -> int:
        store = stores[number % len(stores)]
        await store.revise(jesse, with_value(("winner",), number), BY, expected=1)
        return number

    outcomes = await asyncio.gather(*map(write, range(WRITERS)), return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
    assert (len(winners), len(losers)) == (1, WRITERS - 1)
    stored = await stores[0].current(jesse)
    assert (stored.revision, stored.document["winner"]) == (2, winners[0])


async def test_of_many_who_expect_nothing_all_win(stores: list[SqlSettingsStore], jesse: Scope) -> None:
    each = 8

    async def write(number: int) -> None:
        store = stores[number % len(stores)]
        for step in range(each):
            await store.revise(jesse, with_value((f"w{number}",), step), BY)
            await store.revise(jesse, with_value(("log", "-"), [number, step]), BY)

    await asyncio.gather(*map(write, range(WRITERS)))
    stored = await stores[0].current(jesse)
    assert stored.revision == 1 + WRITERS * each * 2
    assert all(stored.document[f"w{number}"] == each - 1 for number in range(WRITERS))
    log = stored.document["log"]
    assert sorted(log) == [[number, step] for number in range(WRITERS) for step in range(each)]
    async with stores[0]._database.reading(jesse) as connection:
        numbers = select(settings_revisions.c.revision).order_by(settings_revisions.c.revision)
        kept = list((await connection.execute(numbers)).scalars())
    assert kept == list(range(1, stored.revision + 1))
