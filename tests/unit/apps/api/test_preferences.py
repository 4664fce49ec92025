"""Preferences and workspaces over HTTP: shapes, odd keys, whose they are, and who may write them."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from livermore.apps.access.body import LARGEST_BODY
from livermore.apps.access.guard import Guard
from livermore.kernel.clock import rfc3339
from livermore.kernel.role import Role
from livermore.workspace.folder import Workspace
from livermore.workspace.preference import LARGEST_IN_ALL, LARGEST_VALUE, LONGEST_KEY
from livermore.workspace.row import HowOpened
from tests.unit.apps.doors import bearer_of, somebody
from tests.unit.apps.standin import NOW, StandIn

ALL = "/api/v1/preferences"
ODD_KEYS = ["a/b//c", "a/../b", "100 %41%2F", "žluťoučký 🐎", "?#&=;+", "'\"<script>", "..", ".", "-", "/"]


def at(key: str) -> str:
    return f"{ALL}/{quote(key, safe='').replace('.', '%2E')}"


async def put(client: AsyncClient, key: str, value: Any, whose: str = "") -> Any:
    return await client.put(at(key) + whose, json={"value": value})


@pytest.fixture
async def jesse(client: AsyncClient, system: StandIn, api: FastAPI, guard: Guard) -> AsyncClient:
    """A viewer, who asks by a token."""
    return await asking(system, api, guard, "viewer")


async def asking(system: StandIn, api: FastAPI, guard: Guard, role: Role) -> AsyncClient:
    headers = await bearer_of(system, await somebody(system, f"jesse-{role}", role))
    transport = ASGITransport(guard.before(api), raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


async def test_what_is_absent_is_null(client: AsyncClient) -> None:
    answer = await client.get(at("theme"))
    assert answer.status_code == 200
    assert answer.json() == {"key": "theme", "value": None, "updated_at": None}
    assert (await client.get(ALL)).json() == {"preferences": []}
    assert (await client.delete(at("theme"))).json() == {"key": "theme", "existed": False}


async def test_what_is_put_is_told_with_its_time(client: AsyncClient) -> None:
    stored = {"key": "theme", "value": "dark", "updated_at": rfc3339(NOW)}
    assert (await put(client, "theme", "dark")).json() == stored
    assert (await client.get(at("theme"))).json() == stored
    assert (await client.get(ALL)).json() == {"preferences": [stored]}
    assert (await put(client, "theme", "")).json()["value"] == ""
    assert (await client.get(at("theme"))).json()["value"] == ""
    assert (await client.delete(at("theme"))).json() == {"key": "theme", "existed": True}
    assert (await client.get(at("theme"))).json()["value"] is None


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_any_key_has_an_address(client: AsyncClient, key: str) -> None:
    assert (await put(client, key, "x")).json()["key"] == key
    assert (await client.get(at(key))).json()["value"] == "x"
    assert [one["key"] for one in (await client.get(ALL)).json()["preferences"]] == [key]
    assert (await client.delete(at(key))).json() == {"key": key, "existed": True}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{ALL}/", "the key is empty"),
        (f"{ALL}/{'k' * (LONGEST_KEY + 1)}", "201 characters"),
        (f"{ALL}/a%09b", "control character"),
        (f"{ALL}/a%7Fb", "control character"),
    ],
)
async def test_keys_that_do_not_fit(client: AsyncClient, path: str, said: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = {"json": {"value": "x"}} if method == "PUT" else {}
        answer = await client.request(method, path, **body)  # type: ignore[arg-type]
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
        assert answer.json()["errors"][0]["path"] == "key"


@pytest.mark.parametrize(("key", "said"), [("a\nb", "control character"), ("a\0b", "NUL"), ("", "empty")])
async def test_keys_that_do_not_fit_among_many(client: AsyncClient, key: str, said: str) -> None:
    answer = await client.patch(ALL, json={"preferences": {"good": "x", key: "x"}})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert 400 <= (await client.get(at(key))).status_code < 500
    assert (await client.get(ALL)).json() == {"preferences": []}


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", '"dark"', "{}", '{"value": null}', '{"value": 1}', '{"value": "a\\u0000"}',
     '{"value": "\\ud800"}', '{"value": "x", "more": 1}', '{"value": "%s"}' % ("x" * (LARGEST_VALUE + 1))],
)  # fmt: skip
async def test_bodies_that_do_not_fit(client: AsyncClient, body: str) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.put(at("theme"), content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert (await client.get(ALL)).json() == {"preferences": []}


async def test_many_are_stored_together_or_not_at_all(client: AsyncClient) -> None:
    await put(client, "a", "before")
    for bad in ({"": "x"}, {"b": "nul\0"}, {"b": "x" * (LARGEST_VALUE + 1)}, {"b": 1}, {"b": None}):
        answer = await client.patch(ALL, json={"preferences": {"a": "after", **bad}})
        assert answer.status_code == 422
        assert (await client.get(ALL)).json()["preferences"][0]["value"] == "before"
    done = (await client.patch(ALL, json={"preferences": {"b": "", "a": "after"}})).json()["preferences"]
    assert {one["key"]: one["value"] for one in done} == {"a": "after", "b": ""}
    assert (await client.patch(ALL, json={"preferences": {}})).json() == {"preferences": []}
    assert [one["key"] for one in (await client.get(ALL)).json()["preferences"]] == ["a", "b"]


async def test_the_most_that_is_kept_fits_into_one_request(client: AsyncClient) -> None:
    keys = 5
    value = "\x01" * (LARGEST_IN_ALL // keys - 1)
    everything = {str(number): value for number in range(keys)}
    answer = await client.patch(ALL, json={"preferences": everything})
    assert answer.status_code == 200
    assert LARGEST_BODY * 0.8 < len(answer.request.content) < LARGEST_BODY
    assert (await put(client, "one more", "")).status_code == 422


async def test_each_user_has_own_ones_above_the_installations(
    client: AsyncClient, jesse: AsyncClient
) -> None:
    await put(client, "theme", "dark", "?of=installation")
    await put(client, "zone", "UTC")
    assert (await jesse.get(ALL)).json()["preferences"][0]["value"] == "dark"
    assert (await jesse.get(at("zone"))).json()["value"] is None
    await put(jesse, "theme", "light")
    assert (await jesse.get(at("theme"))).json()["value"] == "light"
    assert (await client.get(at("theme"))).json()["value"] == "dark"
    assert (await jesse.get(at("theme") + "?of=installation")).json()["value"] == "dark"
    assert (await client.get(at("theme") + "?of=user")).json()["value"] is None
    assert [one["key"] for one in (await client.get(ALL + "?of=user")).json()["preferences"]] == ["zone"]
    assert (await jesse.delete(at("theme"))).json()["existed"] is True
    assert (await jesse.get(at("theme"))).json()["value"] == "dark"


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_the_installations_are_for_admins_to_write(
    system: StandIn, api: FastAPI, guard: Guard, client: AsyncClient, role: Role
) -> None:
    await put(client, "theme", "dark", "?of=installation")
    other = await asking(system, api, guard, role)
    whose = "?of=installation"
    refused = [
        await put(other, "theme", "light", whose),
        await other.delete(at("theme") + whose),
        await other.patch(ALL + whose, json={"preferences": {"theme": "light"}}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert "the role admin" in refused[0].json()["detail"]
    assert (await client.get(at("theme"))).json()["value"] == "dark"


async def test_nobody_else_is_meant(client: AsyncClient) -> None:
    answer = await client.get(ALL + "?of=everybody")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "of")
    assert (await client.get(ALL + "?off=user")).json()["errors"][0]["suggestion"] == "of"


async def test_workspaces_are_listed_with_how_they_were_opened(
    client: AsyncClient, system: StandIn, jesse: AsyncClient
) -> None:
    await system.workspaces.opened(Workspace(Path("/markets")), HowOpened(source="demo", speed=60.0))
    here = {
        "project_dir": "/markets", "name": "markets", "last_opened": NOW,
        "config": {"source": "demo", "host": "127.0.0.1", "port": 7070, "files": [], "speed": 60.0},
    }  # fmt: skip
    assert (await jesse.get("/api/v1/workspaces")).json() == {"workspaces": [here]}
    listed = (await client.get("/api/v1/workspaces")).json()["workspaces"]
    assert [row["project_dir"] for row in listed] == ["/markets", "/elsewhere"]
    assert listed[0] == here
