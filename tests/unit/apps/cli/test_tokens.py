"""Tokens on the command line: shown once, listed without their secret, revoked by their number."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

DATABASE = Path(".livermore/data/livermore.db")


@pytest.fixture(autouse=True)
def _users(cli):
    for name, role in (("root", "admin"), ("edwin", "operator")):
        assert cli("user", "add", name, "--role", role, "--no-password").code == 0


def hashes() -> list[bytes]:
    with sqlite3.connect(DATABASE) as connection:
        return [row[0] for row in connection.execute("SELECT hash FROM api_tokens ORDER BY id")]


def tokens(cli: Any, *words: str) -> Any:
    return json.loads(cli("token", "list", *words, "--json").out)["tokens"]


def test_a_token_is_shown_once_and_stored_as_its_digest(cli):
    made = cli("token", "create", "bot", "--user", "edwin", "--role", "operator")
    secret = made.out.strip()
    assert (made.code, secret.startswith("lvm_"), len(secret)) == (0, True, 47)
    assert secret not in made.err
    assert hashes() == [hashlib.sha256(secret.encode()).digest()]
    listed = cli("token")
    assert listed.out.splitlines()[1].split()[:4] == ["1", "edwin", "bot", "operator"]
    assert secret not in listed.out + cli("token", "list", "--json").out


def test_for_programs_the_secret_stands_in_the_document(cli):
    made = json.loads(cli("token", "create", "bot", "--user", "edwin", "--json").out)
    assert (made["name"], made["role"], made["user"], made["id"]) == ("bot", "viewer", "edwin", 1)
    assert hashes() == [hashlib.sha256(made["secret"].encode()).digest()]


def test_a_token_may_not_more_than_its_user(cli):
    refused = cli("token", "create", "bot", "--user", "edwin", "--role", "admin")
    assert (refused.code, refused.out) == (7, "")
    assert hashes() == []


def test_whose_it_is_has_to_be_said_unless_it_is_the_workspace_s_own(cli):
    assert cli("token", "create", "bot").code == 4
    with sqlite3.connect(DATABASE) as connection:
        connection.execute(
            "INSERT INTO users (username, identity_provider, identity_sub, role)"
            " VALUES ('local', 'local', 'local', 'admin')"
        )
    assert cli("token", "create", "bot").code == 0
    assert [token["user"] for token in tokens(cli)] == ["local"]


def test_a_revoked_token_stays_in_the_list(cli):
    for name in ("one", "two"):
        cli("token", "create", name, "--user", "edwin")
    revoked = cli("token", "revoke", "1")
    assert (revoked.code, revoked.out) == (0, "'one' of edwin is revoked\n")
    assert [(token["id"], token["revoked_at"] is None) for token in tokens(cli)] == [(2, True), (1, False)]
    assert cli("token", "revoke", "3").code == 4
    assert cli("token", "revoke", "0").code == 2


def test_only_one_user_s_tokens_are_listed_when_asked_for(cli):
    for name in ("root", "edwin"):
        cli("token", "create", f"of {name}", "--user", name)
    assert [token["name"] for token in tokens(cli, "--user", "edwin")] == ["of edwin"]
    assert len(tokens(cli)) == 2
    assert cli("token", "list", "--user", "nobody").code == 4
