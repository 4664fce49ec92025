"""The document: defaults as the interface states them, a round trip without loss, and refusals with paths."""

import json
import traceback
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from livermore.kernel.errors import NewerFormatError, SettingsInvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.settings.document import SettingsDocument
from livermore.settings.problems import MOST_PROBLEMS, Problem, SettingsProblemsError
from livermore.settings.reference import Entry, entries
from livermore.settings.tree import put
from livermore.settings.upgrade import read_settings

DEFAULTS: dict[str, Any] = {
    "version": 2,
    "perseus_profile": {"trading_mode": "paper", "currency": "USD", "timezone": "UTC", "locale": "en-US"},
    "livermore_runtime": {
        "auto_start": False,
        "logging": {"verbosity_level": "error"},
        "mode": "position-monitor",
    },
    "exchanges": {},
    "symbols": [],
    "disabled_symbols": [],
    "timeframes": ["1m", "5m", "15m", "1h", "4h", "1d"],
    "scanner": {"enabled": False, "limit": 50, "quote": "USD", "minimum_quote_volume_24h": 100000},
    "positions": {"minimum_value": 2, "refresh_seconds": 300},
    "alerts": {
        "enabled": True,
        "low_confidence": False,
        "levels": [150, 200, 250, 300, 350, 400],
        "reversal": {"oversold_buffer": 0.05, "overbought_buffer": 0.03},
        "cooldown_seconds": 300,
        "quiet_hours": None,
        "routes": [],
    },
    "storage": {"keep_days": {"1m": 30, "5m": 180, "15m": 365, "1h": None, "4h": None, "1d": None}},
}
FULL: dict[str, Any] = {
    "version": 2,
    "sub": "auth0|someone",
    "perseus_profile": {
        "public_name": "Jesse",
        "description": "boy plunger",
        "primary_exchange": "coinbase",
        "trading_mode": "live",
        "currency": "USDC",
        "timezone": "Europe/Berlin",
        "locale": "de-DE",
    },
    "livermore_runtime": {
        "auto_start": True,
        "logging": {"data_directory": "/data", "log_directory": "/log", "verbosity_level": "debug"},
        "mode": "scalper-macdv",
    },
    "exchanges": {
        "coinbase": {
            "enabled": True,
            "ApiKeyEnvironmentVariableName": "Coinbase_ApiKeyId",
            "SecretEnvironmentVariableName": "Coinbase_ApiSecret",
            "PasswordEnvironmentVariableName": "Coinbase_Password",
        },
        "binance_us": {"enabled": False},
    },
    "symbols": ["BTC-USD", "binance_us:BTCUSDT"],
    "scanner_exchange": "coinbase",
    "scanner_symbols_last_update": "2026-01-31T12:00:00.000Z",
    "disabled_symbols": ["coinbase:BTC-USD"],
    "timeframes": ["1d", "30m"],
    "scanner": {"enabled": True, "limit": 5, "quote": "USDT", "minimum_quote_volume_24h": 1.5},
    "positions": {"minimum_value": 0.0, "refresh_seconds": 60},
    "alerts": {
        "enabled": False,
        "low_confidence": True,
        "levels": [100],
        "reversal": {"oversold_buffer": 0.0, "overbought_buffer": 0.1},
        "cooldown_seconds": 0,
        "quiet_hours": {"from": "22:00", "to": "06:30", "zone": "UTC"},
        "routes": [
            {
                "channel": "webhook",
                "url_environment_variable": "DESK_WEBHOOK",
                "events": {"level": "off", "reversal": "silent", "system": "on"},
            }
        ],
    },
    "storage": {"keep_days": {"1m": 7, "5m": None, "15m": 365, "1h": None, "4h": None, "1d": None, "30m": 3}},
}


def problems(document: dict[str, Any]) -> list[Problem]:
    with pytest.raises(SettingsProblemsError) as refused:
        read_settings(document)
    assert isinstance(refused.value, SettingsInvalidError)
    return refused.value.errors


def with_value(path: str, value: Any) -> dict[str, Any]:
    """Return a document with one value at a dotted path."""
    *parents, last = path.split(".")
    document: dict[str, Any] = {"version": 2}
    inner = document
    for step in parents:
        inner = inner.setdefault(step, {})
    inner[last] = value
    return document


def test_an_empty_document_has_every_default() -> None:
    assert read_settings({}).plain() == DEFAULTS


@pytest.mark.parametrize("version", [{}, {"version": 1}, {"version": 2}])
def test_every_known_version_is_read_as_the_newest(version: dict[str, Any]) -> None:
    assert read_settings(version).version == 2


def test_an_upgrade_changes_nothing_of_what_was_stored() -> None:
    stored = {"version": 1, "symbols": ["BTC-USD"]}
    assert read_settings(stored).symbols == ("BTC-USD",)
    assert stored == {"version": 1, "symbols": ["BTC-USD"]}


def test_a_newer_version_is_refused() -> None:
    with pytest.raises(NewerFormatError, match="version 3"):
        read_settings({"version": 3})


@pytest.mark.parametrize("version", ["1", True, 0, -1, 1.0, None])
def test_a_version_must_be_a_version(version: Any) -> None:
    assert problems({"version": version})[0]["path"] == "version"


def test_a_full_document_comes_back_as_it_was() -> None:
    document = read_settings(FULL)
    assert document.plain() == FULL
    assert json.loads(json.dumps(document.plain())) == FULL


def test_null_is_the_same_as_absent() -> None:
    assert read_settings({"sub": None, "perseus_profile": {"public_name": None}}) == read_settings({})


def test_the_document_is_frozen() -> None:
    with pytest.raises(ValidationError):
        read_settings({}).version = 1  # type: ignore[assignment, misc]


def test_a_timeframe_kept_alone_leaves_the_others_their_defaults() -> None:
    kept = read_settings(with_value("storage.keep_days", {"1m": 7})).storage.keep_days
    assert kept[Timeframe.M1] == 7
    assert kept[Timeframe.M5] == 180


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("perseus_profile.primary_exchange", "Coin Base"),
        ("perseus_profile.trading_mode", "real"),
        ("perseus_profile.currency", "dollar"),
        ("perseus_profile.timezone", "Mars/Base"),
        ("perseus_profile.timezone", "../etc/passwd"),
        ("perseus_profile.timezone", ""),
        ("perseus_profile.timezone", "Europe"),
        ("perseus_profile.timezone", "localtime"),
        ("perseus_profile.timezone", "UTC\0"),
        ("perseus_profile.timezone", "X" * 5000),
        ("perseus_profile.currency", "XYZ"),
        ("perseus_profile.currency", "usd"),
        ("perseus_profile.public_name", "a\0b"),
        ("perseus_profile.public_name", "\ud800"),
        ("perseus_profile.description", "x" * 2001),
        ("perseus_profile.primary_exchange", "x" * 51),
        ("perseus_profile.locale", "en_US"),
        ("livermore_runtime.logging.data_directory", ""),
        ("livermore_runtime.logging.data_directory", "/a\0"),
        ("sub", "x" * 256),
        ("livermore_runtime.auto_start", "yes"),
        ("livermore_runtime.auto_start", 1),
        ("livermore_runtime.mode", "scalper"),
        ("livermore_runtime.logging.verbosity_level", "trace"),
        ("exchanges.Coinbase", {}),
        ("exchanges.coinbase.ApiKeyEnvironmentVariableName", "1KEY"),
        ("exchanges.coinbase.enabled", None),
        ("symbols", "BTC-USD"),
        ("symbols", ["BTC-USD", "BTC-USD"]),
        ("symbols", None),
        ("symbols", {"BTC-USD": True}),
        ("symbols.0", ["BTC USD"]),
        ("symbols.0", ["BTC,USD"]),
        ("symbols.0", [""]),
        ("symbols.0", ["coinbase:"]),
        ("symbols.0", [":BTC-USD"]),
        ("symbols.0", ["BTC\0USD"]),
        ("symbols.0", ["B" * 51]),
        ("symbols.0", [7]),
        ("scanner_symbols_last_update", "yesterday"),
        ("scanner_symbols_last_update", "2026-01-31"),
        ("scanner_symbols_last_update", "2026-01-31T12:00:00"),
        ("scanner_symbols_last_update", "20260131T120000Z"),
        ("scanner_symbols_last_update", "2026-02-31T12:00:00Z"),
        ("disabled_symbols", ["BTC-USD"]),
        ("timeframes", []),
        ("timeframes", ["1m", "1m"]),
        ("timeframes.0", ["3m"]),
        ("scanner.limit", 0),
        ("scanner.limit", 10**400),
        ("scanner.limit", 2**31),
        ("scanner.quote", "usd"),
        ("positions.minimum_value", -1),
        ("positions.refresh_seconds", 1.5),
        ("positions.minimum_value", float("nan")),
        ("positions.minimum_value", float("inf")),
        ("positions.minimum_value", 10**400),
        ("alerts.levels", [200, 150]),
        ("alerts.levels", [150, 150]),
        ("alerts.levels.0", [0]),
        ("alerts.levels.0", ["150"]),
        ("alerts.cooldown_seconds", -1),
        ("alerts.quiet_hours", {"from": "08:00", "to": "08:00"}),
        ("alerts.quiet_hours.from", "24:00"),
        ("alerts.quiet_hours.to", "8"),
        ("alerts.routes", [{"channel": "webhook"}, {"channel": "webhook"}]),
        ("alerts.routes.0.channel", [{}]),
        ("storage.keep_days.1m", 0),
        ("storage.keep_days.1m", 10**10),
        ("storage.keep_days.3m", 1),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(path: str, value: Any) -> None:
    where = path.removesuffix(".0").removesuffix(".0.channel")
    assert path in [problem["path"] for problem in problems(with_value(where, value))]


def test_a_symbol_is_unique_after_qualification() -> None:
    document = with_value("perseus_profile.primary_exchange", "coinbase")
    assert len(read_settings(document | {"symbols": ["BTC-USD", "binance:BTC-USD"]}).symbols) == 2
    assert problems(document | {"symbols": ["BTC-USD", "coinbase:BTC-USD"]})[0]["path"] == "symbols"


@pytest.mark.parametrize(
    "secret", ["A1b2" * 10, "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE_x", "sk-live-3f9a"]
)
@pytest.mark.parametrize(
    "path", ["exchanges.coinbase.SecretEnvironmentVariableName", "alerts.routes.0.url_environment_variable"]
)
def test_a_secret_is_refused_and_never_repeated(secret: str, path: str) -> None:
    route = {"channel": "webhook", "url_environment_variable": secret}
    given_as = {"version": 2, "alerts": {"routes": [route]}} if "routes" in path else with_value(path, secret)
    with pytest.raises(SettingsProblemsError) as refused:
        read_settings(given_as)
    assert [problem["path"] for problem in refused.value.errors] == [path]
    assert secret not in "".join(traceback.format_exception(refused.value))
    assert secret[:12] not in f"{refused.value} {refused.value.hint} {refused.value.errors}"


@pytest.mark.parametrize("secret", ["A1b2" * 12, "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE_x"])
@pytest.mark.parametrize("path", [(), ("exchanges",), ("exchanges", "coinbase"), ("storage", "keep_days")])
def test_a_secret_in_the_place_of_a_key_is_not_repeated_either(secret: str, path: tuple[str, ...]) -> None:
    document: Any = {secret: 1}
    for step in reversed(path):
        document = {step: document}
    with pytest.raises(SettingsProblemsError) as refused:
        read_settings(document)
    assert {problem["path"].rpartition(".")[2] for problem in refused.value.errors} == {"***"}
    assert secret not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("symbols", 1, "must be a list"),
        ("symbols", [1], "must be a text"),
        ("exchanges", [], "must be a section: names with values"),
        ("scanner", 1, "must be a section: names with values"),
        ("storage.keep_days", None, "must be a section: names with values"),
        ("scanner.limit", "5", "must be a whole number"),
        ("scanner.limit", 1.5, "must be a whole number"),
        ("scanner.enabled", 0, "must be true or false"),
        ("positions.minimum_value", "2", "must be a number"),
        ("positions.minimum_value", float("nan"), "must be a finite number"),
    ],
)
def test_a_wrong_type_is_told_in_the_words_of_the_document(path: str, value: Any, message: str) -> None:
    assert problems(with_value(path, value))[0]["message"] == message


@pytest.mark.parametrize("document", [[], "text", None, 7])
def test_a_document_is_an_object(document: Any) -> None:
    assert problems(document)[0]["message"] == "must be an object: names with values"


def test_what_is_nested_without_end_is_refused_like_anything_else() -> None:
    nested: Any = 1
    for _ in range(10_000):
        nested = {"a": nested}
    assert (
        problems(with_value("perseus_profile.trading_mode", nested))[0]["message"]
        == "must be 'paper' or 'live'"
    )
    assert problems({"timeframes": [nested], "more": nested})[0]["path"] == "timeframes.0"


def test_not_every_one_of_a_thousand_mistakes_is_listed() -> None:
    assert len(problems({f"key{number}": 1 for number in range(1000)})) == MOST_PROBLEMS


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.data())
def test_whatever_is_given_is_read_or_refused_in_words_that_can_be_sent(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(every_path(FULL)))
    key = data.draw(st.just(path[-1]) | st.text(st.characters(codec=None)))
    document = put(FULL, (*path[:-1], key), data.draw(ANYTHING))
    try:
        json.dumps(read_settings(document).plain(), ensure_ascii=False, allow_nan=False).encode()
    except SettingsProblemsError as refused:
        json.dumps([str(refused), refused.hint, refused.errors], ensure_ascii=False).encode()


def test_half_of_the_quiet_hours_is_not_enough() -> None:
    assert problems(with_value("alerts.quiet_hours", {"from": "22:00"})) == [
        {"path": "alerts.quiet_hours.to", "message": "is missing"}
    ]


def test_a_wrong_value_comes_with_the_nearest_known_one() -> None:
    assert problems(with_value("perseus_profile.trading_mode", "papre"))[0].get("suggestion") == "paper"
    assert problems({"timeframes": ["15min"]})[0].get("suggestion") == "15m"


def every_path(section: dict[str, Any], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = []
    for name, value in section.items():
        paths.append((*before, name))
        if isinstance(value, dict) and name not in {"keep_days", "exchanges"}:
            paths += every_path(value, (*before, name))
    return paths


@given(path=st.sampled_from(every_path(FULL)), position=st.integers(0, 40), letter=st.sampled_from("xyz"))
def test_an_unknown_key_is_refused_with_its_path_and_the_nearest_name(
    path: tuple[str, ...], position: int, letter: str
) -> None:
    *parents, name = path
    at = position % (len(name) + 1)
    misspelt = f"{name[:at]}{letter}{name[at:]}"
    place = ".".join([*parents, misspelt])
    problem = next(problem for problem in problems(with_value(place, 1)) if problem["path"] == place)
    assert problem["message"] == "is unknown"
    assert "suggestion" in problem


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
SYMBOLS = st.from_regex(r"[A-Z]{2,5}-(USD|EUR)", fullmatch=True)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    symbols = draw(st.lists(SYMBOLS, unique=True, max_size=6))
    optional = {
        "sub": TEXTS,
        "perseus_profile": st.fixed_dictionaries(
            {},
            optional={
                "public_name": TEXTS,
                "primary_exchange": st.sampled_from(["coinbase", "binance", "binance_us"]),
                "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
                "trading_mode": st.sampled_from(["paper", "live"]),
            },
        ),
        "exchanges": st.dictionaries(
            st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True),
            st.fixed_dictionaries(
                {}, optional={"enabled": st.booleans(), "ApiKeyEnvironmentVariableName": NAMES}
            ),
            max_size=3,
        ),
        "timeframes": st.lists(st.sampled_from([str(t) for t in Timeframe]), unique=True, min_size=1),
        "alerts": st.fixed_dictionaries(
            {},
            optional={
                "levels": st.sets(st.integers(1, 1000)).map(sorted),
                "cooldown_seconds": st.integers(0, 10**6),
                "quiet_hours": st.none() | st.just({"from": "22:00", "to": "06:00"}),
            },
        ),
        "storage": st.fixed_dictionaries(
            {},
            optional={"keep_days": st.dictionaries(st.sampled_from(["1m", "1h", "2h"]), st.integers(1, 9))},
        ),
    }
    document = draw(st.fixed_dictionaries({}, optional=optional))
    disabled = draw(st.lists(st.sampled_from(symbols), unique=True)) if symbols else []
    return {"version": 2, **document, "symbols": symbols, "disabled_symbols": disabled}


def contains(whole: Any, part: Any) -> bool:
    """Say whether all of a part is in a whole, which may hold more keys."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contains(whole[key], part[key]) for key in part
        )
    return bool(whole == part)


@given(documents())
def test_dump_and_load_are_inverse_and_keep_what_was_given(given_document: dict[str, Any]) -> None:
    document = read_settings(given_document)
    plain = document.plain()
    assert contains(plain, given_document)
    assert read_settings(json.loads(json.dumps(plain))) == document
    assert read_settings(plain).plain() == plain


def test_the_schema_tells_editors_what_the_page_tells_people() -> None:
    schema = SettingsDocument.model_json_schema()
    symbols = schema["properties"]["symbols"]
    assert symbols["apply"] == "warm"
    assert symbols["help"] == symbols["description"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["QuietHours"]["properties"].keys() == {"from", "to", "zone"}


SCHEMA = jsonschema_rs.validator_for(SettingsDocument.model_json_schema())


@given(documents())
def test_what_is_read_fits_the_schema(document: dict[str, Any]) -> None:
    SCHEMA.validate(read_settings(document).plain())


@pytest.mark.parametrize(
    "wrong",
    [
        {"alert": {}},
        {"scanner": {"limit": 0}},
        {"perseus_profile": {"currency": "XYZ"}},
        {"perseus_profile": {"timezone": "localtime"}},
        {"alerts": {"quiet_hours": {"from": "24:00", "to": "08:00"}}},
        {"exchanges": {"coinbase": {"ApiKeyEnvironmentVariableName": "not a name"}}},
        {"scanner_symbols_last_update": "yesterday"},
        {"storage": {"keep_days": {"3m": 1}}},
    ],
)
def test_the_schema_refuses_what_the_model_refuses(wrong: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(wrong)
    assert problems(wrong)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.path)
def test_every_setting_has_help_and_an_apply_class(entry: Entry) -> None:
    assert entry.extra["help"].endswith((".", "?"))
    assert entry.extra["apply"] in ("hot", "warm", "restart")
    is_section = entry.type == "section" and entry.path != "exchanges"
    assert entry.extra["apply"] != "warm" or is_section or entry.extra["effect"]
