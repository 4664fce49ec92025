"""Users on the command line: a password is typed or piped in, and never seen again."""

import io
import json
import os
import pty
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

GOOD = "violet tractor 91"
DATABASE = Path(".livermore/data/livermore.db")


@pytest.fixture
def typed(monkeypatch):
    """Put a line on standard input."""

    def put(line: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(line + "\n"))

    return put


@pytest.fixture
def root(cli, typed):
    """A first admin."""
    typed(GOOD)
    assert cli("user", "add", "root", "--role", "admin", "--password-stdin").code == 0


def users(cli: Any) -> dict[str, Any]:
    listed = cli("user", "list", "--json")
    assert listed.code == 0
    return {user["username"]: user for user in json.loads(listed.out)["users"]}


def stored(query: str) -> Any:
    with sqlite3.connect(DATABASE) as connection:
        return connection.execute(query).fetchall()


def test_a_user_is_added_and_listed_without_the_password(cli, root):
    added = cli("user", "add", "Edwin", "--no-password", "--display-name", "E. Lefèvre", "--json")
    assert (added.code, json.loads(added.out)["username"]) == (0, "edwin")
    listed = cli("user")
    assert [line.split()[:4] for line in listed.out.splitlines()[1:]] == [
        ["root", "admin", "yes", "password"],
        ["edwin", "viewer", "yes", "-"],
    ]
    assert (users(cli)["edwin"]["display_name"], users(cli)["root"]["has_password"]) == ("E. Lefèvre", True)
    assert "argon2" not in listed.out + cli("user", "--json").out
    assert stored("SELECT password_hash LIKE '$argon2id$%' FROM users WHERE username = 'root'") == [(1,)]
    assert stored("SELECT settings FROM users WHERE username = 'edwin'") == [('{"version":2}',)]


def test_a_folder_of_a_demonstration_says_which_source_to_name(cli, root):
    DATABASE.rename(DATABASE.with_name("demo.db"))
    refused = cli("user")
    assert (refused.code, refused.out) == (3, "")
    assert "hint: this folder holds data of demo: add --source demo" in refused.err
    assert "root" in cli("user", "--source", "demo").out


def test_a_reading_verb_creates_nothing(cli):
    for verb in ("user", "token"):
        refused = cli(verb, "list")
        assert (refused.code, refused.out) == (3, "")
    assert not Path(".livermore").exists()


def test_a_new_password_replaces_the_old_one_and_ends_the_sessions(cli, root, typed):
    (before,) = stored("SELECT password_hash FROM users")
    with sqlite3.connect(DATABASE) as connection:
        connection.execute("INSERT INTO sessions (hash, user_id, expires_at) VALUES (x'00', 1, '2999-01-01')")
    typed("quiet harbour 64")
    done = cli("user", "password", "root", "--password-stdin")
    assert (done.code, done.out) == (0, "root has a new password\n")
    assert stored("SELECT password_hash FROM users") != [before]
    assert stored("SELECT * FROM sessions") == []


@pytest.mark.parametrize("verb", [("user", "add", "edwin"), ("user", "password", "root")])
def test_a_weak_password_is_refused_without_being_repeated(cli, root, typed, verb):
    typed("qwertyuiop")
    refused = cli(*verb, "--password-stdin")
    assert (refused.code, refused.out) == (4, "")
    assert refused.err.startswith("error: this password is among the first that anybody tries (password)")
    assert "qwertyuiop" not in refused.err
    assert list(users(cli)) == ["root"]


def test_without_a_terminal_a_password_has_to_be_piped_in(cli, root, typed):
    typed(GOOD)
    refused = cli("user", "add", "edwin")
    assert (refused.code, refused.out) == (4, "")
    assert "--password-stdin" in refused.err


def test_an_identity_is_let_in_without_a_password(cli, root):
    added = cli("user", "add", "anna", "--provider", "oidc", "--subject", "248", "--role", "operator")
    assert (added.code, added.out) == (0, "anna added: operator\n")
    anna = users(cli)["anna"]
    assert (anna["identity_provider"], anna["identity_sub"], anna["has_password"]) == ("oidc", "248", False)
    assert cli("user", "add", "bert", "--provider", "oidc").code == 2
    assert cli("user", "add", "bert", "--provider", "oidc", "--subject", "248").code == 5


def test_roles_and_activity_are_changed(cli, root):
    cli("user", "add", "edwin", "--no-password")
    assert cli("user", "change", "edwin", "--role", "operator", "--inactive").out == (
        "edwin changed: operator, inactive\n"
    )
    assert cli("user", "change", "EDWIN", "--active").out == "edwin changed: operator, active\n"
    assert cli("user", "change", "edwin").code == 2
    assert cli("user", "change", "edwin", "--role", "king").code == 4
    assert cli("user", "change", "nobody", "--active").code == 4


def test_the_last_admin_stays(cli, root):
    cli("user", "add", "edwin", "--no-password")
    tries = (
        ["change", "root", "--role", "viewer"],
        ["change", "root", "--inactive"],
        ["remove", "root", "--yes"],
    )
    assert [cli("user", *words).code for words in tries] == [5, 5, 5]
    assert users(cli)["root"]["is_active"]


def test_a_user_is_removed_only_when_that_is_meant(cli, root):
    cli("user", "add", "edwin", "--no-password")
    assert cli("user", "remove", "edwin").code == 4
    assert list(users(cli)) == ["root", "edwin"]
    assert cli("user", "remove", "edwin", "--yes").out == "edwin deleted\n"
    assert list(users(cli)) == ["root"]


def test_a_taken_name_is_a_conflict(cli, root):
    again = cli("user", "add", "ROOT", "--no-password")
    assert (again.code, again.out) == (5, "")


def test_the_database_that_the_environment_names_is_meant(cli, root, monkeypatch, tmp_path):
    monkeypatch.setenv("LIVERMORE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/other.db")
    assert cli("user", "add", "edwin", "--no-password").code == 0
    assert list(users(cli)) == ["edwin"]
    monkeypatch.delenv("LIVERMORE_DATABASE_URL")
    assert list(users(cli)) == ["root"]


def talk(folder: Path, words: list[str], lines: list[str]) -> tuple[int, str]:
    """Run the program on a terminal, answer each question, and return the exit code and all that was seen."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "livermore", *words])
    seen = b""
    try:
        while chunk := os.read(terminal, 1000):
            seen += chunk
            if lines and seen.endswith(b": "):
                os.write(terminal, lines.pop(0).encode() + b"\n")
    except OSError:  # what Linux says when the other end of a terminal is closed
        pass
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


def test_a_terminal_is_asked_twice_and_shows_no_password(cli, tmp_path):
    code, seen = talk(tmp_path, ["user", "add", "root", "--role", "admin"], [GOOD, GOOD])
    assert code == 0
    assert "root added: admin" in seen
    assert GOOD not in seen
    assert users(cli)["root"]["has_password"]


def test_two_passwords_that_differ_add_nobody(cli, root, tmp_path):
    code, seen = talk(tmp_path, ["user", "add", "edwin"], [GOOD, GOOD + "2"])
    assert (code, "the two are not the same" in seen, GOOD in seen) == (4, True, False)
    assert list(users(cli)) == ["root"]
