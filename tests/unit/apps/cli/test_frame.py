"""How verbs are found, loaded and described."""

import subprocess
import sys

import pytest

from livermore.apps.cli.frame import repeated_flags
from livermore.apps.cli.verbs import VERBS

HEAVY = {
    "numpy", "pydantic", "sqlalchemy", "fastapi", "nicegui", "aiohttp", "httpx", "pyarrow", "scipy", "pandas",
    "ccxt", "uvicorn", "structlog", "rich",
}  # fmt: skip
LOADED = "import sys; from livermore.apps.cli.main import run; run({words!r}); print(*sys.modules)"


@pytest.mark.parametrize("words", [["--help"], ["up", "--help"], ["signals", "--help"], ["version"]])
def test_help_imports_nothing_heavy(words):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(words=words)], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    # Typer itself reads the options of a verb with pydantic.
    assert loaded & HEAVY <= (set() if words == ["--help"] else {"pydantic"})


def test_help_imports_no_verb():
    code = LOADED.format(words=["--help"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "livermore.apps.cli.up" not in done.stdout.split()


def test_every_verb_loads_and_has_help_and_examples(cli):
    for verb in VERBS:
        outcome = cli(verb.name, "--help")
        assert outcome.code == 0
        assert f"Usage: livermore {verb.name}" in outcome.out
        assert verb.name == "db" or "Examples:" in outcome.out
        assert verb.name in cli("--help").out


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("--replay a b --speed max", "--replay a --replay b --speed max"),
        ("--replay a --replay b", "--replay a --replay b"),
        ("--port 0 --replay a b c", "--port 0 --replay a --replay b --replay c"),
        ("--replay", "--replay"),
        ("--replay a -- b", "--replay a -- b"),
        ("a b --speed 1 c", "a b --speed 1 c"),
    ],
)
def test_several_values_may_follow_one_flag(given, read):
    assert repeated_flags(given.split(), {"--replay": lambda word: True}) == read.split()


def test_a_verb_that_is_not_there_names_the_nearest(cli):
    outcome = cli("signal")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines() == [
        "error: there is no verb 'signal'; did you mean signals? (livermore)",
        "hint: see: livermore --help",
    ]


def test_livermore_alone_shows_its_help(cli):
    assert cli().out == cli("--help").out
    assert cli("db").out == cli("db", "--help").out
