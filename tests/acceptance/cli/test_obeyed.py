"""The real program obeys its verbs, tells what was asked, and proves it also when it has been killed."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.generate import registry
from livermore.apps.cli.errors import Exit
from livermore.apps.cli.main import run
from livermore.apps.cli.server import ask, find_server
from livermore.kernel.errors import InvalidError
from tests.acceptance.program import URL, Program, until

SAID = [
    ("resume", "resumed: warming\n"),
    ("mode scalper-macdv", "mode scalper-macdv, was position-monitor; revision 2 holds now\n"),
    ("reload", "revision 2 holds now\n"),
    ("pause --level alerts", "paused: alerts, until it is resumed; by local\n"),
]


@pytest.fixture
def verb(capsys, monkeypatch, tmp_path) -> Callable[..., tuple[int, str, str]]:
    """Run a verb in the folder of the program."""
    monkeypatch.chdir(tmp_path)
    for name in ("LIVERMORE_URL", "LIVERMORE_TOKEN", "LIVERMORE_DATABASE_URL", "LIVERMORE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        return run(words), *capsys.readouterr()

    return call


def test_the_program_obeys(verb, tmp_path: Path) -> None:
    def told(*words: str) -> Any:
        return json.loads(verb(*words, "--json")[1])

    with Program(tmp_path) as program:
        program.printed(URL)
        code, said, _ = verb("pause", "--reason", "lunch", "--until", "8h")
        assert (code, said[:20], said[-18:]) == (Exit.DONE, "paused: data, until ", "; by local; lunch\n")
        assert told("status")["state"] == "paused"
        assert said in verb("status")[1]
        for words, expected in SAID:
            code, said, complained = verb(*words.split())
            assert (code, said) == (Exit.DONE, expected), complained
        refused = verb("mode", "scalper-orderbook")
        assert (refused[0], "not" in refused[2]) == (Exit.REFUSED, True)
        _check_what_is_documented(tmp_path)
        history = told("commands")["commands"]
        assert {command["status"] for command in history} == {"succeeded", "failed", "rejected"}
        whole = until(lambda: found if not (found := told("commands", "verify"))["unsealed"] else None)
        assert (whole["ok"], whole["commands"]) == (True, len(history))
        program.kill()
    assert told("commands")["commands"] == history
    assert verb("commands", "verify", "--expect", whole["head"])[0] == Exit.DONE
    assert verb("pause")[0] == Exit.NOT_REACHABLE


def _check_what_is_documented(folder: Path) -> None:
    """What the program knows is what the reference page tells."""
    server = find_server(folder)
    assert server is not None
    with pytest.raises(InvalidError) as refused:
        asyncio.run(ask(server, "/commands", method="POST", body={"type": "?"}))
    assert refused.value.hint == "one of " + ", ".join(sorted(registry().entries))
