"""What `up` says of itself."""

import pytest
from msgspec.structs import replace

from livermore.apps.cli.running import SHOWN, idle_words, watched
from livermore.runtime.status import STOPPED, Pause
from livermore.settings.document import SettingsDocument


def document(**given: object) -> SettingsDocument:
    return SettingsDocument.model_validate({"version": 2, **given})


TWO = {"perseus_profile": {"primary_exchange": "coinbase"}, "symbols": ["BTC-USD", "binance:BTCUSDT"]}


@pytest.mark.parametrize(
    ("given", "exchanges", "line"),
    [
        (TWO, {"coinbase", "binance"}, "watching live: coinbase:BTC-USD binance:BTCUSDT on "),
        (TWO, {"binance"}, "watching live: binance:BTCUSDT on "),
        (TWO, set(), "watching nothing: all that is on the watchlist is switched off"),
        (
            TWO | {"exchanges": {name: {"enabled": False} for name in ("coinbase", "binance")}},
            {"coinbase", "binance"},
            "watching nothing: all that is on the watchlist is switched off",
        ),
        (TWO | {"symbols": []}, {"coinbase"}, "watching nothing yet on coinbase: "),
    ],
)
def test_only_what_is_switched_on_is_said_to_be_watched(given, exchanges, line):
    assert watched(document(**given), exchanges, "live").startswith(line)


def test_an_empty_watchlist_says_how_to_go_on():
    said = watched(document(**TWO | {"symbols": []}), {"coinbase"}, "live")
    assert "livermore symbols scan" in said
    assert "livermore symbols add" in said


def test_a_long_watchlist_is_cut_short():
    many = document(**TWO | {"symbols": [f"A{number}-USD" for number in range(SHOWN + 3)]})
    assert " and 3 more on " in watched(many, {"coinbase"}, "live")


def test_what_is_not_watched_says_why() -> None:
    paused = replace(STOPPED, state="paused", pause=Pause(level="data", reason="lunch"))
    assert idle_words(paused) == "paused (lunch): go on with livermore resume"
    assert idle_words(replace(paused, pause=None)) == "paused: go on with livermore resume"
    assert str(idle_words(STOPPED)).startswith("another process runs")
    assert idle_words(replace(STOPPED, state="starting")) is None
