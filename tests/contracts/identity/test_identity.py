"""A login over an identity provider: the truth lets in, and no lie does."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx import ASGITransport, AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import OctKey

from livermore.apps.access.provider import Provider
from livermore.kernel.role import Role
from tests.contracts.identity.provider import CLIENT, SECRET, SmallProvider, new_key
from tests.unit.apps.doors import guard_of, somebody
from tests.unit.apps.standin import StandIn

PAGE = {"accept": "text/html"}
OURS = "http://127.0.0.1:7070"
Claims = dict[str, Any]


@pytest.fixture
def system() -> StandIn:
    return StandIn()


@pytest.fixture(params=["RS256", "ES256"])
async def provider(request: pytest.FixtureRequest, system: StandIn) -> AsyncIterator[SmallProvider]:
    async with SmallProvider.open(system.clock, request.param) as provider:
        yield provider


def trusted(provider: SmallProvider, creates: Role | None = "viewer") -> Provider:
    return Provider(issuer=provider.issuer, client_id=CLIENT, secret=SECRET, name="desk", creates=creates)


class Nowhere:
    """There is nothing behind the gate of these tests but its own pages."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inside"})


class Browser:
    """Somebody's browser, which goes to the provider and back."""

    def __init__(self, system: StandIn, known: Provider) -> None:
        app = guard_of(system, provider=known).before(Nowhere())
        self.client = AsyncClient(transport=ASGITransport(app), base_url=OURS, headers=PAGE)

    async def depart(self, back_to: str = "/x") -> Response:
        return await self.client.get("/login/identity", params={"next": back_to})

    async def back(self, departed: Response) -> str:
        """Be at the provider, and return where it sends us."""
        async with AsyncClient(trust_env=False) as outside:
            answer = await outside.get(departed.headers["location"])
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def log_in(self) -> Response:
        return await self.client.get(await self.back(await self.depart()))

    async def is_in(self) -> bool:
        return (await self.client.get("/x")).text == "inside"


async def test_the_truth_lets_in(system: StandIn, provider: SmallProvider) -> None:
    provider.person |= {"preferred_username": "Ada", "email": "ada@example.org", "email_verified": True}
    browser = Browser(system, trusted(provider))
    answer = await browser.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/x")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert await browser.is_in()
    user = system.books.people[2]
    assert (user.identity_provider, user.identity_sub, user.username, user.role) == (
        "desk", "117", "ada", "viewer"
    )  # fmt: skip
    assert user.email == "ada@example.org"
    again = Browser(system, trusted(provider, None))
    await again.log_in()
    assert await again.is_in()
    assert len(system.books.people) == 2


async def test_the_login_page_leads_to_the_provider(system: StandIn, provider: SmallProvider) -> None:
    browser = Browser(system, trusted(provider))
    page = await browser.client.get("/a/page?b=1")
    assert page.status_code == 401
    assert 'href="/login/identity?next=%2Fa%2Fpage%3Fb%3D1"' in page.text
    assert "Log in with desk" in page.text
    departed = await browser.depart("//evil.example")
    assert departed.headers["location"].startswith(provider.issuer + "/authorize?")
    assert (await browser.client.get(await browser.back(departed))).headers["location"] == "/"


async def test_an_unknown_subject_is_refused_unless_newcomers_are_let_in(
    system: StandIn, provider: SmallProvider
) -> None:
    browser = Browser(system, trusted(provider, None))
    answer = await browser.log_in()
    assert answer.status_code == 401
    assert "Nobody here has this identity" in answer.text
    assert not await browser.is_in()
    await system.accounts.create_user("ada", "operator", identity=("desk", "117"))
    await browser.log_in()
    assert await browser.is_in()


async def test_an_e_mail_address_or_a_name_takes_over_nobody(
    system: StandIn, provider: SmallProvider
) -> None:
    boss = await somebody(system, "boss", "admin", email="boss@example.org")
    provider.person = {
        "sub": "666", "preferred_username": "boss", "email": "boss@example.org", "email_verified": True
    }  # fmt: skip
    browser = Browser(system, trusted(provider))
    await browser.log_in()
    assert await browser.is_in()
    newcomer = list(system.books.people.values())[-1]
    assert (newcomer.id != boss.id, newcomer.role, newcomer.email) == (True, "viewer", None)
    assert newcomer.username != "boss"


@pytest.mark.parametrize("sub", [None, "", 7, ["117"]])
async def test_a_subject_that_is_none_is_refused(system: StandIn, provider: SmallProvider, sub: Any) -> None:
    provider.person["sub"] = sub
    assert not await lets_in(Browser(system, trusted(provider)))


async def lets_in(browser: Browser) -> bool:
    answer = await browser.log_in()
    assert answer.status_code in {303, 401}
    assert ("livermore_7070=" in answer.headers.get("set-cookie", "")) == (answer.status_code == 303)
    return await browser.is_in()


LIES: dict[str, Callable[[Claims], Claims]] = {
    "another nonce": lambda claims: claims | {"nonce": "another"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "for another client": lambda claims: claims | {"aud": "another"},
    "for two clients, and the other one asked": lambda claims: claims | {"aud": [CLIENT, "b"], "azp": "b"},
    "for nobody": lambda claims: {name: value for name, value in claims.items() if name != "aud"},
    "of another issuer": lambda claims: claims | {"iss": "https://evil.example"},
    "expired": lambda claims: claims | {"exp": claims["iat"] - 61},
    "never to expire": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "of tomorrow": lambda claims: claims | {"iat": claims["iat"] + 86_400, "exp": claims["exp"] + 86_400},
    "not yet good": lambda claims: claims | {"nbf": claims["iat"] + 3600},
    "of another access token": lambda claims: claims | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_lies_lets_nobody_in(system: StandIn, provider: SmallProvider, lie: str) -> None:
    provider.claims = LIES[lie]
    assert not await lets_in(Browser(system, trusted(provider)))
    assert list(system.books.people) == [1]


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(provider: SmallProvider, claims: Claims) -> str:
    return f"{part({'alg': 'none', 'kid': provider.key.kid})}.{part(claims)}."


def with_another_key(provider: SmallProvider, claims: Claims) -> str:
    key = new_key(provider.algorithm)
    header = {"alg": provider.algorithm, "kid": provider.key.kid}
    return jwt.encode(header, claims, key, algorithms=[provider.algorithm])


def with_an_unknown_key(provider: SmallProvider, claims: Claims) -> str:
    key = new_key(provider.algorithm)
    return jwt.encode(
        {"alg": provider.algorithm, "kid": key.kid}, claims, key, algorithms=[provider.algorithm]
    )


def with_the_public_key_as_a_secret(provider: SmallProvider, claims: Claims) -> str:
    secret = OctKey.import_key(provider.key.as_pem(private=False))
    return jwt.encode({"alg": "HS256", "kid": provider.key.kid}, claims, secret, algorithms=["HS256"])


def with_the_clients_secret(_: SmallProvider, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def changed_afterwards(provider: SmallProvider, claims: Claims) -> str:
    head, _, signature = provider.signed(claims).split(".")
    return f"{head}.{part(claims | {'sub': '1'})}.{signature}"


def nonsense(_: SmallProvider, __: Claims) -> str:
    return "a.b"


@pytest.mark.filterwarnings("ignore:.*Key size")
@pytest.mark.parametrize(
    "forgery",
    [
        unsigned, with_another_key, with_an_unknown_key, with_the_public_key_as_a_secret,
        with_the_clients_secret, changed_afterwards, nonsense,
    ],
)  # fmt: skip
async def test_a_forged_token_lets_nobody_in(
    system: StandIn, provider: SmallProvider, forgery: Callable[[SmallProvider, Claims], str]
) -> None:
    provider.sign = lambda claims: forgery(provider, claims)
    assert not await lets_in(Browser(system, trusted(provider)))


async def test_a_login_ends_in_the_browser_in_which_it_began(
    system: StandIn, provider: SmallProvider
) -> None:
    """Else a stranger could log somebody in as the stranger, or take over a login under way."""
    known = trusted(provider)
    mine, theirs, new = Browser(system, known), Browser(system, known), Browser(system, known)
    await theirs.depart()
    address = await mine.back(await mine.depart())
    for other in (theirs, new):
        assert "begun in another browser" in (await other.client.get(address)).text
        assert not await other.is_in()
    await mine.client.get(address)
    assert await mine.is_in()


async def test_what_came_back_once_is_used_up(system: StandIn, provider: SmallProvider) -> None:
    browser = Browser(system, trusted(provider))
    departed = await browser.depart()
    state = browser.client.cookies["livermore_7070_login"]
    address = await browser.back(departed)
    assert (await browser.client.get(address)).status_code == 303
    browser.client.cookies.clear()
    browser.client.cookies.set("livermore_7070_login", state)
    assert "used already" in (await browser.client.get(address)).text
    assert not await browser.is_in()


async def test_a_code_of_another_login_is_refused(system: StandIn, provider: SmallProvider) -> None:
    """Its proof key is that of the other browser."""
    known = trusted(provider)
    mine, theirs = Browser(system, known), Browser(system, known)
    code = parse_qs(urlsplit(await theirs.back(await theirs.depart())).query)["code"][0]
    address = urlsplit(await mine.back(await mine.depart()))
    state = parse_qs(address.query)["state"][0]
    await mine.client.get(f"{OURS}{address.path}", params={"code": code, "state": state})
    assert not await mine.is_in()


async def test_a_login_that_takes_too_long_is_over(
    system: StandIn, provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(system, trusted(provider))
    address = await browser.back(await browser.depart())
    await system.clock.advance(601)
    assert "took too long" in (await browser.client.get(address)).text
    assert not await browser.is_in()


@pytest.mark.parametrize(
    "returned", [{"iss": "https://evil.example"}, {"error": "access_denied", "code": ""}, {"code": "made-up"}]
)
async def test_an_answer_of_another_provider_or_none_is_refused(
    system: StandIn, provider: SmallProvider, returned: dict[str, str]
) -> None:
    provider.returned = returned
    assert not await lets_in(Browser(system, trusted(provider)))


async def test_a_provider_that_names_itself_in_answers_must_do_so(
    system: StandIn, provider: SmallProvider
) -> None:
    provider.described = {"authorization_response_iss_parameter_supported": True}
    assert not await lets_in(Browser(system, trusted(provider)))
    provider.returned = {"iss": provider.issuer}
    assert await lets_in(Browser(system, trusted(provider)))


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "ftp://evil.example"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_description_that_is_not_the_issuers_own_is_refused(
    system: StandIn, provider: SmallProvider, described: dict[str, Any]
) -> None:
    provider.described = described
    answer = await Browser(system, trusted(provider)).depart()
    assert answer.status_code == 401
    assert "location" not in answer.headers


async def test_a_provider_that_is_away_is_said_to_be(system: StandIn, provider: SmallProvider) -> None:
    known = replace(trusted(provider), issuer="http://127.0.0.1:9")
    answer = await Browser(system, known).depart()
    assert answer.status_code == 401
    assert "cannot be reached" in answer.text


async def test_another_issuer_under_a_known_name_is_refused(system: StandIn, provider: SmallProvider) -> None:
    """Its subjects would be taken for those of the other."""
    await Browser(system, trusted(provider)).log_in()
    async with SmallProvider.open(system.clock) as other:
        answer = await Browser(system, trusted(other)).depart()
        assert answer.status_code == 401
        assert "stood for another issuer" in answer.text


async def test_a_login_that_began_at_another_issuer_is_refused(
    system: StandIn, provider: SmallProvider
) -> None:
    """The environment may change between the way out and the way back; a name stays one issuer's."""
    before = Browser(system, trusted(provider))
    departed = await before.depart()
    async with SmallProvider.open(system.clock) as other:
        after = Browser(system, trusted(other))
        after.client.cookies = before.client.cookies
        departed.headers["location"] = departed.headers["location"].replace(provider.issuer, other.issuer)
        answer = await after.client.get(await after.back(departed))
        assert answer.status_code == 401
        assert "stood for another issuer" in answer.text
        assert not await after.is_in()


@pytest.mark.parametrize("published", [["x"], [["x"]], {"a": 1}, None, [{"kty": ["RSA"]}], [{"kty": "RSA"}]])
async def test_keys_that_are_none_let_nobody_in(
    system: StandIn, provider: SmallProvider, published: Any
) -> None:
    provider.published = {"keys": published}
    assert not await lets_in(Browser(system, trusted(provider)))


async def test_a_new_key_is_fetched_and_an_unknown_one_not_again_and_again(
    system: StandIn, provider: SmallProvider
) -> None:
    browser = Browser(system, trusted(provider))
    assert await lets_in(browser)
    provider.key = new_key(provider.algorithm)
    await browser.log_in()
    await browser.log_in()
    assert provider.asked.count("keys") == 1
    await system.clock.advance(61)
    assert (await browser.log_in()).status_code == 303
    assert (provider.asked.count("keys"), provider.asked.count("description")) == (2, 1)


async def test_the_secret_goes_the_way_that_the_provider_takes(
    system: StandIn, provider: SmallProvider
) -> None:
    provider.described = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert await lets_in(Browser(system, trusted(provider)))
    wrong = replace(trusted(provider), secret="another")
    assert not await lets_in(Browser(system, wrong))
    assert SECRET not in repr(trusted(provider))


async def test_who_is_switched_off_is_refused(system: StandIn, provider: SmallProvider) -> None:
    assert await lets_in(Browser(system, trusted(provider)))
    await system.accounts.change_user(2, is_active=False)
    assert not await lets_in(Browser(system, trusted(provider)))


async def test_without_a_provider_there_is_no_way_to_one(system: StandIn) -> None:
    app = guard_of(system).before(Nowhere())
    async with AsyncClient(transport=ASGITransport(app), base_url=OURS) as client:
        for path in ("/login/identity", "/login/identity/callback?state=x&code=y"):
            assert (await client.get(path)).status_code == 404
