"""Exchanges on the command line: presets of our own, and all that ccxt knows."""

import importlib.util
import json
import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from livermore.apps.cli.simulate import _told
from livermore.market.exchange import BINANCE_US


def test_a_preset_is_added_with_its_addresses_and_limits(cli):
    added = cli("exchanges", "add", "binance_us", "--json")
    row = json.loads(added.out)
    assert (added.code, row["rest_url"], row["api_limits"]) == (0, BINANCE_US.rest_url, BINANCE_US.api_limits)
    assert "binance_us" in cli("exchanges").out


def test_an_exchange_that_ccxt_knows_is_added_without_addresses(cli):
    added = cli("exchanges", "add", "kraken")
    assert (added.code, added.out) == (0, "kraken added: at the addresses that ccxt knows\n")
    rows = json.loads(cli("exchanges", "--json").out)["exchanges"]
    (kraken,) = [row for row in rows if row["name"] == "kraken"]
    assert (kraken["display_name"], kraken["rest_url"], kraken["is_active"]) == ("Kraken", None, True)
    assert kraken["supported_timeframes"][0] == "1m"


def test_an_address_of_ones_own_goes_before_ccxt_s(cli):
    added = cli("exchanges", "add", "kraken", "--rest-url", "http://127.0.0.1:9")
    assert added.out == "kraken added: http://127.0.0.1:9\n"


def test_what_is_there_already_is_not_added_again(cli):
    assert cli("exchanges", "add", "kraken").code == 0
    again = cli("exchanges", "add", "kraken", "--ws-url", "ws://127.0.0.1:9")
    assert (again.code, again.out) == (5, "")
    assert "livermore exchanges edit kraken" in again.err


def test_without_ccxt_only_presets_can_be_added(cli, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ccxt" else found(name))
    refused = cli("exchanges", "add", "kraken")
    error, hint = refused.err.splitlines()
    assert (refused.code, refused.out) == (4, "")
    assert "ccxt, which is not installed" in error
    assert hint == "hint: install it with: pip install 'livermore[ccxt]'"
    assert cli("exchanges", "add", "binance_us").code == 0


@pytest.mark.parametrize("name", ["binance", "binance_us", "coinbase"])
def test_what_a_simulated_exchange_tells_to_type_leads_to_it(cli, name):
    source = SimpleNamespace(markets=[SimpleNamespace(symbol="BTC-USD")])
    market = SimpleNamespace(source=source, rest_url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:9")
    first, second = [line for line in _told(name, market).splitlines() if line.startswith("  livermore")]
    assert second == f"  livermore up --exchange {name} --symbol BTC-USD"
    assert cli(*shlex.split(first)[1:]).code == 0
    rows = json.loads(cli("exchanges", "--json").out)["exchanges"]
    (row,) = [row for row in rows if row["name"] == name]
    assert (row["rest_url"], row["ws_url"]) == (market.rest_url, market.ws_url)


def row_of(cli: Any, name: str) -> Any:
    rows = json.loads(cli("exchanges", "--json").out)["exchanges"]
    (row,) = [row for row in rows if row["name"] == name]
    return row


def test_everything_of_a_row_can_be_changed_and_the_rest_stays(cli):
    before = row_of_seed(cli, "binance")
    options = (
        "--display-name", "My Binance", "--timeframe", "1m", "--timeframe", "1h", "--inactive",
        "--limit", "rest_weight_limit=1200", "--limit", "orders_per_10s=",
        "--limit", "ws_messages_per_second=2.5", "--fee", "base_taker=0.00075",
    )  # fmt: skip
    changed = cli("exchanges", "edit", "binance", *options)
    assert (changed.code, changed.out.split(":")[0]) == (0, "binance changed")
    assert row_of(cli, "binance") == before | {
        "display_name": "My Binance",
        "supported_timeframes": ["1m", "1h"],
        "api_limits": {
            "ws_connections_per_5min": 300,
            "rest_weight_limit": 1200,
            "ws_messages_per_second": 2.5,
        },
        "fee_schedule": {"base_maker": 0.001, "base_taker": 0.00075},
        "is_active": False,
    }
    assert cli("exchanges", "edit", "binance", "--active").code == 0
    assert row_of(cli, "binance")["display_name"] == "My Binance"
    assert "0.1 %" in cli("exchanges").out
    assert "0.075 %" in cli("exchanges").out


def row_of_seed(cli: Any, name: str) -> Any:
    assert cli("db", "upgrade").code == 0
    return row_of(cli, name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--limit", "rest_weight_limi=5"], "did you mean rest_weight_limit?"),
        (["--limit", "colour=5"], "one of: rest_weight_limit"),
        (["--limit", "rest_weight_limit=0"], "0 is no limit (api_limits.rest_weight_limit)"),
        (["--limit", "rest_weight_limit=-5"], "-5 is no limit"),
        (["--limit", "rest_weight_limit=nan"], "nan is no limit"),
        (["--limit", "rest_weight_limit=many"], "does not end in a number (--limit)"),
        (["--limit", "rest_weight_limit"], "is no NAME=NUMBER"),
        (["--fee", "base_maker=0.6"], "0.006 is 0.6 %"),
        (["--fee", "maker=0.006"], "did you mean base_maker?"),
        (["--timeframe", "1m", "--timeframe", "hour"], "'hour' is not a timeframe"),
        (["--timeframe", "1m", "--timeframe", "1m"], "each timeframe stands there once"),
        (["--timeframe", "3m"], "none of these can be watched: 3m"),
        (["--display-name", " "], "a name has 1 to 100 characters"),
        (["--display-name", "two\nlines"], "all on one line"),
        (["--display-name", "a\x1b[31mcolour"], "all on one line"),
        (["--rest-url", "https://example.org/api?key=1"], "ends with its host or a path (--rest-url)"),
        (["--ws-url", "wss://example.org/#stream"], "ends with its host or a path (--ws-url)"),
        (["--display-name", "x" * 101], "a name has 1 to 100 characters"),
        (["--rest-url", f"http://{'x' * 250}.example"], "an address has at most 255 characters"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_changed(cli, options, words):
    before = row_of_seed(cli, "binance")
    refused = cli("exchanges", "edit", "binance", *options)
    assert (refused.code, refused.out) == (4, "")
    assert words in refused.err
    assert row_of(cli, "binance") == before


def test_a_change_must_be_said(cli):
    assert cli("exchanges", "edit", "binance").code == 2


def test_a_stopped_demonstration_says_that_it_has_addresses_of_its_own(cli, tmp_path):
    assert cli("db", "upgrade").code == 0
    data = tmp_path / ".livermore" / "data"
    (data / "livermore.db").rename(data / "demo.db")
    listed = cli("exchanges")
    assert "at addresses of their own" in listed.err
    assert "https://api.binance.com" in listed.out


@pytest.mark.parametrize("name", ["", "kraken"])
def test_what_cannot_be_simulated_is_named(cli, name):
    refused = cli("simulate", "--exchange", name)
    assert refused.code == 4
    assert f"{name!r} cannot be simulated" in refused.err
