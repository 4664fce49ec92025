"""Logins, users and tokens over the API."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from livermore.apps.access.guard import Guard
from livermore.apps.api.openapi import description
from livermore.kernel.errors import StorageUnavailableError
from tests.unit.apps.doors import KEY, LINK, bearer_of, somebody
from tests.unit.apps.standin import OTHERS_WATCH, StandIn

from .schemas import faults

PASSWORD = "a long and winding password"
OURS = {"origin": "http://127.0.0.1"}


@pytest.fixture
async def browser(api: FastAPI, guard: Guard) -> AsyncIterator[AsyncClient]:
    """Somebody who is not logged in."""
    transport = ASGITransport(guard.before(api), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def fits(api: FastAPI, answer: Any, path: str, method: str) -> bool:
    """Say whether an answer is as the API describes it."""
    document = description(api)
    content = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    schemas = document["components"]["schemas"]
    return faults(answer.json(), content["application/json"]["schema"], schemas) == []


async def test_a_password_opens_a_session_that_a_logout_ends(
    api: FastAPI, browser: AsyncClient, system: StandIn
) -> None:
    await somebody(system, "ada", "operator", password=PASSWORD)
    login = await browser.post("/api/v1/login", json={"username": "ada", "password": PASSWORD})
    assert fits(api, login, "/api/v1/login", "post")
    assert login.json()["role"] == "operator"
    assert PASSWORD not in login.text
    assert login.headers["cache-control"] == "no-store"
    me = await browser.get("/api/v1/me")
    assert (me.json()["user"]["username"], me.json()["via"]) == ("ada", "session")
    secret = browser.cookies["livermore_7070"]
    assert (await browser.post("/api/v1/logout", headers=OURS)).status_code == 204
    assert "livermore_7070" not in browser.cookies
    browser.cookies.set("livermore_7070", secret)
    assert (await browser.get("/api/v1/me")).status_code == 401


async def test_a_token_opens_the_api_login_too(browser: AsyncClient, system: StandIn) -> None:
    for token in (KEY, (await bearer_of(system, system.user))["authorization"].removeprefix("Bearer ")):
        browser.cookies.clear()
        assert (await browser.post("/api/v1/login", json={"token": token})).status_code == 200
        assert (await browser.get("/api/v1/me")).json()["user"]["username"] == "local"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"username": "ada"},
        {"password": PASSWORD},
        {"username": "ada", "password": PASSWORD, "token": KEY},
        {"username": "", "password": ""},
        {"username": "a\0", "password": "x"},
        {"username": 1, "password": "x"},
        {"token": "x" * 1001},
        {"user": "ada", "password": PASSWORD},
    ],
)
async def test_a_login_that_is_none_is_refused(browser: AsyncClient, given: Any) -> None:
    answer = await browser.post("/api/v1/login", json=given)
    assert answer.status_code == 422
    assert PASSWORD not in answer.text


async def test_a_mistyped_field_is_guessed(browser: AsyncClient) -> None:
    answer = await browser.post("/api/v1/login", json={"user_name": "ada", "password": "x"})
    assert {"path": "user_name", "message": "is not a field", "suggestion": "username"} in answer.json()[
        "errors"
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
async def test_a_body_that_is_none_is_refused(browser: AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await browser.post("/api/v1/login", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("given", [{"username": "ada", "password": "x"}, {"token": LINK}, {"token": "x"}])
async def test_a_wrong_login_is_not_allowed(browser: AsyncClient, given: Any) -> None:
    answer = await browser.post("/api/v1/login", json=given)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert "set-cookie" not in answer.headers


async def test_a_login_from_another_site_is_refused(browser: AsyncClient) -> None:
    answer = await browser.post(
        "/api/v1/login", json={"token": KEY}, headers={"origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_guesses_wait_and_are_refused_when_they_cannot_be_counted(
    browser: AsyncClient, system: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    await somebody(system, "ada", password=PASSWORD)
    for _ in range(6):
        answer = await browser.post("/api/v1/login", json={"username": "ada", "password": "guess"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1

    async def away(*_: Any) -> None:
        raise StorageUnavailableError

    await system.clock.advance(3600)
    monkeypatch.setattr(system.accounts._limiter._book, "count", away)
    assert (
        await browser.post("/api/v1/login", json={"username": "ada", "password": PASSWORD})
    ).status_code == 503


async def test_an_admin_lets_people_in_and_out(api: FastAPI, client: AsyncClient, system: StandIn) -> None:
    given = {"username": "Ada", "role": "operator", "password": PASSWORD, "display_name": "Ada L."}
    made = await client.post("/api/v1/users", json=given)
    assert made.status_code == 201
    assert fits(api, made, "/api/v1/users", "post")
    assert (made.json()["username"], made.json()["has_password"]) == ("ada", True)
    address = f"/api/v1/users/{made.json()['id']}"
    listed = await client.get("/api/v1/users")
    assert [user["username"] for user in listed.json()["users"]] == ["local", "ada"]
    changed = await client.patch(address, json={"role": "viewer", "display_name": None})
    assert fits(api, changed, "/api/v1/users/{id}", "patch")
    assert (changed.json()["role"], changed.json()["display_name"]) == ("viewer", None)
    assert (await client.delete(address)).status_code == 204
    assert (await client.delete(address)).status_code == 404
    for answer in (made, listed, changed):
        assert "argon2" not in answer.text
        assert PASSWORD not in answer.text


async def test_a_new_password_and_an_admin_end_sessions(
    client: AsyncClient, browser: AsyncClient, system: StandIn
) -> None:
    user = await somebody(system, "ada", password=PASSWORD)
    address = f"/api/v1/users/{user.id}"
    for method, path, given in (
        ("PATCH", address, {"password": PASSWORD}),
        ("DELETE", f"{address}/sessions", None),
        ("PATCH", address, {"is_active": False}),
    ):
        await browser.post("/api/v1/login", json={"username": "ada", "password": PASSWORD})
        assert (await browser.get("/api/v1/me")).status_code == 200
        assert (await client.request(method, path, json=given)).is_success
        assert (await browser.get("/api/v1/me")).status_code == 401


OWN_PASSWORD = "/api/v1/me/password"
NEWER = "another winding road"


async def test_a_new_password_of_ones_own_ends_ones_other_sessions(
    api: FastAPI, guard: Guard, browser: AsyncClient, system: StandIn
) -> None:
    await somebody(system, "ada", password=PASSWORD)
    other = AsyncClient(transport=ASGITransport(guard.before(api)), base_url="http://127.0.0.1")
    for client in (browser, other):
        assert (await client.post("/api/v1/login", json={"username": "ada", "password": PASSWORD})).is_success
    answer = await browser.post(OWN_PASSWORD, json={"current": PASSWORD, "new": NEWER}, headers=OURS)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await browser.get("/api/v1/me")).status_code == 200
    assert (await other.get("/api/v1/me")).status_code == 401
    for password, status in ((PASSWORD, 403), (NEWER, 200)):
        given = {"username": "ada", "password": password}
        assert (await other.post("/api/v1/login", json=given)).status_code == status
    await other.aclose()


@pytest.mark.parametrize(
    ("given", "status", "place"),
    [
        ({"new": NEWER}, 422, "current"),
        ({"current": None, "new": NEWER}, 422, "current"),
        ({"current": "", "new": NEWER}, 422, "current"),
        ({"current": PASSWORD}, 422, "new"),
        ({"current": PASSWORD, "new": "short"}, 422, "new"),
        ({"current": PASSWORD, "new": NEWER, "user": 1}, 422, "user"),
        ({"current": "a guess that is wrong", "new": NEWER}, 403, None),
    ],
)
async def test_a_password_of_ones_own_that_is_not_changed(
    browser: AsyncClient, system: StandIn, given: Any, status: int, place: str | None
) -> None:
    bearer = await bearer_of(system, await somebody(system, "ada", password=PASSWORD))
    answer = await browser.post(OWN_PASSWORD, json=given, headers=bearer)
    assert answer.status_code == status
    assert [fault["path"] for fault in answer.json().get("errors", [])] == ([place] if place else [])
    assert not any(isinstance(word, str) and word and word in answer.text for word in given.values())
    login = await browser.post("/api/v1/login", json={"username": "ada", "password": PASSWORD})
    assert login.status_code == 200


async def test_guesses_at_ones_own_password_wait(browser: AsyncClient, system: StandIn) -> None:
    bearer = await bearer_of(system, await somebody(system, "ada", password=PASSWORD))
    for _ in range(6):
        answer = await browser.post(OWN_PASSWORD, json={"current": "guess", "new": NEWER}, headers=bearer)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    given = {"current": PASSWORD, "new": NEWER}
    assert (await browser.post(OWN_PASSWORD, json=given, headers=bearer)).status_code == 429


async def test_a_first_password_needs_none_before_and_a_lesser_token_gives_none(
    browser: AsyncClient, system: StandIn
) -> None:
    lesser = await bearer_of(system, system.user, "operator")
    assert (await browser.post(OWN_PASSWORD, json={"new": NEWER}, headers=lesser)).status_code == 403
    whole = await bearer_of(system, system.user)
    assert (await browser.post(OWN_PASSWORD, json={"new": NEWER}, headers=whole)).status_code == 204
    assert (
        await browser.post("/api/v1/login", json={"username": "local", "password": NEWER})
    ).status_code == 200


async def test_a_user_of_an_identity_provider_has_no_first_password(
    browser: AsyncClient, system: StandIn
) -> None:
    """With one, the login would outlive the identity."""
    user = await somebody(system, "ada", identity=("oidc", "117"))
    bearer = await bearer_of(system, user)
    answer = await browser.post(OWN_PASSWORD, json={"new": NEWER}, headers=bearer)
    assert answer.status_code == 403
    assert "oidc keeps the password" in answer.json()["detail"]
    await system.accounts.set_password(user.id, PASSWORD)
    given = {"current": PASSWORD, "new": NEWER}
    assert (await browser.post(OWN_PASSWORD, json=given, headers=bearer)).status_code == 204


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"username": "ada"}, 201),
        ({"username": "local"}, 422),
        ({"username": "a b"}, 422),
        ({"username": ""}, 422),
        ({"username": "x" * 101}, 422),
        ({"username": "taken"}, 409),
        ({"username": "ada", "role": "root"}, 422),
        ({"username": "ada", "password": "short"}, 422),
        ({"username": "ada", "display_name": "\0"}, 422),
        ({"username": "ada", "identity_sub": "117"}, 422),
        ({"username": "ada", "is_active": False}, 422),
    ],
)
async def test_users_that_do_not_fit(
    client: AsyncClient, system: StandIn, given: Any, status: int
) -> None:  # fmt: skip
    await somebody(system, "taken")
    assert (await client.post("/api/v1/users", json=given)).status_code == status


@pytest.mark.parametrize(
    ("address", "given", "status"),
    [
        ("1", {"role": "viewer"}, 409),
        ("1", {"is_active": False}, 409),
        ("1", {}, 422),
        ("1", {"password": None}, 422),
        ("1", {"password": "short"}, 422),
        ("1", {"username": "new"}, 422),
        ("99", {"role": "viewer"}, 404),
        ("0", {"role": "viewer"}, 422),
        ("x", {"role": "viewer"}, 422),
        ("2147483648", {"role": "viewer"}, 422),
    ],
)
async def test_changes_that_do_not_fit(client: AsyncClient, address: str, given: Any, status: int) -> None:
    assert (await client.patch(f"/api/v1/users/{address}", json=given)).status_code == status


async def test_a_change_is_made_as_a_whole_or_not_at_all(client: AsyncClient, system: StandIn) -> None:
    ada = await somebody(system, "ada", "operator", password=PASSWORD)
    given = {"role": "admin", "is_active": False, "password": "short"}
    assert (await client.patch(f"/api/v1/users/{ada.id}", json=given)).status_code == 422
    assert await system.accounts.user(ada.id) == ada


async def test_a_token_is_told_once_and_revoked(
    api: FastAPI, client: AsyncClient, browser: AsyncClient, system: StandIn
) -> None:
    made = await client.post("/api/v1/tokens", json={"name": "scripts", "role": "viewer"})
    assert fits(api, made, "/api/v1/tokens", "post")
    secret, number = made.json()["secret"], made.json()["token"]["id"]
    bearer = {"authorization": f"Bearer {secret}"}
    assert (await browser.get("/api/v1/me", headers=bearer)).json()["role"] == "viewer"
    listed = await client.get("/api/v1/tokens")
    assert fits(api, listed, "/api/v1/tokens", "get")
    assert secret not in listed.text
    assert (await client.delete(f"/api/v1/tokens/{number}")).status_code == 204
    assert (await browser.get("/api/v1/me", headers=bearer)).status_code == 401
    assert (await client.get("/api/v1/tokens")).json()["tokens"][0]["revoked_at"] is not None


async def test_a_token_of_another_user_is_not_there(
    client: AsyncClient, browser: AsyncClient, system: StandIn
) -> None:
    user = await somebody(system, "ada", "admin")
    bearer = await bearer_of(system, user)
    assert (await client.get("/api/v1/tokens")).json()["tokens"] == []
    assert (await client.delete("/api/v1/tokens/1")).status_code == 404
    assert (await browser.get("/api/v1/me", headers=bearer)).status_code == 200


async def test_a_lesser_token_makes_and_revokes_none(browser: AsyncClient, system: StandIn) -> None:
    """What it made would outlive it, and could be more than it is."""
    bearer = await bearer_of(system, system.user, "operator")
    for role in ("admin", "operator", "viewer"):
        given = {"name": "more", "role": role}
        assert (await browser.post("/api/v1/tokens", json=given, headers=bearer)).status_code == 403
    assert (await browser.delete("/api/v1/tokens/1", headers=bearer)).status_code == 403


async def test_a_token_is_at_most_what_its_user_is(browser: AsyncClient, system: StandIn) -> None:
    bearer = await bearer_of(system, await somebody(system, "ada", "viewer"))
    answer = await browser.post("/api/v1/tokens", json={"name": "more", "role": "operator"}, headers=bearer)
    assert answer.status_code == 403


async def test_what_is_shown_of_the_runtime_and_the_watchlist_is_ones_own(
    browser: AsyncClient, system: StandIn
) -> None:
    bearer = await bearer_of(system, await somebody(system, "ada"))
    assert (await browser.get("/api/v1/runtime", headers=bearer)).json()["state"] == "stopped"
    watched = (await browser.get("/api/v1/symbols", headers=bearer)).json()["symbols"]
    assert [row["symbol"] for row in watched] == OTHERS_WATCH
