"""`livermore settings` and `livermore accounts` where no server runs: on the database of a folder."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from livermore.apps.cli.errors import Exit
from livermore.apps.cli.settings_editor import PROBLEM, annotated
from livermore.apps.cli.settings_paths import completed, value_of
from livermore.kernel.errors import InvalidError
from livermore.settings.transfer import read_file
from livermore.settings.upgrade import read_settings

SECRET = "MHcCAQEEIDxxGTmZZ4ZmB8gSPbGT8bYhqYcW0oAoGCCqGSM49AwEHoUQDQg"


def told(done: Any) -> Any:
    return json.loads(done.out)


@pytest.mark.parametrize("verb", ["show", "get symbols", "history", "diff", "export", "plan -", "edit"])
def test_looking_into_an_empty_folder_creates_nothing(cli, tmp_path, monkeypatch, verb):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    done = cli("settings", *verb.split())
    assert done.code == Exit.NOT_REACHABLE
    assert "nothing runs here and nothing is stored" in done.err
    assert list(tmp_path.iterdir()) == []


def test_the_first_write_makes_the_database(cli, tmp_path):
    done = cli("settings", "set", "alerts.cooldown_seconds", "60", "--reason", "too loud")
    assert (done.code, done.out) == (
        Exit.DONE, "~ alerts.cooldown_seconds: 300 → 60\nsaved as revision 2\n"
    )  # fmt: skip
    assert [file.name for file in (tmp_path / ".livermore" / "data").glob("*.db")] == ["livermore.db"]
    assert cli("settings", "get", "alerts.cooldown_seconds").out == "60\n"
    assert cli("settings", "get", "/alerts/levels/0", "--json").out == "150\n"
    newest = told(cli("settings", "history", "--json"))["revisions"][0]
    assert [newest[name] for name in ("revision", "author", "source", "reason")] == [
        2, "local", "cli", "too loud"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "stored"),
    [
        ("perseus_profile.currency", "EUR", "EUR"),
        ("perseus_profile.public_name", "12", "12"),
        ("perseus_profile.public_name", '"quoted"', "quoted"),
        ("perseus_profile.public_name", "ü 😀 {", "ü 😀 {"),
        ("scanner.enabled", "true", True),
        ("alerts.levels.-", "500", 500),
        ("alerts.quiet_hours", '{"from": "22:00", "to": "06:00"}', {"from": "22:00", "to": "06:00"}),
        ("symbols", "[]", []),
        ('exchanges["coinbase"].ApiKeyEnvironmentVariableName', "Coinbase_ApiKeyId", "Coinbase_ApiKeyId"),
    ],
)
def test_a_value_is_json_or_the_text_that_it_is(cli, path, value, stored):
    assert cli("settings", "set", path, value).code == Exit.DONE
    place = path if not path.endswith("-") else "alerts.levels.6"
    found = told(cli("settings", "get", place, "--json"))
    assert found == stored or {**found, **stored} == found


def test_a_value_comes_from_a_pipe(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("[100, 200]\n"))
    assert cli("settings", "set", "alerts.levels", "-").code == Exit.DONE
    assert told(cli("settings", "get", "alerts.levels", "--json")) == [100, 200]


def test_what_is_absent_is_nothing_and_for_programs_null(cli):
    cli("settings", "set", "scanner.limit", "7")
    done = cli("settings", "get", "perseus_profile.public_name")
    assert (done.code, done.out) == (Exit.DONE, "")
    assert "is not set" in done.err
    assert cli("settings", "get", "perseus_profile.public_name", "--json").out == "null\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "scanner.limits"], "did you mean limit?"),
        (["set", "scanner.limits", "7"], "did you mean limit?"),
        (["set", "scanner.limit", "seven"], "must be a whole number (scanner.limit)"),
        (["set", "scanner.limit", "NaN"], "scanner.limit"),
        (["set", "alerts.levels", "[1, 2"], "this is no JSON"),
        (["set", "scanner.limit.a", "7"], "scanner.limit"),
        (["set", "version", "3"], "only an upgrade moves the version"),
        (["set", "a..b", "3"], "this is no path of a setting"),
        (["rollback", "99"], "there is no revision 99"),
        (["diff", "1", "99"], "there is no revision 99"),
        (["import", "nothing.json"], "No such file"),
    ],
)
def test_what_does_not_fit_is_refused_and_stores_nothing(cli, arguments, said):
    cli("settings", "set", "scanner.enabled", "true")
    done = cli("settings", *arguments)
    assert done.code == Exit.REFUSED
    assert said in done.err
    assert told(cli("settings", "show", "--json"))["revision"] == 2


@pytest.mark.parametrize("path", ["ApiKeyEnvironmentVariableName", "SecretEnvironmentVariableName"])
def test_a_pasted_secret_is_refused_and_not_repeated(cli, path):
    done = cli("settings", "set", f"exchanges.coinbase.{path}", SECRET)
    assert done.code == Exit.REFUSED
    assert "looks like a secret" in done.err
    assert SECRET[:20] not in done.err + done.out
    option = {"ApiKeyEnvironmentVariableName": "--key"}.get(path, "--secret")
    other = {"--key": "--secret", "--secret": "--key"}[option]
    done = cli("accounts", "add", "coinbase", option, SECRET, other, "Coinbase_Other")
    assert done.code == Exit.REFUSED
    assert SECRET[:20] not in done.err + done.out


def test_whoever_looked_at_an_older_revision_is_told(cli):
    cli("settings", "set", "scanner.limit", "7")
    for change in (["set", "scanner.limit", "8"], ["reset", "scanner"], ["rollback", "1"]):
        done = cli("settings", *change, "--if-revision", "1")
        assert (done.code, "are at revision 2" in done.err) == (Exit.CONFLICT, True)
    assert cli("settings", "set", "scanner.limit", "8", "--if-revision", "2").code == Exit.DONE


def test_there_and_back(cli):
    for number in (7, 8, 9):
        cli("settings", "set", "scanner.limit", str(number))
    done = cli("settings", "rollback", "2", "scanner", "--reason", "better")
    assert done.out == "~ scanner.limit: 9 → 7\nsaved as revision 5\n"
    again = cli("settings", "rollback", "5")
    assert (again.code, "already those of revision 5" in again.err) == (Exit.CONFLICT, True)
    assert cli("settings", "diff").out == "~ scanner.limit: 9 → 7\n"
    assert cli("settings", "diff", "2").out == ""
    patch = told(cli("settings", "diff", "3", "4", "--json"))["patch"]
    assert patch == [{"op": "replace", "path": "/scanner/limit", "value": 9}]
    page = cli("settings", "history", "--limit", "2")
    assert [line.split()[0] for line in page.out.splitlines()] == ["revision", "5", "4"]
    assert "better" in page.out
    assert "--before 4" in page.err
    assert cli("settings", "reset").code == Exit.USAGE
    assert cli("settings", "reset", "scanner").out == "~ scanner.limit: 7 → 50\nsaved as revision 6\n"
    assert cli("settings", "reset", "--all").out == "nothing changed: revision 6\n"


def test_an_export_is_imported_as_it_was(cli, tmp_path):
    cli("settings", "set", "perseus_profile.public_name", 'ü, {"a"} 😀')
    assert cli("settings", "export", "mine.json").err.endswith("written to mine.json\n")
    assert cli("settings", "export", "mine.json").code == Exit.CONFLICT
    exported = json.loads((tmp_path / "mine.json").read_text("utf-8"))
    assert told(cli("settings", "export"))["settings"] == exported["settings"]
    cli("settings", "reset", "--all")
    tried = cli("settings", "import", "mine.json", "--dry-run")
    assert tried.out.endswith("nothing was stored: this was a dry run\n")
    assert cli("settings", "import", "mine.json", "--reason", "back").code == Exit.DONE
    assert told(cli("settings", "show", "--json"))["settings"] == exported["settings"]
    assert told(cli("settings", "history", "--json"))["revisions"][0]["source"] == "import"


def test_an_old_file_with_comments_is_imported_with_a_report(cli, tmp_path):
    (tmp_path / "old.json").write_text('{"version": 1, /* mine */ "symbols": [], "perseus": {},}')
    refused = cli("settings", "import", "old.json")
    assert (refused.code, "is unknown (perseus)" in refused.err) == (Exit.REFUSED, True)
    done = cli("settings", "import", "old.json", "--drop-unknown")
    assert done.code == Exit.DONE
    assert "left out, for no setting is called so: perseus" in done.err
    assert "upgraded from version 1" in done.err


def test_a_file_is_validated_planned_and_applied(cli, tmp_path):
    file = tmp_path / "new.json"
    file.write_text('{"version": 2, "scanner": {"limit": "7"}, "alerst": {}}')
    offline = cli("settings", "validate", "new.json")
    assert offline.code == Exit.REFUSED
    assert set(offline.out.splitlines()) == {
        "scanner.limit: must be a whole number", "alerst: is unknown (did you mean alerts?)"
    }  # fmt: skip
    assert not (tmp_path / ".livermore").exists()
    file.write_text('{"version": 2, "scanner": {"limit": 7}}')
    assert cli("settings", "validate", "new.json").out == "new.json fits\n"
    cli("settings", "set", "scanner.enabled", "true")
    assert told(cli("settings", "validate", "new.json", "--json"))["valid"] is True
    planned = cli("settings", "plan", "new.json")
    assert "~ scanner.limit: 50 → 7  [hot]" in planned.out
    assert told(cli("settings", "show", "--json"))["revision"] == 2
    applied = cli("settings", "apply", "new.json")
    assert "saved as revision 3" in applied.out
    assert "it holds at the next start" in applied.err
    file.write_text("{")
    unreadable = cli("settings", "plan", "new.json")
    assert (unreadable.code, "(new.json, line 1, column 2)" in unreadable.err) == (Exit.REFUSED, True)
    problem = told(cli("settings", "validate", "new.json", "--json"))["errors"][0]
    assert problem["path"] == "new.json, line 1, column 2"


# ---------------------------------------------------------------- editing


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *turns: str) -> Path:
    """Be an editor that makes one replacement each time it is opened, and keeps what it was shown."""
    script = tmp_path / "editor.py"
    seen = tmp_path / "seen"
    seen.mkdir()
    script.write_text(
        f"""
import json, pathlib, sys
turns, seen = {list(turns)!r}, pathlib.Path({str(seen)!r})
number = len(list(seen.iterdir()))
file = pathlib.Path(sys.argv[1])
text = file.read_text("utf-8")
(seen / str(number)).write_text(text, "utf-8")
if number < len(turns):
    before, after = turns[number].split("=>")
    assert before in text, before
    file.write_text(text.replace(before, after), "utf-8")
""",
        "utf-8",
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
    return seen


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Where texts are kept that could not be stored."""
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_the_document_is_edited_with_its_help(cli, tmp_path, monkeypatch, kept):
    cli("settings", "set", "scanner.enabled", "true")
    seen = editor(tmp_path, monkeypatch, '"limit": 50=>"limit": 7')
    done = cli("settings", "edit")
    assert (done.code, done.out) == (Exit.DONE, "~ scanner.limit: 50 → 7\nsaved as revision 3\n")
    shown = (seen / "0").read_text("utf-8")
    assert "// How many symbols it proposes. (hot)\n" in shown
    assert list(kept.iterdir()) == []


def test_what_does_not_fit_is_opened_again_with_the_text(cli, tmp_path, monkeypatch, kept):
    cli("settings", "set", "scanner.enabled", "true")
    seen = editor(
        tmp_path, monkeypatch, '"limit": 50=>"limit": "many"', '"limit": "many"=>"limit": 7,,', ",,,=>,"
    )
    assert cli("settings", "edit").code == Exit.DONE
    again = (seen / "1").read_text("utf-8")
    assert again.startswith(f"{PROBLEM}scanner.limit: must be a whole number\n")
    assert '"limit": "many"' in again
    third = (seen / "2").read_text("utf-8")
    assert third.startswith(PROBLEM)
    assert third.count(PROBLEM) == 1
    assert told(cli("settings", "get", "scanner.limit", "--json")) == 7


def test_what_stays_wrong_is_kept_in_a_file(cli, tmp_path, monkeypatch, kept):
    cli("settings", "set", "scanner.enabled", "true")
    editor(tmp_path, monkeypatch, '"limit": 50=>"limit": "many"')
    done = cli("settings", "edit")
    assert (done.code, "your text is kept in" in done.err) == (Exit.REFUSED, True)
    (file,) = kept.iterdir()
    assert '"limit": "many"' in file.read_text("utf-8")
    assert told(cli("settings", "show", "--json"))["revision"] == 2


def test_nothing_edited_is_nothing_stored(cli, tmp_path, monkeypatch, kept):
    cli("settings", "set", "scanner.enabled", "true")
    editor(tmp_path, monkeypatch)
    assert cli("settings", "edit").out == "nothing changed: revision 2\n"
    monkeypatch.setenv("EDITOR", "false")
    assert cli("settings", "edit").code == Exit.FAILED
    monkeypatch.setenv("EDITOR", "no-such-editor-anywhere")
    missing = cli("settings", "edit")
    assert (missing.code, "EDITOR=nano" in missing.err) == (Exit.REFUSED, True)
    assert list(kept.iterdir()) == []


def test_who_was_faster_wins_and_the_text_is_kept(cli, tmp_path, monkeypatch, kept):
    cli("settings", "set", "scanner.enabled", "true")
    editor(tmp_path, monkeypatch, '"limit": 50=>"limit": 7')
    script = tmp_path / "editor.py"
    change = "import os; os.system('%s -m livermore settings set scanner.limit 9 >/dev/null')\n"
    script.write_text(change % sys.executable + script.read_text("utf-8"), "utf-8")
    done = cli("settings", "edit")
    assert (done.code, "your text is kept in" in done.err) == (Exit.CONFLICT, True)
    assert told(cli("settings", "get", "scanner.limit", "--json")) == 9


def test_the_annotated_document_is_the_document():
    document = read_settings(
        {
            "version": 2,
            "exchanges": {"coinbase": {}},
            "alerts": {"quiet_hours": {"from": "22:00", "to": "06:00"}, "routes": [{"channel": "terminal"}]},
            "symbols": [f"coinbase:{number}-USD" for number in range(30)],
        }
    ).plain()
    text = annotated(document)
    assert read_file(text) == document
    assert '// "public_name": …' in text
    assert max(map(len, text.splitlines())) < 140


# ---------------------------------------------------------------- paths, schema, completion


def test_the_schema_is_printed(cli):
    assert told(cli("settings", "schema"))["$schema"].startswith("https://json-schema.org/")


def test_paths_are_completed():
    assert completed("alerts.c") == ["alerts.cooldown_seconds"]
    assert completed("/alerts/c") == ["/alerts/cooldown_seconds"]
    assert "exchanges.binance.enabled" in completed("exchanges.b")
    assert completed("nothing") == []


def test_the_shell_completes_paths(program, monkeypatch):
    monkeypatch.setenv("_LIVERMORE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "livermore settings get alerts.co")
    monkeypatch.setenv("COMP_CWORD", "3")
    done = program()
    assert "alerts.cooldown_seconds" in done.out.split()


def test_what_is_no_json_is_only_a_text_where_it_cannot_be_json():
    assert value_of("scanner.limit", "seven") == "seven"
    assert value_of("alerts.quiet_hours", "null") is None
    assert value_of("perseus_profile.public_name", "null") is None
    assert value_of("perseus_profile.public_name", '"open') == '"open'
    with pytest.raises(InvalidError, match="VALUE"):
        value_of("scanner", '{"limit": ')


# ---------------------------------------------------------------- exchange accounts


def test_an_account_is_opened_and_closed(cli, monkeypatch):
    monkeypatch.setenv("Coinbase_ApiKeyId", "not told")
    added = cli("accounts", "add", "coinbase", "--key", "Coinbase_ApiKeyId", "--secret", "Coinbase_ApiSecret")
    assert added.out == "coinbase: Coinbase_ApiKeyId, Coinbase_ApiSecret (not set)\n"
    (account,) = told(cli("accounts", "--json"))["accounts"]
    assert account["variables"] == [
        {"name": "Coinbase_ApiKeyId", "resolves": True}, {"name": "Coinbase_ApiSecret", "resolves": False},
    ]  # fmt: skip
    assert (account["exchange"], account["is_active"], account["is_default"]) == ("coinbase", True, False)
    assert "Coinbase_ApiSecret (not set)" in cli("accounts").out
    again = cli("accounts", "add", "coinbase", "--key", "A", "--secret", "B")
    assert again.code == Exit.CONFLICT
    verified = cli("accounts", "verify", "coinbase")
    assert (verified.code, "is not set (Coinbase_ApiSecret)" in verified.out) == (Exit.REFUSED, True)
    assert told(cli("settings", "get", "exchanges.coinbase.enabled", "--json")) is True
    assert cli("accounts", "remove", "kraken").code == Exit.REFUSED
    assert cli("accounts", "remove", str(account["id"])).code == Exit.DONE
    assert cli("accounts").out == "no key is named: market data needs none\n"
    sources = [one["source"] for one in told(cli("settings", "history", "--json"))["revisions"]]
    assert sources == ["cli", "cli", "system"]


def test_the_default_account_is_that_of_the_primary_exchange(cli):
    cli("accounts", "add", "binance", "--key", "A", "--secret", "B", "--password", "C", "--default")
    assert cli("settings", "get", "perseus_profile.primary_exchange").out == "binance\n"
    (account,) = told(cli("accounts", "--json"))["accounts"]
    assert account["is_default"] is True
    assert [one["name"] for one in account["variables"]] == ["A", "B", "C"]
    unknown = cli("accounts", "add", "binanse", "--key", "A", "--secret", "B")
    assert (unknown.code, "did you mean binance?" in unknown.err) == (Exit.REFUSED, True)
