"""Who runs Livermore as a superuser of PostgreSQL is told that its policies do not hold it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from livermore.adapters.sql import migrate
from tests.contracts.sql.tenants import ordinary_login


@pytest.fixture
async def databases(postgres_url: str, postgres_database: str) -> AsyncIterator[dict[str, str]]:
    """One database, for a superuser and for an ordinary login."""
    await migrate(postgres_database)
    async with ordinary_login(postgres_url, postgres_database) as ordinary:
        yield {"superuser": postgres_database, "ordinary": ordinary}


def test_a_superuser_is_warned_of(cli, databases, monkeypatch):
    monkeypatch.setenv("LIVERMORE_DATABASE_URL", databases["superuser"])
    (finding,) = [each for each in found(cli) if each["name"] == "tenancy"]
    assert finding["state"] == "warn"
    assert "is a superuser" in finding["detail"]
    assert "NOSUPERUSER NOBYPASSRLS" in finding["hint"]
    (warning,) = json.loads(cli("db", "check", "--json").out)["warnings"]
    assert "is a superuser" in warning
    assert f"warning: {warning}" in cli("db", "check").out


def test_an_ordinary_login_is_not(cli, databases, monkeypatch):
    monkeypatch.setenv("LIVERMORE_DATABASE_URL", databases["ordinary"])
    (finding,) = [each for each in found(cli) if each["name"] == "tenancy"]
    assert (finding["state"], finding["hint"]) == ("ok", None)
    assert json.loads(cli("db", "check", "--json").out)["warnings"] == []
    assert "warning" not in cli("db", "check").out


def test_a_file_has_no_login(cli):
    assert cli("db", "upgrade").code == 0
    assert [each for each in found(cli) if each["name"] == "tenancy"] == []
    assert json.loads(cli("db", "check", "--json").out)["warnings"] == []


def test_a_server_that_is_not_there_is_told_of_once(cli, monkeypatch):
    monkeypatch.setenv("LIVERMORE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    (finding,) = [each for each in found(cli) if each["state"] == "fail"]
    assert finding["name"] == "database"


def found(cli: Any) -> Any:
    """Return what the doctor finds."""
    return json.loads(cli("doctor", "--port", "0", "--json").out)["checks"]
