"""The gate is closed by default, and opens to good secrets alone."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from livermore.apps.access import Access
from livermore.apps.access.guard import Guard
from livermore.apps.access.visit import visit_of
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import StorageUnavailableError
from tests.unit.apps.doors import BEARER, KEY, LINK, bearer_of, guard_of, somebody
from tests.unit.apps.standin import StandIn

from .conftest import HOST, Inside

TOKEN = KEY
PASSWORD = "a long and winding password"
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
    assert "This monitor is private" in answer.text
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


async def test_the_link_opens_once(client: AsyncClient, clock: ManualClock) -> None:
    first = await client.get("/a/page", params={"token": LINK, "x": "1"}, headers=PAGE)
    assert (first.status_code, first.headers["location"]) == (303, "/a/page?x=1")
    again = await client.get("/", params={"token": LINK}, headers=PAGE)
    assert again.status_code == 303, "who is logged in already is only sent on, as after a reload"
    assert "set-cookie" not in again.headers
    client.cookies.clear()
    other = await client.get("/", params={"token": LINK}, headers=PAGE)
    assert other.status_code == 401
    assert "used already" in other.text
    assert "livermore token create" in other.text
    assert LINK not in other.text


@pytest.mark.parametrize("method", ["HEAD", "POST"])
async def test_the_link_is_not_spent_by_looking(client: AsyncClient, method: str) -> None:
    await client.request(method, "/", params={"token": LINK}, headers=PAGE)
    assert (await client.get("/", params={"token": LINK}, headers=PAGE)).status_code == 303


async def test_the_link_is_no_bearer_and_no_login_token(client: AsyncClient) -> None:
    bearer = {"authorization": f"Bearer {LINK}"}
    assert (await client.get("/api/v1/x", headers=bearer)).status_code == 401
    assert (await client.post("/login", data={"token": LINK})).status_code == 401


async def test_a_session_survives_a_restart_and_can_be_ended(
    client: AsyncClient, inside: Inside, system: StandIn
) -> None:
    await logged_in(client)
    client._transport.app = guard_of(system).before(inside)  # type: ignore[attr-defined]
    assert (await client.get("/")).text == "inside"
    await system.accounts.close_sessions_of(system.user.id)
    assert (await client.get("/")).status_code == 401


async def test_only_a_digest_of_a_session_is_kept(client: AsyncClient, system: StandIn) -> None:
    await logged_in(client)
    secret = client.cookies["livermore_7070"]
    assert [hashlib.sha256(secret.encode()).digest()] == list(system.books.sessions)


async def test_a_password_opens(client: AsyncClient, system: StandIn, inside: Inside) -> None:
    user = await somebody(system, "ada", password=PASSWORD)
    wrong = await client.post("/login", data={"username": "ada", "password": "guess", "next": "/x"})
    assert wrong.status_code == 401
    assert "The name or the password is wrong" in wrong.text
    right = await client.post("/login", data={"username": " Ada", "password": PASSWORD, "next": "/x"})
    assert (right.status_code, right.headers["location"]) == (303, "/x")
    await client.get("/x")
    assert visit_of(inside.seen[-1]).principal.user.id == user.id  # type: ignore[union-attr]


async def test_too_many_guesses_wait(client: AsyncClient, system: StandIn) -> None:
    await somebody(system, "ada", password=PASSWORD)
    for _ in range(6):
        answer = await client.post("/login", data={"username": "ada", "password": "guess"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many wrong passwords" in answer.text
    assert (await client.post("/login", data={"username": "ada", "password": PASSWORD})).status_code == 429


async def test_guesses_are_counted_by_the_address_behind_a_trusted_proxy(
    client: AsyncClient, system: StandIn, inside: Inside
) -> None:
    """A stranger cannot choose the address under which the guesses are counted."""
    await somebody(system, "ada", password=PASSWORD)
    proxy = guard_of(system, proxies=(ip_network("192.0.2.0/24"),))
    for app, others in ((guard_of(system).before(inside), 429), (proxy.before(inside), 303)):
        client._transport.app = app  # type: ignore[attr-defined]
        system.books.tallies.clear()
        for number in range(6):
            headers = {"x-forwarded-for": f"203.0.113.{number}, 198.51.100.9"}
            answer = await client.post("/login", data={"username": "ada", "password": "x"}, headers=headers)
        assert answer.status_code == 429
        right = {"username": "ada", "password": PASSWORD}
        other = await client.post("/login", data=right, headers={"x-forwarded-for": "198.51.100.10"})
        assert other.status_code == others


@pytest.mark.parametrize("told", ["198.51.100.9:{}", "[2001:db8::7]:{}", "2001:db8::{}", "198.51.100.9"])
async def test_a_port_behind_an_address_makes_nobody_another(
    client: AsyncClient, system: StandIn, inside: Inside, told: str
) -> None:
    await somebody(system, "ada", password=PASSWORD)
    client._transport.app = guard_of(system, proxies=(ip_network("192.0.2.0/24"),)).before(inside)  # type: ignore[attr-defined]
    for number in range(6):
        headers = {"x-forwarded-for": told.format(4711 + number)}
        answer = await client.post("/login", data={"username": "ada", "password": "x"}, headers=headers)
    assert answer.status_code == 429


async def test_a_token_of_a_user_opens_as_bearer_and_in_the_browser(
    client: AsyncClient, system: StandIn, inside: Inside
) -> None:
    """A browser that a token has let in can do no more than the token, and is out with it."""
    user = await somebody(system, "ada", "admin")
    bearer = await bearer_of(system, user, "viewer")
    secret = bearer["authorization"].removeprefix("Bearer ")
    assert (await client.get("/x", headers=bearer)).text == "inside"
    assert (await client.post("/login", data={"token": secret})).status_code == 303
    assert (await client.get("/x")).text == "inside"
    assert [visit_of(scope).principal.role for scope in inside.seen] == ["viewer", "viewer"]  # type: ignore[union-attr]
    await system.accounts.revoke_token(user.scope(), 1)
    assert (await client.get("/x")).status_code == 401
    assert (await client.get("/x", headers=bearer)).status_code == 401


async def test_a_token_of_a_user_opens_no_session_from_an_address(
    client: AsyncClient, system: StandIn
) -> None:  # fmt: skip
    """Addresses are written down in histories and logs."""
    bearer = await bearer_of(system, await somebody(system, "ada"))
    secret = bearer["authorization"].removeprefix("Bearer ")
    assert (await client.get("/", params={"token": secret}, headers=PAGE)).status_code == 401


async def test_who_is_switched_off_is_out(client: AsyncClient, system: StandIn) -> None:
    user = await somebody(system, "ada", password=PASSWORD)
    bearer = await bearer_of(system, user)
    await client.post("/login", data={"username": "ada", "password": PASSWORD})
    await system.accounts.change_user(user.id, is_active=False)
    assert (await client.get("/x")).status_code == 401
    assert (await client.get("/x", headers=bearer)).status_code == 401


async def test_a_wrong_bearer_is_not_made_good_by_a_cookie(client: AsyncClient) -> None:
    await logged_in(client)
    assert (await client.get("/x", headers={"authorization": "Bearer wrong"})).status_code == 401


async def test_a_database_that_is_away_lets_nobody_in(
    client: AsyncClient, gate: Access, system: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: str) -> None:
        raise StorageUnavailableError("the database did not answer")

    monkeypatch.setattr(system.accounts, "principal_of_token", away)
    assert is_problem(await client.get("/x", headers={"authorization": "Bearer other"}), 503)
    assert await knock(gate, authorization="Bearer other") == "websocket.close"


@pytest.mark.parametrize("address", ["/x%00", "/x?a=%00"])
async def test_an_address_with_a_nul_is_refused(client: AsyncClient, inside: Inside, address: str) -> None:
    assert is_problem(await client.get(address, headers=BEARER), 422)
    assert inside.seen == []


@pytest.mark.parametrize(
    ("told", "peer", "secure"),
    [
        (["https"], "192.0.2.7", True),
        (["https, http"], "192.0.2.7", False),
        (["http"], "192.0.2.7", False),
        ([], "192.0.2.7", False),
        (["https"], "198.51.100.1", False),
        (["https"], "unknown", False),
        (["https"], "::ffff:192.0.2.7", True),
        (["https"], "::ffff:198.51.100.1", False),
    ],
)
async def test_only_a_trusted_proxy_makes_a_cookie_secure(
    inside: Inside, system: StandIn, told: list[str], peer: str, secure: bool
) -> None:
    guard = guard_of(system, proxies=(ip_network("192.0.2.0/24"),))
    transport = ASGITransport(guard.before(inside), client=(peer, 1))
    async with AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        headers = [("x-forwarded-proto", value) for value in told]
        answer = await client.post("/login", data={"token": TOKEN}, headers=headers)
        assert ("Secure" in answer.headers["set-cookie"]) == secure


async def test_an_encrypted_site_takes_nothing_from_its_open_twin(client: AsyncClient) -> None:
    address = f"https://{HOST}/api/v1/x"
    opened = await client.get(f"https://{HOST}/", params={"token": TOKEN}, headers=PAGE)
    cookie = {"cookie": opened.headers["set-cookie"].partition(";")[0]}
    for origin, status in ((f"http://{HOST}", 403), (f"https://{HOST}", 200), ("http://[", 403)):
        assert (await client.post(address, headers=cookie | {"origin": origin})).status_code == status


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


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "null"}, 303),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, 303),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": f"http://{HOST}"}, 303),
        ({}, 303),
    ],
)
async def test_a_form_of_our_own_logs_in_and_a_hidden_one_does_not(
    client: AsyncClient, headers: dict[str, str], status: int
) -> None:
    answer = await client.post("/login", data={"token": TOKEN}, headers=headers)
    assert answer.status_code == status


async def test_a_session_may_begin_like_a_token(client: AsyncClient, system: StandIn) -> None:
    secret = "lvm_drawn-by-chance"
    digest = hashlib.sha256(secret.encode()).digest()
    await system.accounts._sessions.open(1, digest, system.clock.now() + 1000)
    assert (await client.get("/", headers={"cookie": f"livermore_7070={secret}"})).text == "inside"


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


@pytest.mark.parametrize(
    "other",
    ['prefs={"theme":"dark"}', "a b=c", "a/b=1", "=", "alone", 'open="', "expires=x", "path=1", "é=1"],
)
async def test_a_cookie_of_another_program_keeps_nobody_out(client: AsyncClient, other: str) -> None:
    """Cookies know no ports: everything on this machine shares them."""
    opened = await client.get("/", params={"token": TOKEN}, headers=PAGE)
    own = opened.headers["set-cookie"].partition(";")[0]
    client.cookies.clear()
    for cookies in (f"{other}; {own}", f"{own}; {other}"):
        answer = await client.get("/x", headers={b"cookie": cookies.encode()})
        assert answer.text == "inside"


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
        ({"origin": f"ftp://{HOST}"}, 403),
        ({"origin": f"//{HOST}"}, 403),
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


@pytest.mark.parametrize("host", ["192.168.1.5:7070", "monitor.example.org", "MONITOR.example.org:443"])
async def test_it_answers_under_the_names_that_it_was_given(
    inside: Inside, system: StandIn, client: AsyncClient, host: str
) -> None:
    guard = guard_of(system, host="192.168.1.5", names=frozenset({"monitor.example.org"}))
    client._transport.app = guard.before(inside)  # type: ignore[attr-defined]
    assert (await client.get("/api/v1/x", headers=BEARER | {"host": host})).status_code == 200


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


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999", "9" * 5000, "²"])
async def test_a_strange_length_is_refused(client: AsyncClient, length: str) -> None:
    headers = {
        b"authorization": BEARER["authorization"].encode(),
        b"content-length": length.encode("latin-1"),
    }
    answer = await client.post("/api/v1/x", headers=headers, content=b"")
    assert is_problem(answer, 413)


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/api/v1/x"])
async def test_every_answer_is_secured(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]


class Knock:
    """A WebSocket to the gate, and what it was sent."""

    def __init__(self, gate: Access, **headers: str) -> None:
        raw = [(name.encode(), value.encode()) for name, value in ({"host": HOST} | headers).items()]
        scope = {"type": "websocket", "scheme": "ws", "path": "/ws", "query_string": b"", "headers": raw}
        self.sent: asyncio.Queue[str] = asyncio.Queue()
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.said.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(gate(scope, self.said.get, self.hear))

    async def hear(self, message: Any) -> None:
        self.sent.put_nowait(message["type"])

    async def answer(self) -> str:
        return await asyncio.wait_for(self.sent.get(), 5)


async def knock(gate: Access, **headers: str) -> str:
    """Open a WebSocket and return what the server sends first."""
    knocked = Knock(gate, **headers)
    answer = await knocked.answer()
    knocked.said.put_nowait({"type": "websocket.disconnect"})
    await asyncio.wait_for(knocked.task, 5)
    return answer


async def test_websockets_are_guarded(gate: Access, client: AsyncClient) -> None:
    await logged_in(client)
    cookie = f"livermore_7070={client.cookies['livermore_7070']}"
    assert await knock(gate) == "websocket.close"
    assert await knock(gate, authorization="Bearer wrong") == "websocket.close"
    assert await knock(gate, cookie=cookie) == "websocket.close"
    assert await knock(gate, cookie=cookie, origin="http://evil.example") == "websocket.close"
    assert await knock(gate, cookie=cookie, origin=f"http://{HOST}", host="evil.example") == "websocket.close"
    assert await knock(gate, cookie=cookie, origin=f"http://{HOST}") == "websocket.accept"
    assert await knock(gate, authorization=BEARER["authorization"]) == "websocket.accept"


async def test_a_socket_ends_soon_after_its_login(
    gate: Access, guard: Guard, system: StandIn, client: AsyncClient
) -> None:
    """Both who was let in by a session that was closed, and by a token that was revoked."""
    user = await somebody(system, "ada", "operator")
    bearer = await bearer_of(system, user)
    await logged_in(client)
    cookie = f"livermore_7070={client.cookies['livermore_7070']}"
    sockets = [Knock(gate, cookie=cookie, origin=f"http://{HOST}"), Knock(gate, **bearer)]
    staying = Knock(gate, authorization=BEARER["authorization"])
    assert [await socket.answer() for socket in [*sockets, staying]] == ["websocket.accept"] * 3
    await guard.watch.look()
    for socket in sockets:
        socket.said.put_nowait({"type": "websocket.receive", "text": "?"})
        assert await socket.answer() == "websocket.send"
    await system.accounts.close_session(client.cookies["livermore_7070"])
    await system.accounts.revoke_token(user.scope(), 1)
    await guard.watch.look()
    for socket in sockets:
        assert await socket.answer() == "websocket.close"
        await asyncio.wait_for(socket.task, 5)
    assert not staying.task.done()
    staying.said.put_nowait({"type": "websocket.disconnect"})
    await staying.task
    assert not guard.watch._logins


async def test_what_is_open_ends_when_the_role_changes(gate: Access, guard: Guard, system: StandIn) -> None:
    user = await somebody(system, "ada", "operator")
    socket = Knock(gate, **await bearer_of(system, user))
    await socket.answer()
    await system.accounts.change_user(user.id, role="viewer")
    await guard.watch.look()
    assert await socket.answer() == "websocket.close"


async def test_the_watch_looks_again_and_again_and_survives_a_failure(
    gate: Access, guard: Guard, system: StandIn, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await somebody(system, "ada")
    socket = Knock(gate, **await bearer_of(system, user))
    await socket.answer()
    running = asyncio.create_task(guard.watch.run())
    with monkeypatch.context() as broken:
        broken.setattr(system.accounts, "_tokens", None)
        await asyncio.sleep(0)
        await clock.advance(2.1)
    await system.accounts.revoke_token(user.scope(), 1)
    await clock.advance(2.1)
    assert await socket.answer() == "websocket.close"
    running.cancel()
