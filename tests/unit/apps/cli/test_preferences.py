"""`livermore preferences` where no server runs: in an empty folder, and into the database of one."""

import asyncio
import io
import json
import sys
from pathlib import Path

import pytest

from livermore import bootstrap
from livermore.apps.cli.errors import Exit
from livermore.workspace.preference import LARGEST_VALUE, LONGEST_KEY

ODD = {"a/b": "x", "%41 ?#": "", "žluť 🐎": "two\nlines", "..": '{"json": [1]}', " ": " ", "-k": "-v"}


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["list"], "no preference is stored\n"),
        (["get", "theme"], ""),
        (["delete", "theme"], "theme was not there\n"),
        (["get", "theme", "--installation"], ""),
    ],
)
def test_looking_into_an_empty_folder_creates_nothing(cli, tmp_path, arguments, out):
    done = cli("preferences", *arguments)
    assert (done.code, done.out) == (Exit.DONE, out)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_answers_programs_too(cli, tmp_path):
    null = {"key": "theme", "value": None, "updated_at": None}
    assert json.loads(cli("preferences", "--json").out) == {"preferences": []}
    assert json.loads(cli("preferences", "get", "theme", "--json").out) == null
    deleted = json.loads(cli("preferences", "delete", "theme", "--json").out)
    assert deleted == {"key": "theme", "existed": False}
    exported = json.loads(cli("preferences", "export").out)
    assert (exported["exportVersion"], exported["preferences"]) == ("1.0", {})
    assert list(tmp_path.iterdir()) == []


def test_the_first_write_makes_the_database(cli, tmp_path):
    assert cli("preferences", "set", "theme", "dark").out == "theme is stored\n"
    assert [file.name for file in (tmp_path / ".livermore" / "data").glob("*.db")] == ["livermore.db"]
    assert cli("preferences", "get", "theme").out == "dark\n"
    stored = json.loads(cli("preferences", "get", "theme", "--json").out)
    assert (stored["key"], stored["value"]) == ("theme", "dark")
    assert stored["updated_at"].endswith("Z")
    assert "theme  dark" in cli("preferences").out
    assert cli("preferences", "delete", "theme").out == "theme is deleted\n"
    assert json.loads(cli("preferences", "delete", "theme", "--json").out)["existed"] is False


def test_any_key_and_value_come_back(cli):
    for key, value in ODD.items():
        assert cli("preferences", "set", "--", key, value).code == Exit.DONE
        assert json.loads(cli("preferences", "get", "--json", "--", key).out)["value"] == value
    listed = json.loads(cli("preferences", "list", "--json").out)["preferences"]
    assert {one["key"]: one["value"] for one in listed} == ODD


def test_the_installation_counts_below_the_users_own(cli):
    cli("preferences", "set", "theme", "light", "--installation")
    assert cli("preferences", "get", "theme").out == "light\n"
    cli("preferences", "set", "theme", "dark")
    assert cli("preferences", "get", "theme").out == "dark\n"
    assert cli("preferences", "get", "theme", "--installation").out == "light\n"
    assert json.loads(cli("preferences", "export", "--installation").out)["preferences"] == {"theme": "light"}
    cli("preferences", "delete", "theme")
    assert cli("preferences", "get", "theme").out == "light\n"
    assert cli("preferences", "delete", "theme", "--installation").out == "theme is deleted\n"


def test_an_export_is_imported_as_it_was(cli, tmp_path, monkeypatch):
    for key, value in ODD.items():
        cli("preferences", "set", "--", key, value)
    assert cli("preferences", "export", "mine.json").err.endswith("6 preferences written to mine.json\n")
    exported = (tmp_path / "mine.json").read_bytes()
    again = cli("preferences", "export", "mine.json")
    assert (again.code, again.err.splitlines()[-1]) == (Exit.CONFLICT, "hint: name another file")
    assert (tmp_path / "mine.json").read_bytes() == exported
    (tmp_path / "elsewhere").mkdir()
    there = ("--workspace", "elsewhere")
    assert cli("preferences", "import", "mine.json", *there).out == "6 preferences stored\n"
    assert json.loads(cli("preferences", "export", *there).out)["preferences"] == ODD
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"bare": "object"}')))
    assert cli("preferences", "import", "-", *there).out == "1 preference stored\n"
    assert json.loads(cli("preferences", "export", *there).out)["preferences"] == ODD | {"bare": "object"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is not JSON"),
        ("\xff", "this is not JSON"),
        ("[]", "these are no preferences"),
        ('{"exportVersion": "2.0", "preferences": {}}', "not of version 1.0"),
        ('{"exportVersion": "1.0"}', "these are no preferences"),
        ('{"good": "x", "bad": 1}', "the value of 'bad' is no text"),
        ('{"good": "x", "": "x"}', "the key is empty"),
        ('{"good": "x", "bad": "\\u0000"}', "NUL"),
        ('{"good": "x", "bad": "\\ud800"}', "half of a character"),
        ('{"good": "x", "bad": "%s"}' % ("x" * (LARGEST_VALUE + 1)), "32,769 bytes"),
        (json.dumps({str(number): "" for number in range(501)}), "no more than 500"),
    ],
    ids=range(11),
)
def test_an_import_that_does_not_fit_stores_nothing(cli, tmp_path, text, said):
    cli("preferences", "set", "good", "before")
    (tmp_path / "mine.json").write_bytes(text.encode("latin-1"))
    done = cli("preferences", "import", "mine.json")
    assert done.code == Exit.REFUSED
    error, hint = done.err.splitlines()
    assert said in error
    assert hint.startswith("hint: ")
    assert json.loads(cli("preferences", "export").out)["preferences"] == {"good": "before"}


@pytest.mark.parametrize("verb", ["get", "set", "delete"])
@pytest.mark.parametrize("key", ["", "k" * (LONGEST_KEY + 1), "two\nlines", "half \udcff"])
def test_keys_that_do_not_fit_are_refused_before_anything_is_made(cli, tmp_path, verb, key):
    done = cli("preferences", verb, key, *(["x"] if verb == "set" else []))
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert len(done.err.splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_preferences_still_hears_what_its_first_start_asks_for(cli, tmp_path, monkeypatch):
    assert cli("preferences", "set", "theme", "dark").code == Exit.DONE
    monkeypatch.chdir(tmp_path)

    async def start(*symbols: str) -> tuple[tuple[str, ...], int, str | None]:
        plan = bootstrap.Plan(workspace=Path(), exchange="binance", symbols=symbols)
        system = await bootstrap.build(plan)
        try:
            scope = system.user.scope()
            current = await system.settings.current(scope)
            theme = await system.preferences.get(scope, "theme")
            return tuple(current.document.symbols), current.revision, theme.value
        finally:
            await system.stop()

    assert asyncio.run(start("BTCUSDT")) == (("BTCUSDT",), 2, "dark")
    assert asyncio.run(start("ETHUSDT")) == (("BTCUSDT",), 2, "dark")
