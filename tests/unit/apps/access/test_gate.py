"""The gate is closed by default, and opens to the token alone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient, Response

from livermore.apps.access import Access
from livermore.kernel.clock import ManualClock

from .conftest import HOST, TOKEN, Inside

BEARER = {"authorization": f"Bearer {TOKEN}"}
PAGE = {"accept": "text/html,application/xhtml+xml"}


async def logged_in(client: AsyncClient) -> AsyncClient:
    answer = await client.get("/", params={"token": TOKEN}, headers=PAGE)
    assert answer.status_code == 303
    return client


def is_problem(answer: Response, status: int) -> bool:
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == status
    )


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/runtime", "/metrics", "/assets/x.js", "/_nicegui_ws/socket.io/", "/x"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_anonymous_requests_are_refused(
    client: AsyncClient, inside: Inside, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 401
    assert inside.seen == []


async def test_the_api_says_how_to_log_in(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/runtime")
    assert is_problem(answer, 401)
    assert "Bearer" in answer.json()["hint"]
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_login(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).text == "inside"


async def test_a_person_gets_a_page_to_log_in(client: AsyncClient) -> None:
    answer = await client.get("/some/page?a=1", headers=PAGE)
    assert answer.status_code == 401
    assert "Paste its login token" in answer.text
    assert 'value="/some/page?a=1"' in answer.text
    style = await client.get("/login.css")
    assert style.headers["content-type"].startswith("text/css")


async def test_the_bearer_token_opens(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/runtime", headers=BEARER)).text == "inside"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
async def test_a_wrong_bearer_token_does_not(client: AsyncClient, header: str) -> None:
    assert is_problem(await client.get("/api/v1/runtime", headers={"authorization": header}), 401)


async def test_the_token_in_the_address_becomes_a_session(client: AsyncClient, inside: Inside) -> None:
    answer = await client.get("/a/page", params={"x": "1", "token": TOKEN, "y": "é"}, headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/a/page?x=1&y=%C3%A9"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    assert (await client.get(answer.headers["location"])).text == "inside"
    assert [scope["query_string"] for scope in inside.seen] == [b"x=1&y=%C3%A9"]


async def test_the_cookie_is_secure_over_https(client: AsyncClient) -> None:
    answer = await client.get(f"https://{HOST}/?token={TOKEN}", headers=PAGE)
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%2F/evil.example", "/\\evil.example", "/%0d%0aSet-Cookie:x"]
)
async def test_no_address_leads_to_another_site(client: AsyncClient, path: str) -> None:
    answer = await client.get(f"http://{HOST}{path}?token={TOKEN}", headers=PAGE)
    place = answer.headers["location"]
    assert place.startswith("/")
    assert not place.startswith(("//", "/\\"))
    assert "\n" not in place


async def test_a_bad_token_in_the_address_is_said_to_be_bad(client: AsyncClient) -> None:
    answer = await client.get("/", params={"token": "guess"}, headers=PAGE)
    assert answer.status_code == 401
    assert "That token is not the right one" in answer.text
    assert "guess" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_the_api_takes_no_token_from_the_address(client: AsyncClient) -> None:
    assert is_problem(await client.get("/api/v1/runtime", params={"token": TOKEN}), 401)


async def test_the_login_page_opens_a_session(client: AsyncClient) -> None:
    assert (await client.get("/login")).status_code == 200
    wrong = await client.post("/login", data={"token": "guess", "next": "/x"})
    assert wrong.status_code == 401
    assert "not the right one" in wrong.text
    right = await client.post("/login", data={"token": f" {TOKEN} ", "next": "/x?y=1"})
    assert (right.status_code, right.headers["location"]) == (303, "/x?y=1")
    assert (await client.get("/x")).text == "inside"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "x", "/a\nb"]
)
async def test_the_login_leads_nowhere_else(client: AsyncClient, target: str) -> None:
    answer = await client.post("/login", data={"token": TOKEN, "next": target})
    assert answer.headers["location"] == "/"


async def test_a_login_from_another_site_is_refused(client: AsyncClient) -> None:
    answer = await client.post("/login", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
    assert is_problem(answer, 403)


async def test_a_session_ends_after_a_week(client: AsyncClient, clock: ManualClock) -> None:
    await logged_in(client)
    client.cookies = dict(client.cookies.items())
    assert (await client.get("/")).status_code == 200
    await clock.advance(7 * 24 * 3600 + 1)
    assert (await client.get("/")).status_code == 401


@pytest.mark.parametrize(
    "change", [str.upper, lambda cookie: cookie[:-1], lambda cookie: "9" + cookie, lambda _: "a.b.c"]
)
async def test_a_forged_session_does_not_open(client: AsyncClient, change: Any) -> None:
    await logged_in(client)
    cookie = change(client.cookies["livermore_7070"])
    client.cookies.clear()
    answer = await client.get("/", headers={"cookie": f"livermore_7070={cookie}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "cookie", ["", ";;;", "livermore_7070", "livermore_7070=", "=x", 'livermore_7070="', "\x01=2"]
)
async def test_a_strange_cookie_header_does_no_harm(client: AsyncClient, cookie: str) -> None:
    assert (await client.get("/", headers={"cookie": cookie})).status_code == 401


async def test_a_session_of_another_token_does_not_open(
    client: AsyncClient, inside: Inside, clock: ManualClock
) -> None:
    await logged_in(client)
    client._transport.app = Access(inside, token="another", host="127.0.0.1", port=7070, clock=clock)  # type: ignore[attr-defined]
    assert (await client.get("/")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_what_a_session_may_change_comes_from_our_own_page(
    client: AsyncClient, headers: dict[str, str], status: int
) -> None:
    await logged_in(client)
    assert (await client.post("/api/v1/x", headers=headers)).status_code == status


async def test_a_session_is_not_read_by_another_site(client: AsyncClient) -> None:
    await logged_in(client)
    assert (await client.get("/api/v1/x")).status_code == 200
    assert (await client.get("/api/v1/x", headers={"origin": "http://127.0.0.1:3000"})).status_code == 403


async def test_the_bearer_needs_no_origin(client: AsyncClient) -> None:
    assert (await client.post("/api/v1/x", headers=BEARER)).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:7070", "127.0.0.1", "[::1]:7070", "LOCALHOST:1"])
async def test_it_answers_under_loopback_names(client: AsyncClient, host: str) -> None:
    assert (await client.get("/api/v1/x", headers=BEARER | {"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:7070", "[", "", "localhost@evil"]
)
async def test_it_answers_under_no_other_name(client: AsyncClient, inside: Inside, host: str) -> None:
    answer = await client.get("/healthz", headers=BEARER | {"host": host})
    assert is_problem(answer, 421)
    assert inside.seen == []


async def test_a_bound_host_is_a_name_too(inside: Inside, clock: ManualClock, client: AsyncClient) -> None:
    client._transport.app = Access(inside, token=TOKEN, host="192.168.1.5", port=7070, clock=clock)  # type: ignore[attr-defined]
    assert (await client.get("/api/v1/x", headers=BEARER | {"host": "192.168.1.5:7070"})).status_code == 200


async def test_large_bodies_are_refused(client: AsyncClient, inside: Inside) -> None:
    answer = await client.post("/api/v1/x", headers=BEARER, content=b"x" * 1_000_001)
    assert is_problem(answer, 413)
    await client.post("/api/v1/x", headers=BEARER, content=b"x" * 1_000_000)
    assert [len(body) for body in inside.bodies] == [1_000_000]


async def test_large_bodies_of_unknown_length_are_refused(client: AsyncClient, inside: Inside) -> None:
    async def body(parts: int) -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield b"x" * 100_000

    assert is_problem(await client.post("/api/v1/x", headers=BEARER, content=body(11)), 413)
    assert (await client.post("/api/v1/x", headers=BEARER, content=body(10))).status_code == 200
    assert [len(body) for body in inside.bodies] == [1_000_000]


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999"])
async def test_a_strange_length_is_refused(client: AsyncClient, length: str) -> None:
    answer = await client.post("/api/v1/x", headers=BEARER | {"content-length": length}, content=b"")
    assert is_problem(answer, 413)


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/api/v1/x"])
async def test_every_answer_is_secured(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]


async def knock(gate: Access, **headers: str) -> list[str]:
    """Open a WebSocket and return what the server sends."""
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    raw = [(name.encode(), value.encode()) for name, value in ({"host": HOST} | headers).items()]
    scope = {"type": "websocket", "scheme": "ws", "path": "/ws", "query_string": b"", "headers": raw}
    await gate(scope, receive, send)
    return sent


async def test_websockets_are_guarded(gate: Access, client: AsyncClient) -> None:
    await logged_in(client)
    cookie = f"livermore_7070={client.cookies['livermore_7070']}"
    assert await knock(gate) == ["websocket.close"]
    assert await knock(gate, authorization="Bearer wrong") == ["websocket.close"]
    assert await knock(gate, cookie=cookie) == ["websocket.close"]
    assert await knock(gate, cookie=cookie, origin="http://evil.example") == ["websocket.close"]
    assert await knock(gate, cookie=cookie, origin=f"http://{HOST}", host="evil.example") == [
        "websocket.close"
    ]
    assert await knock(gate, cookie=cookie, origin=f"http://{HOST}") == ["websocket.accept"]
    assert await knock(gate, authorization=BEARER["authorization"]) == ["websocket.accept"]
