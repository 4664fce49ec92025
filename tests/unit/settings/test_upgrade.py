"""Upgrades: documents as the earlier system wrote them, and any other of version 1."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.errors import NewerFormatError
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.upgrade import read_settings, upgrade_report, upgraded
from tests.unit.settings.test_document import FULL, SYMBOLS, TEXTS

# Two operators, as their files look: one that set up everything, one that only ever added symbols.
DESK: dict[str, Any] = {
    "version": 1,
    "sub": "auth0|65f1c0ffee",
    "perseus_profile": {
        "public_name": "The desk",
        "description": "swing, mostly",
        "primary_exchange": "coinbase",
        "trading_mode": "paper",
        "currency": "USD",
        "timezone": "America/New_York",
        "locale": "en-US",
    },
    "livermore_runtime": {
        "auto_start": True,
        "logging": {"data_directory": "./data", "log_directory": "./logs", "verbosity_level": "info"},
    },
    "exchanges": {
        "coinbase": {
            "enabled": True,
            "ApiKeyEnvironmentVariableName": "Coinbase_ApiKeyId",
            "SecretEnvironmentVariableName": "Coinbase_EcPrivateKeyPem",
        },
        "binance_us": {
            "enabled": False,
            "ApiKeyEnvironmentVariableName": "BinanceUS_ApiKey",
            "SecretEnvironmentVariableName": "BinanceUS_ApiSecret",
        },
    },
    "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
    "scanner_exchange": "coinbase",
    "scanner_symbols_last_update": "2025-11-02T08:15:30.123Z",
}
WATCHER: dict[str, Any] = {"version": 1, "symbols": ["BTC-USD"]}
ADDED = {
    "livermore_runtime.mode",
    "disabled_symbols",
    "timeframes",
    "scanner",
    "positions",
    "alerts",
    "storage",
}


@pytest.mark.parametrize("stored", [DESK, WATCHER, {"version": 1}, {}])
def test_an_old_document_keeps_everything_and_gains_the_new(stored: dict[str, Any]) -> None:
    before = json.dumps(stored)
    document = read_settings(stored).plain()
    assert json.dumps(stored) == before
    assert document["version"] == 2
    for name in stored.keys() - {"version", "perseus_profile", "livermore_runtime"}:
        assert document[name] == stored[name]
    for name in ("perseus_profile", "livermore_runtime"):
        assert document[name] | stored.get(name, {}) == document[name]


def test_the_report_names_what_was_added() -> None:
    report = upgrade_report(DESK)
    assert (report.version, report.newest) == (1, 2)
    assert set(report.added) == ADDED
    assert set(upgrade_report(WATCHER).added) == {*ADDED - {"livermore_runtime.mode"}, "perseus_profile",
        "livermore_runtime", "exchanges"}  # fmt: skip
    assert upgrade_report({}).version == 1


def test_of_a_complete_document_nothing_is_reported() -> None:
    assert upgrade_report(FULL).added == ()
    assert upgrade_report(FULL).version == 2


@st.composite
def old_documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document of version 1."""
    optional = {
        "version": st.just(1),
        "sub": TEXTS,
        "perseus_profile": st.fixed_dictionaries(
            {}, optional={"public_name": TEXTS, "locale": st.just("de")}
        ),
        "livermore_runtime": st.fixed_dictionaries({}, optional={"auto_start": st.booleans()}),
        "exchanges": st.dictionaries(st.sampled_from(["coinbase", "binance"]), st.just({"enabled": True})),
        "symbols": st.lists(SYMBOLS, unique=True),
        "scanner_exchange": st.just("binance"),
    }
    document: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=optional))
    return document


@given(old_documents())
def test_an_upgrade_is_pure_and_done_once(stored: dict[str, Any]) -> None:
    before = json.dumps(stored)
    once = upgraded(stored)
    assert upgraded(once) == once == upgraded(stored)
    assert json.dumps(stored) == before
    assert once | stored | {"version": 2} == once
    whole = read_settings(stored).plain()
    assert upgraded(whole) == whole
    assert upgrade_report(whole).added == ()


@pytest.mark.parametrize("version", [3, 4, 10**30])
def test_a_newer_version_is_refused_untouched(version: int) -> None:
    stored = {"version": version, "of_the_future": {"a": 1}}
    with pytest.raises(NewerFormatError):
        upgraded(stored)
    with pytest.raises(NewerFormatError):
        upgrade_report(stored)
    assert stored == {"version": version, "of_the_future": {"a": 1}}


def test_keys_that_the_old_page_invented_are_refused_with_their_path() -> None:
    with pytest.raises(SettingsProblemsError) as refused:
        read_settings(WATCHER | {"disabledSymbols": ["BTC-USD"]})
    assert refused.value.errors == [
        {"path": "disabledSymbols", "message": "is unknown", "suggestion": "disabled_symbols"}
    ]
