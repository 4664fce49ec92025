"""A first live start without symbols: the program says how to go on, and its verbs fill the watchlist."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livermore.apps.cli.main import run
from tests.acceptance.program import URL, Program

REST = re.compile(r"REST +(http://\S+)")
LISTED = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
Verb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[str]:
    """A simulated Binance in a process of its own; its address."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    named = [word for symbol in LISTED for word in ("--symbol", symbol)]
    with Program(folder, "--exchange", "binance", *named, verb="simulate") as program:
        (address,) = program.printed(REST)
        yield address


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verb:
    """Run a verb of symbols in the folder of the program."""
    monkeypatch.chdir(tmp_path)
    for name in ("LIVERMORE_URL", "LIVERMORE_TOKEN", "LIVERMORE_DATABASE_URL", "LIVERMORE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        return run(("symbols", *words)), *capsys.readouterr()

    return call


def states(verb: Verb) -> dict[str, Any]:
    """Return the state of each symbol that the watchlist has."""
    return {row["symbol"]: row["state"] for row in json.loads(verb("--json")[1])["symbols"]}


def test_an_empty_watchlist_is_filled_while_it_runs(verb: Verb, exchange: str, tmp_path: Path) -> None:
    at = ("--rest-url", exchange, "--ws-url", exchange.replace("http", "ws"))
    assert run(("exchanges", "edit", "binance", *at)) == 0
    with Program(tmp_path, "--exchange", "binance") as program:
        program.printed(URL)
        assert "watching nothing yet on binance: the watchlist is empty" in program.out
        assert "livermore symbols scan" in program.out
        code, said, complained = verb("scan", "--quote", "usdt", "--limit", "2", "--accept", "all")
        assert (code, said.splitlines()[-1]) == (0, "added 2 of 2, 2 live; revision 3"), complained
        first, second = states(verb)
        assert states(verb) == {first: "live", second: "live"}
        (third,) = set(LISTED) - {first, second}
        assert verb("add", third.lower())[1].endswith("; revision 4, live\n")
        assert verb("remove", first)[0] == 0
        assert states(verb) == {second: "live", third: "live"}
        program.kill()
    assert states(verb) == {second: "off", third: "off"}
