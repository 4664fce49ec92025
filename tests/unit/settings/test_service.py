"""The service: reading with defaults, and writing only what fits, exists and changes something."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livermore.kernel.errors import (
    ConflictError,
    ExchangeUnreachableError,
    InvalidError,
    NewerFormatError,
    NotFoundError,
)
from livermore.kernel.scope import Scope
from livermore.settings.drafts import patching, replacing
from livermore.settings.patch import JsonPatch, MergePatch, PathPatch, patched
from livermore.settings.path import read_path
from livermore.settings.ports import Authorship
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.service import Change, SettingsService, watched_symbols
from livermore.settings.tree import look, same
from livermore.settings.upgrade import read_settings
from tests.unit.settings.standin import BY, JESSE, NINE, Listings, MemoryStore
from tests.unit.settings.test_document import DEFAULTS, FULL, documents
from tests.unit.settings.test_upgrade import DESK

WATCHING = {
    "version": 2,
    "perseus_profile": {"primary_exchange": "coinbase"},
    "symbols": ["BTC-USD", "ETH-USD"],
    "disabled_symbols": ["ETH-USD"],
}
SECRET = "A1b2" * 12


class Desk:
    """A service over a store in memory, and what stands around it."""

    def __init__(self, document: Any = None, environment: dict[str, str] | None = None) -> None:
        self.store = MemoryStore(document)
        self.listing = Listings()
        self.service = SettingsService(self.store, self.listing, environment)

    async def put(self, path: str, value: Any, **options: Any) -> Change:
        return await self.service.patch(JESSE, PathPatch(read_path(path), value), BY, **options)


@pytest.fixture
def desk() -> Desk:
    return Desk(dict(WATCHING))


def problems(refused: pytest.ExceptionInfo[SettingsProblemsError]) -> list[str]:
    return [f"{each['path']} {each['message']}" for each in refused.value.errors]


# ---------------------------------------------------------------- reading


async def test_current_is_the_newest_revision_upgraded_and_complete() -> None:
    current = await Desk({"version": 1}).service.current(JESSE)
    assert current.revision == 1
    assert current.updated_at == "2026-01-31T12:00:01.000Z"
    assert current.document == read_settings({"version": 2})
    assert current.warnings == ()


async def test_an_unknown_user_has_no_settings(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        await desk.service.current(Scope(user_id=2, identity_sub="other"))


# ---------------------------------------------------------------- writing


async def test_a_patch_changes_one_setting_and_says_what_it_did(desk: Desk) -> None:
    change = await desk.put("alerts.cooldown_seconds", 60)
    assert [one.plain() for one in change.diff] == [
        {"op": "change", "path": "alerts.cooldown_seconds", "from": 300, "to": 60}
    ]
    assert (change.revision, change.updated_at) == (2, "2026-01-31T12:00:02.000Z")
    assert change.before.alerts.cooldown_seconds == 300
    assert change.after.alerts.cooldown_seconds == 60
    assert desk.store.newest.document == {**WATCHING, "alerts": {"cooldown_seconds": 60}}
    assert desk.store.newest.diff == [one.plain() for one in change.diff]
    assert desk.listing.asked == []


async def test_all_three_kinds_of_patches_are_taken(desk: Desk) -> None:
    await desk.service.patch(JESSE, MergePatch({"scanner": {"enabled": True}}), BY)
    append = {"op": "add", "path": "/alerts/levels/-", "value": 500}
    await desk.service.patch(JESSE, JsonPatch((append,)), BY)
    await desk.put('exchanges["binance"].enabled', False)
    document = (await desk.service.current(JESSE)).document
    assert document.scanner.enabled
    assert document.alerts.levels[-1] == 500
    assert not document.exchanges["binance"].enabled


async def test_the_first_write_to_an_older_document_stores_the_whole_upgraded_one() -> None:
    desk = Desk({"version": 1, "scanner_exchange": "coinbase"})
    await desk.put("alerts.enabled", False)
    stored = desk.store.newest.document
    assert stored == {
        **DEFAULTS,
        "scanner_exchange": "coinbase",
        "alerts": {**DEFAULTS["alerts"], "enabled": False},
    }
    assert [one["path"] for one in desk.store.newest.diff] == ["alerts.enabled", "version"]


@pytest.mark.parametrize("document", [{"version": 1}, WATCHING])
async def test_what_changes_nothing_is_not_stored(document: Any) -> None:
    desk = Desk(document)
    for change in (
        await desk.put("alerts.cooldown_seconds", 300),
        await desk.put("positions.minimum_value", 2.0),
        await desk.service.replace(JESSE, read_settings(document).plain(), BY),
        await desk.service.replace(JESSE, document, BY),
        await desk.service.reset(JESSE, BY, paths=[("alerts",)]),
        (await desk.service.import_file(JESSE, await desk.service.export(JESSE, now=0), BY)).change,
    ):
        assert (change.diff, change.revision, change.before) == ((), 1, change.after)
    assert len(desk.store.revisions) == 1


async def test_who_expects_another_revision_is_refused(desk: Desk) -> None:
    await desk.put("scanner.limit", 5, expected=1)
    for write in (
        desk.put("scanner.limit", 6, expected=1),
        desk.service.replace(JESSE, WATCHING, BY, expected=1),
        desk.service.reset(JESSE, BY, expected=1),
        desk.service.import_file(JESSE, WATCHING, BY, expected=1),
        desk.service.rollback(JESSE, 1, BY, expected=1),
    ):
        with pytest.raises(ConflictError):
            await write
    assert len(desk.store.revisions) == 2


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("alerts.cooldown_seconds", -1, "alerts.cooldown_seconds must be greater than or equal to 0"),
        ("alerts.cooldwn_seconds", 1, "alerts.cooldwn_seconds is unknown"),
        ("alerts.enabled.deep", 1, "alerts.enabled is true or false and has nothing inside"),
        ("version", 3, "version cannot be patched"),
        ("sub", "other", "sub cannot be patched"),
        (
            "disabled_symbols.-",
            "SOL-USD",
            "disabled_symbols must be on the watchlist (symbols), and SOL-USD is not",
        ),
        ("timeframes", [], "timeframes must not be empty"),
    ],
)
async def test_what_does_not_fit_is_refused_and_not_stored(
    desk: Desk, path: str, value: Any, problem: str
) -> None:
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.put(path, value)
    assert problems(refused) == [problem]
    assert len(desk.store.revisions) == 1


async def test_a_secret_is_refused_without_repeating_it(desk: Desk) -> None:
    for write in (
        desk.put("exchanges.coinbase.SecretEnvironmentVariableName", SECRET),
        desk.put(f"exchanges.coinbase.{SECRET}", True),
        desk.service.replace(JESSE, {"version": 2, "exchanges": {SECRET: {}}}, BY),
        desk.service.import_file(JESSE, json.dumps({SECRET: 1}), BY),
    ):
        with pytest.raises(SettingsProblemsError) as refused:
            await write
        assert SECRET not in f"{refused.value} {refused.value.hint} {refused.value.errors}"
    assert SECRET not in str(desk.store.revisions)


async def test_a_document_belongs_to_its_user(desk: Desk) -> None:
    assert (await desk.service.replace(JESSE, {**WATCHING, "sub": "local"}, BY)).after.sub == "local"
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.service.replace(JESSE, {**WATCHING, "sub": "auth0|other"}, BY)
    assert problems(refused) == ["sub is another user's"]
    assert "auth0" not in str(refused.value)


async def test_a_newer_document_is_refused_as_what_it_is(desk: Desk) -> None:
    for write in (
        desk.service.replace(JESSE, {"version": 3}, BY),
        desk.service.import_file(JESSE, {"version": 3}, BY),
        desk.service.import_file(JESSE, {"version": 3}, BY, drop_unknown=True),
    ):
        with pytest.raises(SettingsProblemsError) as refused:
            await write
        assert problems(refused) == ["version is newer than this Livermore knows"]


async def test_what_cannot_be_read_any_more_can_only_be_replaced_whole() -> None:
    broken = {"version": 2, "of_old": 1, "scanner": {"limit": "many"}}
    recoveries: list[Callable[[Desk], Awaitable[Any]]] = [
        lambda desk: desk.service.reset(JESSE, BY),
        lambda desk: desk.service.import_file(JESSE, {"scanner": {"limit": 3}}, BY),
        lambda desk: desk.service.rollback(JESSE, 1, BY),
    ]
    for recover in recoveries:
        desk = Desk({"version": 2, "scanner": {"limit": 7}})
        desk.store.revisions.append(desk.store._revision(2, broken, [], BY))
        for work in (
            desk.service.current(JESSE),
            desk.put("scanner.limit", 3),
            desk.service.replace(JESSE, {}, BY),
            desk.service.reset(JESSE, BY, paths=[("scanner",)]),
        ):
            with pytest.raises(SettingsProblemsError):
                await work
        await recover(desk)
        assert desk.store.newest.revision == 3
        assert desk.store.newest.document == (await desk.service.current(JESSE)).document.plain()


async def test_what_a_newer_livermore_stored_is_left_alone() -> None:
    desk = Desk({"version": 3, "of_the_future": 1})
    for work in (
        desk.service.current(JESSE),
        desk.put("scanner.limit", 3),
        desk.service.replace(JESSE, {}, BY),
        desk.service.reset(JESSE, BY),
        desk.service.import_file(JESSE, {}, BY),
    ):
        with pytest.raises(NewerFormatError):
            await work
    assert [one.document for one in desk.store.revisions] == [{"version": 3, "of_the_future": 1}]


@pytest.mark.parametrize("reason", ["x" * 1001, "a\0b", "\ud800"])
async def test_a_reason_must_be_storable(desk: Desk, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        await desk.service.replace(JESSE, {}, Authorship(author="x", source="ui", reason=reason))
    assert refused.value.where == "reason"


# ---------------------------------------------------------------- what exists


async def test_only_new_symbols_are_looked_up(desk: Desk) -> None:
    await desk.put("symbols.-", "SOL-USD")
    await desk.put("symbols.-", "binance:BTCUSDT")
    await desk.put("symbols", ["BTC-USD", "ETH-USD"])
    assert desk.listing.asked == [("coinbase", ("SOL-USD",)), ("binance", ("BTCUSDT",))]


async def test_what_does_not_exist_is_refused_all_at_once(desk: Desk) -> None:
    document = {
        **WATCHING,
        "exchanges": {"coinbse": {}, "kraken": {}},
        "scanner_exchange": "nowhere",
        "symbols": ["BTC-USD", "ETH-USD", "BTCUSD", "kraken:XBT", "binance:BTCUSDT", "binance:NOPE"],
    }
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.service.replace(JESSE, document, BY)
    assert problems(refused) == [
        "exchanges.coinbse names coinbse, which is no exchange known here",
        "exchanges.kraken names kraken, which is no exchange known here",
        "scanner_exchange names nowhere, which is no exchange known here",
        "symbols.2 is not there: unknown",
        "symbols.5 is not there: unknown",
    ]
    suggestions = [each.get("suggestion") for each in refused.value.errors]
    assert suggestions == ["coinbase", None, None, "BTC-USD", None]
    assert len(desk.store.revisions) == 1


async def test_a_symbol_of_an_exchange_that_is_gone_is_refused(desk: Desk) -> None:
    gone = Desk({"version": 2, "exchanges": {"kraken": {}}, "symbols": ["kraken:XBT"]})
    await gone.put("scanner.limit", 3)
    with pytest.raises(SettingsProblemsError, match=r"no exchange known here \(symbols.1\)"):
        await gone.put("symbols.-", "kraken:ETH")


async def test_timeframes_must_be_the_exchanges_own(desk: Desk) -> None:
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.put("symbols.-", "hourly:BTC-USD")
    assert problems(refused)[0] == "timeframes.0 is 1m, which hourly does not offer"
    await desk.put("timeframes", ["1h", "1d"])
    await desk.put("symbols.-", "hourly:BTC-USD")
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.put("timeframes.-", "2h")
    assert problems(refused) == ["timeframes.2 is 2h, which hourly does not offer"]


async def test_nothing_unverified_is_stored_while_an_exchange_is_down(desk: Desk) -> None:
    desk.listing.down = {"coinbase"}
    with pytest.raises(ExchangeUnreachableError):
        await desk.put("symbols.-", "SOL-USD")
    await desk.put("scanner.limit", 3)
    assert len(desk.store.revisions) == 2


async def test_without_a_listing_nothing_new_is_named() -> None:
    service = SettingsService(MemoryStore(dict(WATCHING)))
    with pytest.raises(InvalidError) as refused:
        await service.patch(JESSE, PathPatch(("symbols", "-"), "SOL-USD"), BY)
    assert refused.value.where == "symbols.2"
    assert (await service.patch(JESSE, PathPatch(("scanner", "limit"), 3), BY)).revision == 2


async def test_what_was_added_meanwhile_is_kept_when_names_are_looked_up(desk: Desk) -> None:
    """The lookup happens outside the transaction: another writer may come first."""
    unlisted = desk.listing.unlisted

    async def interrupted(exchange: str, symbols: Any) -> Any:
        desk.listing.unlisted = unlisted  # type: ignore[method-assign]
        await desk.put("symbols.-", "DOGE-USD")
        return await unlisted(exchange, symbols)

    desk.listing.unlisted = interrupted  # type: ignore[method-assign]
    await desk.put("symbols.-", "SOL-USD")
    assert (await desk.service.current(JESSE)).document.symbols[2:] == ("DOGE-USD", "SOL-USD")


async def test_variables_that_do_not_resolve_are_a_warning() -> None:
    desk = Desk(dict(WATCHING), environment={"Coinbase_ApiKeyId": "x", "EMPTY": " "})
    access = {"ApiKeyEnvironmentVariableName": "Coinbase_ApiKeyId", "SecretEnvironmentVariableName": "EMPTY"}
    change = await desk.put("exchanges.coinbase", access)
    (warning,) = change.warnings
    assert warning.path == "exchanges.coinbase.SecretEnvironmentVariableName"
    assert "EMPTY" in warning.message
    assert "EMPTY" in warning.hint
    await desk.put("alerts.routes.-", {"channel": "webhook", "url_environment_variable": "DESK_URL"})
    current = await desk.service.current(JESSE)
    assert [each.path for each in current.warnings] == [
        warning.path,
        "alerts.routes.0.url_environment_variable",
    ]


# ---------------------------------------------------------------- the primary exchange


async def test_another_primary_exchange_leaves_symbols_where_they_are(desk: Desk) -> None:
    before = (await desk.service.current(JESSE)).document
    after = (await desk.put("perseus_profile.primary_exchange", "binance")).after
    assert after.symbols == ("coinbase:BTC-USD", "coinbase:ETH-USD")
    assert after.disabled_symbols == ("coinbase:ETH-USD",)
    assert watched_symbols(after) == watched_symbols(before)
    assert desk.listing.asked == []


async def test_names_that_come_with_the_new_primary_exchange_are_its_own(desk: Desk) -> None:
    document = {
        "version": 2,
        "perseus_profile": {"primary_exchange": "binance"},
        "symbols": ["BTCUSDT", "BTC-USD", "binance:BTC-USD"],
    }
    after = (await desk.service.replace(JESSE, document, BY)).after
    assert after.symbols == ("BTCUSDT", "coinbase:BTC-USD", "binance:BTC-USD")


async def test_the_first_primary_exchange_gives_plain_names_their_place() -> None:
    desk = Desk({"version": 2, "symbols": ["BTC-USD"]})
    after = (await desk.put("perseus_profile.primary_exchange", "coinbase")).after
    assert after.symbols == ("BTC-USD",)
    assert desk.listing.asked == [("coinbase", ("BTC-USD",))]


@pytest.mark.parametrize("symbols", [None, "BTC-USD", [None, 1, {}], {"a": 1}])
async def test_a_malformed_watchlist_is_refused_with_a_new_primary_exchange_too(
    desk: Desk, symbols: Any
) -> None:
    draft = {"version": 2, "perseus_profile": {"primary_exchange": "binance"}, "symbols": symbols}
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.service.replace(JESSE, draft, BY)
    assert refused.value.errors[0]["path"].startswith("symbols")


# ---------------------------------------------------------------- history


async def test_history_and_differences(desk: Desk) -> None:
    await desk.put("symbols.-", "SOL-USD")
    await desk.put("scanner.limit", 3)
    assert [one.revision for one in await desk.service.history(JESSE, limit=2)] == [3, 2]
    assert (await desk.service.revision(JESSE, 1)).document == WATCHING
    found = [one.plain() for one in await desk.service.diff(JESSE, 3, 1)]
    assert found == [
        {"op": "change", "path": "scanner.limit", "from": 3, "to": 50},
        {"op": "remove", "path": "symbols", "from": "SOL-USD", "to": None},
    ]
    assert await desk.service.diff(JESSE, 2, 2) == []
    with pytest.raises(NotFoundError):
        await desk.service.diff(JESSE, 1, 9)


async def test_a_revision_that_fits_no_more_can_still_be_read(desk: Desk) -> None:
    desk.store.revisions[0].document["of_old"] = 1
    await desk.service.history(JESSE)
    desk.store.revisions.append(desk.store._revision(2, {"version": 2}, [], BY))
    assert "of_old" in [one.path[0] for one in await desk.service.diff(JESSE, 2, 1)]


async def test_rollback_returns_to_an_earlier_revision_as_a_new_one(desk: Desk) -> None:
    before = (await desk.service.current(JESSE)).document
    await desk.put("alerts.enabled", False)
    await desk.put("scanner.limit", 3)
    change = await desk.service.rollback(JESSE, 1, BY)
    assert change.after == before
    assert change.revision == 4
    assert (desk.store.newest.source, desk.store.newest.reason) == ("rollback", "back to revision 1")
    assert len(desk.store.revisions) == 4


async def test_rollback_of_some_settings_leaves_the_others(desk: Desk) -> None:
    await desk.put("alerts.enabled", False)
    await desk.put("scanner.limit", 3)
    await desk.put("perseus_profile.public_name", "The desk")
    by = Authorship(author="jesse", source="ui", reason="too quiet")
    change = await desk.service.rollback(
        JESSE, 1, by, paths=[("alerts",), ("perseus_profile", "public_name")]
    )
    assert change.after.alerts.enabled
    assert change.after.perseus_profile.public_name is None
    assert change.after.scanner.limit == 3
    assert desk.store.newest.reason == "too quiet"


async def test_a_rollback_that_changes_nothing_is_a_conflict(desk: Desk) -> None:
    await desk.put("alerts.enabled", False)
    for options in ({"revision": 2}, {"revision": 1, "paths": [("scanner",)]}):
        with pytest.raises(ConflictError) as refused:
            await desk.service.rollback(JESSE, by=BY, **options)
        assert refused.value.hint
    assert len(desk.store.revisions) == 2


async def test_a_rollback_is_checked_like_any_write(desk: Desk) -> None:
    desk.store.revisions.append(desk.store._revision(2, {"version": 2}, [], BY))
    desk.store.revisions[0].document["symbols"] = ["GONE-USD"]
    desk.store.revisions[0].document["disabled_symbols"] = []
    with pytest.raises(SettingsProblemsError, match=r"symbols\.0"):
        await desk.service.rollback(JESSE, 1, BY)
    desk.store.revisions[0].document["of_old"] = 1
    with pytest.raises(SettingsProblemsError, match="of_old"):
        await desk.service.rollback(JESSE, 1, BY)
    with pytest.raises(NotFoundError):
        await desk.service.rollback(JESSE, 9, BY)


async def test_a_rollback_brings_symbols_back_to_the_exchange_they_had(desk: Desk) -> None:
    before = (await desk.service.current(JESSE)).document
    document = {"version": 2, "perseus_profile": {"primary_exchange": "hourly"}, "timeframes": ["1h"]}
    await desk.service.replace(JESSE, document, BY)
    await desk.put("symbols.-", "BTC-USD")
    assert (await desk.service.rollback(JESSE, 1, BY)).after == before


@pytest.mark.parametrize(
    "path", ["nonsense", "alerts.nonsense", "exchanges.coinbase.nonsense", "version", "sub", ""]
)
async def test_a_path_that_names_no_setting_is_refused(desk: Desk, path: str) -> None:
    await desk.put("alerts.enabled", False)
    for write in (
        desk.service.rollback(JESSE, 1, BY, paths=[read_path(path)]),
        desk.service.reset(JESSE, BY, paths=[read_path(path)]),
    ):
        with pytest.raises(SettingsProblemsError):
            await write


# ---------------------------------------------------------------- reset


async def test_a_reset_leaves_whose_it_is_and_the_primary_exchange(desk: Desk) -> None:
    await desk.service.replace(JESSE, {**WATCHING, "sub": "local", "alerts": {"enabled": False}}, BY)
    after = (await desk.service.reset(JESSE, BY)).after
    assert after == read_settings({"sub": "local", "perseus_profile": {"primary_exchange": "coinbase"}})
    assert desk.store.newest.source == "reset"


async def test_a_reset_of_some_settings_leaves_the_others(desk: Desk) -> None:
    await desk.service.replace(JESSE, {**FULL, "sub": "local", "exchanges": {}, "symbols": [],
        "disabled_symbols": [], "timeframes": ["1h"]}, BY)  # fmt: skip
    paths = ["alerts.quiet_hours", "perseus_profile.public_name", "scanner", "storage.keep_days.1m"]
    after = (await desk.service.reset(JESSE, BY, paths=[read_path(path) for path in paths])).after
    assert after.alerts.quiet_hours is None
    assert not after.alerts.enabled
    assert after.perseus_profile.public_name is None
    assert after.perseus_profile.locale == "de-DE"
    assert after.scanner == read_settings({}).scanner
    assert (after.plain()["storage"]["keep_days"]["1m"], after.plain()["storage"]["keep_days"]["30m"]) == (
        30,
        3,
    )


# ---------------------------------------------------------------- import and export


@pytest.mark.parametrize(
    "document", [{"version": 2}, {**FULL, "sub": "local", "symbols": [], "disabled_symbols": []}]
)
async def test_export_then_import_is_the_identity(document: Any) -> None:
    there, here = Desk(document), Desk()
    export = await there.service.export(JESSE, now=1_750_000_000_123)
    assert export["exportedAt"] == "2025-06-15T15:06:40.123Z"
    assert export["exportVersion"] == "1.0"
    text = json.dumps(export)
    if "binance_us" in text:
        with pytest.raises(SettingsProblemsError, match="binance_us"):
            await here.service.import_file(JESSE, text, BY)
        text = text.replace("binance_us", "binance")
        there = Desk(json.loads(json.dumps(document).replace("binance_us", "binance")))
    imported = await here.service.import_file(JESSE, text, BY)
    assert imported.change.after == (await there.service.current(JESSE)).document
    assert imported.dropped == ()
    again = await here.service.import_file(JESSE, text.encode(), BY)
    assert again.change.diff == ()


async def test_a_file_of_the_earlier_system_is_imported_with_a_report() -> None:
    desk = Desk()
    old = {**DESK, "exchanges": {"coinbase": DESK["exchanges"]["coinbase"]}, "disabledSymbols": ["BTC-USD"]}
    with pytest.raises(SettingsProblemsError) as refused:
        await desk.service.import_file(JESSE, old, BY)
    assert problems(refused) in (["sub is another user's"], ["disabledSymbols is unknown"])
    imported = await desk.service.import_file(JESSE, old, BY, drop_unknown=True)
    assert imported.dropped == ("disabledSymbols", "sub")
    assert imported.upgrade.version == 1
    assert {"alerts", "scanner", "storage"} <= set(imported.upgrade.added)
    after = imported.change.after
    assert after.symbols == ("BTC-USD", "ETH-USD", "SOL-USD")
    assert after.perseus_profile.timezone == "America/New_York"
    assert desk.store.newest.source == "import"


async def test_unknown_keys_are_dropped_wherever_they_are(desk: Desk) -> None:
    document = {
        "perseus_profile": {"nick": 1},
        "exchanges": {"coinbase": {"enabled": False, "apiKey": SECRET}},
        "alerts": {"routes": [{"channel": "webhook", "sound": 1, "events": {"other": "on"}}], "quiet_hours":
            {"from": "22:00", "to": "06:00", "days": []}},
    }  # fmt: skip
    imported = await desk.service.import_file(JESSE, document, BY, drop_unknown=True)
    assert set(imported.dropped) == {
        "perseus_profile.nick", "exchanges.coinbase.apiKey", "alerts.routes.0.sound",
        "alerts.routes.0.events.other", "alerts.quiet_hours.days",
    }  # fmt: skip
    assert SECRET not in str(desk.store.revisions)


async def test_a_file_nested_without_end_is_refused(desk: Desk) -> None:
    text = '{"version": 2, "scanner": {"enabled": ' + '{"a":' * 300 + "1" + "}" * 302
    for drop_unknown in (False, True):
        with pytest.raises(InvalidError, match="deeper"):
            await desk.service.import_file(JESSE, text, BY, drop_unknown=drop_unknown)


async def test_a_dry_run_says_what_would_happen_and_stores_nothing(desk: Desk) -> None:
    file = {"version": 1, "symbols": ["binance:BTCUSDT"], "perseus_profile": {"primary_exchange": "coinbase"}}
    imported = await desk.service.import_file(JESSE, file, BY, dry_run=True)
    assert [one.plain()["op"] for one in imported.change.diff] == ["remove", "remove", "remove", "add"]
    assert imported.change.revision == 1
    assert desk.listing.asked == [("binance", ("BTCUSDT",))]
    with pytest.raises(SettingsProblemsError):
        await desk.service.import_file(JESSE, {"symbols": ["coinbase:NOPE"]}, BY, dry_run=True)
    assert len(desk.store.revisions) == 1


async def test_a_preview_is_what_the_write_will_be(desk: Desk) -> None:
    patch = PathPatch(("symbols", "-"), "SOL-USD")
    previewed = await desk.service.preview(JESSE, patching(patch))
    assert len(desk.store.revisions) == 1
    written = await desk.service.patch(JESSE, patch, BY)
    assert (previewed.diff, previewed.after) == (written.diff, written.after)
    with pytest.raises(SettingsProblemsError):
        await desk.service.preview(JESSE, replacing({"symbols": ["coinbase:NOPE"]}))


# ---------------------------------------------------------------- against the model


@st.composite
def changes(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw a document and a path patch that may fit it."""
    document = draw(documents())
    path, value = draw(
        st.sampled_from(
            [
                ("alerts.levels.-", 5000),
                ("alerts.levels.0", 1),
                ("alerts.quiet_hours.from", "21:00"),
                ("alerts.routes.-", {"channel": "terminal"}),
                ("storage.keep_days.2h", 4),
                ("storage.keep_days", {}),
                ("symbols", []),
                ("timeframes.-", "30m"),
                ("exchanges.coinbase.enabled", False),
                ("perseus_profile", {}),
                ("livermore_runtime.logging.log_directory", "/log"),
                ("alerts", None),
                ("scanner.quote", "BTC"),
            ]
        )
    )
    return document, PathPatch(read_path(path), value)


class Anything(Listings):
    """List everything."""

    async def exchanges(self) -> Any:
        return AnyExchange()

    async def unlisted(self, exchange: str, symbols: Any) -> Any:
        return {}


class AnyExchange(dict[str, Any]):
    """Know every exchange."""

    def __contains__(self, _: object) -> bool:
        return True

    def __getitem__(self, _: str) -> Any:
        return NINE


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(changes())
def test_patch_then_get_is_what_the_model_makes_of_the_patch(drawn: Any) -> None:
    document, patch = drawn
    store = MemoryStore(
        json.loads(json.dumps(document)) | {"sub": "local"} if "sub" in document else document
    )
    service = SettingsService(store, Anything())
    whole = read_settings(store.newest.document).plain()
    try:
        expected = read_settings(patched(whole, patch))
    except SettingsProblemsError:
        with pytest.raises(SettingsProblemsError):
            asyncio.run(service.patch(JESSE, patch, BY))
        return
    change = asyncio.run(service.patch(JESSE, patch, BY))
    current = asyncio.run(service.current(JESSE))
    assert change.after == current.document
    if look(whole, ("perseus_profile", "primary_exchange")) == look(
        expected.plain(), ("perseus_profile", "primary_exchange")
    ):
        assert same(current.document.plain(), expected.plain())


# ---------------------------------------------------------------- what is watched


def test_plain_names_belong_to_the_primary_exchange() -> None:
    document = read_settings(
        {
            "perseus_profile": {"primary_exchange": "coinbase"},
            "exchanges": {"kraken": {"enabled": False}},
            "symbols": ["BTC-USD", "binance:BTCUSDT", "ETH-USD", "kraken:XBTUSD", "BTC/USDT:USDT"],
            "disabled_symbols": ["coinbase:ETH-USD"],
        }
    )
    assert watched_symbols(document) == (
        ("coinbase", "BTC-USD"),
        ("binance", "BTCUSDT"),
        ("coinbase", "BTC/USDT:USDT"),
    )


def test_without_a_primary_exchange_none_is_guessed() -> None:
    assert watched_symbols(read_settings({"symbols": ["BTC-USD", "binance:BTCUSDT"]})) == (
        ("binance", "BTCUSDT"),
    )
