"""Keys of both exchanges through the real adapters over real sockets, against servers as strict as theirs."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import PrivateFormat
from msgspec.structs import replace

from livermore.accounts.exchange_account import Credentials, KeyReport, warnings_of
from livermore.adapters.exchanges.binance import Binance
from livermore.adapters.exchanges.binance.credentials import signature_of
from livermore.adapters.exchanges.coinbase import Coinbase
from livermore.adapters.exchanges.simulated import CoinbaseRules, Key, SimulatedExchange
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.errors import ExchangeRefusedError, ExchangeUnreachableError, InvalidError
from livermore.market.exchange import BINANCE, COINBASE
from tests.contracts.exchanges.keys import CURVE, EDWARDS, RSA, given, private_pem
from tests.contracts.exchanges.support import T0, recorded, running, serving

Name = Literal["binance", "coinbase"]
NAMED = Credentials(key="CANARY_KEY", secret="CANARY_SECRET")
SHARED = "canaryOfTheSecret" * 4
MAY = ("view", "trade", "withdraw")
COINBASE_NAME = "organizations/o/apiKeys/canaryOfTheKey"
KINDS: dict[str, tuple[Name, Any, str]] = {
    "Coinbase P-256": ("coinbase", CURVE, private_pem(CURVE, PrivateFormat.TraditionalOpenSSL)),
    "Coinbase Ed25519": ("coinbase", EDWARDS, private_pem(EDWARDS)),
    "Binance HMAC": ("binance", SHARED, SHARED),
    "Binance Ed25519": ("binance", EDWARDS, private_pem(EDWARDS)),
    "Binance RSA": ("binance", RSA, private_pem(RSA).replace("\n", "\\n")),
}


class WrongClock(SystemClock):
    """A clock that is wrong by so many milliseconds."""

    def __init__(self, wrong: int) -> None:
        self._wrong = wrong

    def now(self) -> int:
        return T0 + self._wrong


def named(exchange: Name) -> str:
    return COINBASE_NAME if exchange == "coinbase" else "canaryOfTheKey"


def served(exchange: Name, *keys: Key, **more: Any) -> SimulatedExchange:
    rules = CoinbaseRules(requests_per_second=1000, private_requests_per_second=1000)
    return SimulatedExchange(recorded(1, 10), protocol=exchange, keys=keys, coinbase_rules=rules, **more)


@asynccontextmanager
async def adapter(
    exchange: Name, rest_url: str, secret: str, *, clock: Clock | None = None, name: str | None = None
) -> AsyncIterator[Binance | Coinbase]:
    environment = {"CANARY_KEY": name or named(exchange), "CANARY_SECRET": secret}
    kind, row = (Coinbase, COINBASE) if exchange == "coinbase" else (Binance, BINANCE)
    made = kind(
        replace(row, rest_url=rest_url), clock or SystemClock(), environment=environment, credentials=NAMED
    )
    try:
        yield made
    finally:
        await made.close()


async def refused(exchange: Name, rest_url: str, secret: str, **more: Any) -> ExchangeRefusedError:
    """Ask with a key that is not accepted; nothing that is told of it holds a value."""
    async with adapter(exchange, rest_url, secret, **more) as made:
        with pytest.raises(ExchangeRefusedError) as caught:
            await made.key_report()
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "canaryOf" not in told
    assert secret[30:60] not in told
    return caught.value


@pytest.mark.parametrize(("exchange", "half", "secret"), KINDS.values(), ids=KINDS)
async def test_a_key_of_every_kind_works(exchange: Name, half: Any, secret: str) -> None:
    async with (
        running(served(exchange, given(named(exchange), half))) as server,
        adapter(exchange, server.rest_url, secret) as made,
    ):
        report = await made.key_report()
    assert 0 <= report.latency_ms < 10_000
    expected = KeyReport(latency_ms=report.latency_ms, can_view=True, can_trade=False, can_withdraw=False)
    assert report == expected
    assert warnings_of(report) == ()


@pytest.mark.parametrize(("exchange", "half", "secret"), [KINDS["Coinbase P-256"], KINDS["Binance HMAC"]])
@pytest.mark.parametrize(
    ("powers", "words"),
    [
        (("trade",), "may trade;"),
        (("withdraw",), "may withdraw"),
        (("trade", "withdraw"), "trade and withdraw"),
    ],
)
async def test_a_key_that_may_do_more_is_told(
    exchange: Name, half: Any, secret: str, powers: tuple[Any, ...], words: str
) -> None:
    async with (
        running(served(exchange, given(named(exchange), half, "view", *powers))) as server,
        adapter(exchange, server.rest_url, secret) as made,
    ):
        (warning,) = warnings_of(await made.key_report())
    assert words in warning
    assert "only views" in warning


@pytest.mark.parametrize(("exchange", "half", "secret"), [KINDS["Coinbase P-256"], KINDS["Binance HMAC"]])
async def test_keys_that_are_not_accepted(exchange: Name, half: Any, secret: str) -> None:
    name = named(exchange)
    other = private_pem(EDWARDS) if exchange == "coinbase" else "anotherSecret" * 6
    async with running(served(exchange, given(name, half))) as server:
        assert (await refused(exchange, server.rest_url, other)).hint
        assert (await refused(exchange, server.rest_url, secret, name=f"{name}X")).hint
    async with running(served(exchange, given(name, half, "trade"))) as server:
        error = await refused(exchange, server.rest_url, secret)
        assert "permission" in f"{error.what} {error.hint}"
    async with running(served(exchange, given(name, half, addresses=("203.0.113.7",)))) as server:
        assert (await refused(exchange, server.rest_url, secret)).hint


@pytest.mark.parametrize(("exchange", "half", "secret"), [KINDS["Coinbase P-256"], KINDS["Binance HMAC"]])
@pytest.mark.parametrize("minutes", [-600, 600])
async def test_a_clock_that_is_wrong_by_hours_is_set_right_by_the_exchange_s(
    exchange: Name, half: Any, secret: str, minutes: int
) -> None:
    clock = WrongClock(minutes * 60_000)
    async with (
        running(served(exchange, given(named(exchange), half))) as server,
        adapter(exchange, server.rest_url, secret, clock=clock) as made,
    ):
        assert (await made.key_report()).can_view


@pytest.mark.parametrize("exchange", ["binance", "coinbase"])
async def test_without_a_key_nothing_is_asked(exchange: Name) -> None:
    row = COINBASE if exchange == "coinbase" else BINANCE
    made = (Coinbase if exchange == "coinbase" else Binance)(
        replace(row, rest_url="http://127.0.0.1:1"), SystemClock()
    )
    with pytest.raises(ExchangeRefusedError, match="no key is configured"):
        await made.key_report()
    await made.close()


@pytest.mark.parametrize("exchange", ["binance", "coinbase"])
async def test_a_variable_that_is_not_set_or_holds_no_key_is_named(exchange: Name) -> None:
    async with running(served(exchange)) as server:
        async with adapter(exchange, server.rest_url, "  ") as made:
            with pytest.raises(InvalidError, match="not set") as caught:
                await made.key_report()
            assert caught.value.where == "CANARY_SECRET"
        async with adapter(exchange, server.rest_url, "-----BEGIN canaryOfTheSecret") as made:
            with pytest.raises(InvalidError) as caught:
                await made.key_report()
            assert "canaryOf" not in "".join(traceback.format_exception(caught.value))
    async with (
        running(served("binance")) as server,
        adapter("binance", server.rest_url, SHARED, name="two\nlines") as made,
    ):
        with pytest.raises(InvalidError) as caught:
            await made.key_report()
        assert (caught.value.where, "two" in str(caught.value)) == ("CANARY_KEY", False)


async def test_an_exchange_that_tells_nothing_of_its_keys_is_believed_about_the_account() -> None:
    account = {"canTrade": True, "canWithdraw": False, "balances": []}
    routes = [
        web.get("/api/v3/time", answering({"serverTime": T0})),
        web.get("/api/v3/account", answering(account)),
    ]
    async with serving(*routes) as address, adapter("binance", f"http://{address}", SHARED) as made:
        report = await made.key_report()
    assert (report.can_view, report.can_trade, report.can_withdraw) == (True, None, False)
    (warning,) = warnings_of(report)
    assert "does not say whether the key may trade" in warning


def answering(body: Any) -> Any:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body)

    return handler


async def test_a_key_is_charged_for_in_the_budget() -> None:
    async with (
        running(served("binance", given("canaryOfTheKey", SHARED))) as server,
        adapter("binance", server.rest_url, SHARED) as made,
    ):
        await made.key_report()
        assert made.budget.usage().used == server.counters.weight == 1 + 20 + 1


async def test_an_exchange_that_hangs_up_is_told_in_plain_words() -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(web.get("/{rest:.*}", hang_up)) as address:
        for exchange in ("binance", "coinbase"):
            async with adapter(exchange, f"http://{address}", SHARED) as made:
                with pytest.raises(ExchangeUnreachableError, match="the connection was cut"):
                    await made.server_time()
    async with adapter("binance", f"http://{address}", SHARED) as made:
        with pytest.raises(ExchangeUnreachableError, match="nothing listens there"):
            await made.server_time()


# ---------------------------------------------------------------- Binance's letter


def test_the_documented_signature() -> None:
    query = (
        b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        b"&timestamp=1499827319559"
    )
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    signed = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert signature_of(query, secret, "SECRET") == signed


async def ask(server: SimulatedExchange, headers: dict[str, str], text: str) -> tuple[int, int]:
    """Ask for the account with a query as it stands; the status and Binance's code."""
    from yarl import URL

    url = URL(f"{server.rest_url}/api/v3/account?{text}", encoded=True)
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, (await answer.json()).get("code", 0)


async def test_the_simulated_binance_is_as_strict() -> None:
    async with running(
        served("binance", given("key", SHARED), given("elsewhere", SHARED, addresses=("::9",)))
    ) as server:
        now, named = server.market_time(), {"X-MBX-APIKEY": "key"}

        def query(**given: int) -> str:
            text = urlencode(given)
            return f"{text}&signature={signature_of(text.encode(), SHARED, 'SECRET')}"

        good = query(timestamp=now)
        answers = {
            "good": await ask(server, named, good),
            "within the window": await ask(server, named, query(timestamp=now - 59_000, recvWindow=60_000)),
            "a little ahead": await ask(server, named, query(timestamp=now + 999)),
            "no key": await ask(server, {}, good),
            "a malformed key": await ask(server, {"X-MBX-APIKEY": "no key!"}, good),
            "an unknown key": await ask(server, {"X-MBX-APIKEY": "other"}, good),
            "from elsewhere": await ask(server, {"X-MBX-APIKEY": "elsewhere"}, good),
            "no time": await ask(server, named, query()),
            "stale": await ask(server, named, query(timestamp=now - 5001)),
            "ahead": await ask(server, named, query(timestamp=now + 1000)),
            "too wide a window": await ask(server, named, query(timestamp=now, recvWindow=60_001)),
            "no signature": await ask(server, named, f"timestamp={now}"),
            "another signature": await ask(server, named, f"{good[:-1]}{'0' if good[-1] != '0' else '1'}"),
            "another order": await ask(server, named, "&".join(reversed(good.split("&")))),
        }
    assert answers == {
        "good": (200, 0),
        "within the window": (200, 0),
        "a little ahead": (200, 0),
        "no key": (401, -2014),
        "a malformed key": (401, -2014),
        "an unknown key": (401, -2015),
        "from elsewhere": (401, -2015),
        "no time": (400, -1102),
        "stale": (400, -1021),
        "ahead": (400, -1021),
        "too wide a window": (400, -1131),
        "no signature": (400, -1102),
        "another signature": (400, -1022),
        "another order": (400, -1102),
    }


async def test_a_check_waits_its_turn_among_all_who_ask() -> None:
    """The exchange's limit counts for keys too: many checks at once stay below it."""
    server = served("binance", given("canaryOfTheKey", SHARED), weight_limit=6000)
    async with running(server), adapter("binance", server.rest_url, SHARED) as made:
        reports = await asyncio.gather(*(made.key_report() for _ in range(20)))
    assert all(report.can_view for report in reports)
    assert server.counters.over_limit == 0
