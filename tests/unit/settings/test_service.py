"""The service: the newest revision upgraded, and the symbols that it says are watched."""

from typing import Any

import pytest

from livermore.kernel.errors import NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.ports import StoredSettings
from livermore.settings.service import SettingsService, watched_symbols
from livermore.settings.upgrade import read_settings

SCOPE = Scope(user_id=1, identity_sub="local")


class OneDocument:
    """Keep the settings of one user."""

    async def current(self, scope: Scope) -> StoredSettings:
        if scope != SCOPE:
            raise NotFoundError
        return StoredSettings(document={"version": 1}, revision=7, updated_at="2026-01-31T12:00:00.000Z")

    async def write(self, scope: Scope, document: dict[str, Any], **about: Any) -> StoredSettings:
        raise AssertionError("reading must not write")


async def test_current_is_the_newest_revision_upgraded_and_complete() -> None:
    current = await SettingsService(OneDocument()).current(SCOPE)
    assert current.revision == 7
    assert current.updated_at == "2026-01-31T12:00:00.000Z"
    assert current.document == read_settings({"version": 2})


async def test_an_unknown_user_has_no_settings() -> None:
    with pytest.raises(NotFoundError):
        await SettingsService(OneDocument()).current(Scope(user_id=2, identity_sub="other"))


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
