"""Exchanges on the command line: presets of our own, and all that ccxt knows."""

import importlib.util
import json
import shlex
from types import SimpleNamespace

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
