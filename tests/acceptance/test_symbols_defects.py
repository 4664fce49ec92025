"""What the earlier system got wrong about symbols: each defect is a test that this one passes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from livermore.adapters.exchanges.simulated import Protocol
from livermore.adapters.exchanges.simulated.faults import Slow

from .both_protocols import PROTOCOLS
from .inside import until
from .symbols import (
    FIRST,
    ODD,
    Asked,
    asking,
    opened,
    others,
    serving,
    subscribed,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
WATCHED = {name: [symbol] for name, symbol in FIRST.items()}
HISTORY = ("klines", "candles")  # what is in the path of a request for candles
FIRSTS = [f"{name}:{symbol}" for name, symbol in FIRST.items()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    """A system for all tests of this module but one."""
    async with serving() as servers, asking(tmp_path_factory.mktemp("defects"), servers, WATCHED) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def asked(shared: Asked) -> Asked:
    """That system, which watches one symbol of either exchange, and Binance before Coinbase."""
    if shared.system.status().state == "paused":
        await shared.done("resume")
    await shared.change(perseus_profile={"primary_exchange": "binance"})
    await shared.change(symbols=FIRSTS, disabled_symbols=[])
    await shared.live(*FIRST.items())
    await shared.subscribed_as_stored()
    return shared


async def test_what_was_removed_stays_away_and_what_was_added_comes_back_after_a_restart(
    tmp_path: Path,
) -> None:
    """Added symbols were gone, and removed ones back, when the process had started anew."""
    async with serving() as servers:
        async with asking(tmp_path, servers, WATCHED) as before:
            for exchange in PROTOCOLS:
                await before.done("add-symbol", symbol=others(exchange)[0], exchange=exchange)
                await before.done("remove-symbol", symbol=FIRST[exchange], exchange=exchange)
            expected = {(exchange, others(exchange)[0]) for exchange in PROTOCOLS}
            await before.subscribed_as_stored()
        await until(lambda: not subscribed(servers))
        async with opened(tmp_path, servers) as after:
            await after.live(*expected)
            assert await after.stored() == set(await after.rows()) == subscribed(servers) == expected
            for server in servers.values():
                server.cut_connections()
            await until(lambda: not subscribed(servers))
            await after.done("reload-settings")
            await after.subscribed_as_stored()
            assert await after.stored() == expected


@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_what_is_changed_during_a_pause_holds_after_it(asked: Asked, exchange: Protocol) -> None:
    """`add-symbol` while idle wrote to the database and then threw."""
    new, many = others(exchange)[0], others(exchange, 2, behind=2)
    await asked.done("pause")
    await asked.done("add-symbol", symbol=new, exchange=exchange)
    await asked.done("remove-symbol", symbol=FIRST[exchange], exchange=exchange)
    await asked.done("bulk-add-symbols", symbols=many, exchange=exchange)
    await asked.done("set-symbol-enabled", symbol=many[1], exchange=exchange, enabled=False)
    assert not subscribed(asked.servers)
    mine = {symbol for name, symbol in await asked.stored() if name == exchange}
    assert mine == {new, *many}
    await asked.done("resume")
    await asked.live((exchange, new), (exchange, many[0]))
    assert asked.servers[exchange].subscribed() == {new, many[0]}


@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_many_that_take_long_hold_nobody_up_and_end_well(asked: Asked, exchange: Protocol) -> None:
    """A bulk addition outlived the wait of whoever asked for it, although it succeeded."""
    many, server = others(exchange, 3), asked.servers[exchange]
    slowly = Slow(seconds=1.0, paths=HISTORY)
    server.faults.begin(slowly)
    body = {"type": "bulk-add-symbols", "payload": {"symbols": many, "exchange": exchange}}
    answer = await asked.api("POST", "/commands", params={"wait": 0.3}, json=body)
    assert answer.status_code == 202
    assert not set(many) & loaded(asked, exchange)
    removed = await asked.done("remove-symbol", symbol=many[0], exchange=exchange)
    found = await asked.get(f"/commands/{answer.json()['id']}")
    assert (found["status"], removed["status"]) == ("running", "succeeded")
    server.faults.end(slowly)
    ended = await asked.get(f"/commands/{found['id']}", wait=60)
    assert ended["status"] == "succeeded", ended["error"]
    assert [one["verdict"] for one in ended["result"]["results"]] == ["ok"] * 3
    await asked.live(*((exchange, symbol) for symbol in many[1:]))
    assert server.subscribed() == {FIRST[exchange], *many[1:]}


def loaded(asked: Asked, exchange: str) -> set[str]:
    """Return the symbols of an exchange that are loaded."""
    return asked.system.market._plane.desks[exchange].loaded


async def test_without_a_choice_no_exchange_is_guessed(asked: Asked) -> None:
    """A missing choice fell back to Coinbase, and once connected the wrong exchange."""
    await asked.change(perseus_profile={"primary_exchange": None})
    assert "primary_exchange" not in (await asked.get("/settings"))["settings"]["perseus_profile"]
    before = await asked.revision()
    command = await asked.command("add-symbol", symbol="ETH-USD")
    assert (command["status"], command["error"]["code"]) == ("failed", "invalid_payload")
    assert "exchange" in command["error"]["detail"]
    command = await asked.command("remove-symbol", symbol="BTC-USD")
    assert (command["status"], command["error"]["code"]) == ("failed", "not_found")
    for method, path, options in (
        ("POST", "/symbols/validate", {"json": {"symbols": ["ETH-USD"]}}),
        ("GET", "/symbols/search", {"params": {"q": "ETH"}}),
        ("GET", "/symbols/ETH-USD/metrics", {}),
    ):
        refused = await asked.api(method, path, **options)
        assert refused.status_code == 422, (path, refused.text)
        assert "exchange" in refused.text
    assert await asked.revision() == before
    await asked.done("add-symbol", symbol="binance:ETHUSDT")
    await asked.live(("binance", "ETHUSDT"))
    assert asked.servers["coinbase"].subscribed() == {"BTC-USD"}


async def test_another_primary_exchange_takes_nothing_from_where_it_is(asked: Asked) -> None:
    """Stop and start on another exchange reused the symbols of the old one."""
    await asked.done("add-symbol", symbol="ETHUSDT")
    assert ("binance", "ETHUSDT") in await asked.stored()
    await asked.change(perseus_profile={"primary_exchange": "coinbase"})
    expected = {("binance", "BTCUSDT"), ("binance", "ETHUSDT"), ("coinbase", "BTC-USD")}
    assert await asked.stored() == expected
    await asked.done("add-symbol", symbol="eth/usd")
    await asked.subscribed_as_stored()
    assert await asked.stored() == expected | {("coinbase", "ETH-USD")}


async def test_base_and_quote_are_what_the_exchange_says(asked: Asked) -> None:
    """Base and quote were guessed from the name."""
    answer = await asked.post("/symbols/validate", {"symbols": ["ethw/bidr", "ETHWB-IDR"]})
    assert [(one["verdict"], one["symbol"]) for one in answer["results"]] == [("ok", ODD), ("unknown", None)]
    await asked.done("add-symbol", symbol="ethw_bidr")
    row = (await asked.rows())["binance", ODD]
    assert (row["base"], row["quote"]) == ("ETHW", "BIDR")


@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_the_most_traded_are_those_for_the_most_money(asked: Asked, exchange: Protocol) -> None:
    """Volumes in units of the base asset were ranked, and shown, as dollars."""
    before = await asked.stored()
    quote = "USDT" if exchange == "binance" else "USD"
    command = await asked.done("scan-symbols", exchange=exchange, limit=4, quote=quote)
    proposed = [one["symbol"] for one in command["result"]["candidates"]]
    bases = [symbol.replace("-", "").removesuffix(quote) for symbol in proposed]
    assert bases == ["BTC", "ETH", "SOL", "XRP"]
    assert await asked.stored() == before
    settings = (await asked.get("/settings"))["settings"]
    assert settings["scanner_exchange"] == exchange
    assert settings["scanner_symbols_last_update"]
    accepted = await asked.api("POST", "/symbols/proposal/accept", json={"symbols": proposed[1:3]})
    assert accepted.status_code in {200, 202}, accepted.text
    wanted = {(exchange, symbol) for symbol in proposed[1:3]}
    await until(lambda: wanted <= subscribed(asked.servers))
    assert await asked.stored() == before | wanted
