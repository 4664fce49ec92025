"""SYM-01 to SYM-06, through the API and the command line, at both exchanges and over both back ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import pytest_asyncio

from livermore.adapters.exchanges.simulated import Protocol
from livermore.kernel.timeframe import MINUTE, Timeframe

from .both_protocols import PROTOCOLS
from .symbols import (
    BACK_ENDS,
    FAST,
    FIRST,
    ODD,
    Asked,
    asking,
    back_end,
    others,
    serving,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.parametrize("exchange", PROTOCOLS)]
# Minutes that cross one of these levels are many: whether they are told is what matters here.
ALERTS = {"levels": list(range(4, 400, 4)), "low_confidence": True, "cooldown_seconds": 0}
SETTINGS: dict[str, Any] = {"alerts": ALERTS, "livermore_runtime": {"mode": "scalper-macdv"}}
DOORS = ("api", "cli")
FIRSTS = {name: [symbol] for name, symbol in FIRST.items()}
COMMANDS = {
    "add": ("add-symbol", {}), "remove": ("remove-symbol", {}),
    "enable": ("set-symbol-enabled", {"enabled": True}),
    "disable": ("set-symbol-enabled", {"enabled": False}),
}  # fmt: skip


class Answer(NamedTuple):
    """Whether something was done, and all that was said of it."""

    done: bool
    said: str


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACK_ENDS)
async def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
    redis_url: str, postgres_module_database: str,
) -> AsyncIterator[Asked]:  # fmt: skip
    """One system for each back end, which watches one symbol of either exchange."""
    with back_end(request.param, redis_url, postgres_module_database):
        folder = tmp_path_factory.mktemp("symbols")
        async with serving(speed=FAST) as servers, asking(folder, servers, FIRSTS, **SETTINGS) as one:
            yield one


async def ordered(asked: Asked, door: str, what: str, exchange: str, symbol: str) -> Answer:
    """Have something done with a symbol, through either door."""
    if door == "cli":
        outcome = await asked.cli("symbols", what, f"{exchange}:{symbol}")
        return Answer(outcome.code == 0, outcome.out + outcome.err)
    name, payload = COMMANDS[what]
    command = await asked.command(name, symbol=symbol, exchange=exchange, **payload)
    return Answer(command["status"] == "succeeded", json.dumps(command))


async def through_both(asked: Asked, what: str, exchange: str, symbols: list[str]) -> None:
    """Have the same done with two symbols, one through each door: a revision for each."""
    for door, symbol in zip(DOORS, symbols, strict=True):
        before = await asked.revision()
        answer = await ordered(asked, door, what, exchange, symbol)
        assert answer.done, answer.said
        newest = (await asked.revisions())[-1]
        assert (newest["revision"], newest["source"]) == (before + 1, "command")


async def heard_of(asked: Asked, exchange: str, symbol: str, since: int) -> None:
    """Wait until a bar that closed after a moment was alerted about."""
    while True:
        query = {"exchange": exchange, "symbol": symbol, "limit": 20}
        signals = (await asked.get("/signals", **query))["signals"]
        new = {one["id"] for one in signals if one["time"] >= since}
        alerts = (await asked.get("/alerts", limit=50))["alerts"]
        if new & {alert["signal_id"] for alert in alerts}:
            return
        await asyncio.sleep(0.1)


async def test_symbols_come_and_go_while_it_runs(asked: Asked, exchange: Protocol) -> None:
    """SYM-01, SYM-02: processing begins without a restart, alerts included, and ends with nothing left."""
    symbols = others(exchange, 2)
    named = [(exchange, symbol) for symbol in symbols]
    moment = asked.servers[exchange].market_time()
    await through_both(asked, "add", exchange, symbols)
    rows = await asked.rows()
    assert all(rows[one]["enabled"] for one in named)
    await asked.live(*named)
    async with asyncio.timeout(60):
        for symbol in symbols:
            assert (await asked.values_after(exchange, symbol, moment))[-1]["macdv"] is not None
        await asyncio.gather(*(heard_of(asked, exchange, symbol, moment) for symbol in symbols))

    await through_both(asked, "remove", exchange, symbols[::-1])
    await asked.gone(*named)
    assert not set(named) & set(await asked.rows())
    asked.servers[exchange].cut_connections()
    await asked.done("reload-settings")
    await asked.live((exchange, FIRST[exchange]))
    await asked.market_passes(exchange, MINUTE)
    assert not any(asked.is_held(*one) for one in named)
    assert await asked.stored() == set(await asked.rows())


async def test_switched_off_and_on_again(asked: Asked, exchange: Protocol) -> None:
    """UI-SYM-01 beneath its page: a symbol stays on the watchlist while nothing of it is watched."""
    first = FIRST[exchange]
    for door in DOORS:
        assert (await ordered(asked, door, "disable", exchange, first)).done
        await asked.gone((exchange, first))
        assert (await asked.rows())[exchange, first]["enabled"] is False
        assert (await ordered(asked, door, "enable", exchange, first)).done
        await asked.live((exchange, first))
        assert (await asked.rows())[exchange, first]["enabled"] is True


async def test_looked_up_before_it_is_saved(asked: Asked, exchange: Protocol) -> None:
    """SYM-03: what the exchange does not list is refused, and only what is new is asked about."""
    before, first, new = await asked.revision(), FIRST[exchange], others(exchange)[0]
    unknown = first.replace("BTC", "BTCC")
    for door in DOORS:
        answer = await ordered(asked, door, "add", exchange, unknown)
        assert not answer.done
        assert first in answer.said
    verdicts = await validated(asked, exchange, [first, unknown, new, new.lower(), first.lower()])
    assert verdicts == ["duplicate", "unknown", "ok", "duplicate", "duplicate"]
    server = asked.servers[exchange]
    requests = server.counters.requests.total()
    assert await validated(asked, exchange, [first]) == ["duplicate"]
    assert server.counters.requests.total() == requests
    assert await asked.revision() == before


async def validated(asked: Asked, exchange: str, symbols: list[str]) -> list[str]:
    """Return the verdict on each symbol, in order."""
    answer = await asked.post("/symbols/validate", {"symbols": symbols, "exchange": exchange})
    assert [one["input"] for one in answer["results"]] == symbols
    return [one["verdict"] for one in answer["results"]]


async def test_each_way_to_write_a_symbol_leads_to_it(asked: Asked, exchange: Protocol) -> None:
    """SYM-03: own names in any case, base and quote joined by whatever; an alias is resolved and said."""
    new = others(exchange)[0]
    base, quote = ("ETH", "USDT") if exchange == "binance" else ("ETH", "USD")
    ways = [new, new.lower(), base + quote, f"{base}/{quote}", f"{base}-{quote}", f"{base}_{quote}".lower()]
    ways += ["ETH-USDC", "eth/usdc"] if exchange == "coinbase" else []
    for way in ways:
        answer = await asked.post("/symbols/validate", {"symbols": [way], "exchange": exchange})
        (found,) = answer["results"]
        assert (found["verdict"], found["symbol"]) == ("ok", new), found
        assert "usdc" not in way.lower() or new in found["detail"]


async def test_searched_at_one_exchange(asked: Asked, exchange: Protocol) -> None:
    """SYM-04: exact before prefix before the rest, and nothing of another exchange."""
    listed = {market.symbol for market in asked.servers[exchange].source.markets}
    first, new = FIRST[exchange], others(exchange)[0]
    for text, top in ((first, first), (new.lower(), new), ("eth", new), ("BTC", first)):
        query = {"q": text, "exchange": exchange, "limit": 5}
        by_api = (await asked.get("/symbols/search", **query))["results"]
        by_verb = await asked.told("symbols", "search", text, "--exchange", exchange, "--limit", "5")
        assert by_api[0]["symbol"] == top
        assert [one["symbol"] for one in by_verb["results"]] == [one["symbol"] for one in by_api]
        names = {one["symbol"].replace("-USDC", "-USD") for one in by_api}
        assert names <= listed
        assert {one["exchange"] for one in by_api} == {exchange}
    if exchange == "binance":
        (odd,) = (await asked.get("/symbols/search", q=ODD, exchange=exchange, limit=1))["results"]
        assert (odd["base"], odd["quote"]) == ("ETHW", "BIDR")


async def test_many_at_once_each_with_its_verdict(asked: Asked, exchange: Protocol, tmp_path: Path) -> None:
    """SYM-05: what fits is added as one revision, the rest is told why, and one rollback undoes it."""
    good, before = others(exchange, 2, behind=3), await asked.revision()
    stored, file = await asked.stored(), tmp_path / "list.json"
    mixed = [f"{exchange}:{good[0]}", "NOPE-NOPE", f"{exchange}:{good[1]}", f"{exchange}:{FIRST[exchange]}"]
    verdicts = ["ok", "unknown", "ok", "duplicate"]
    file.write_text(json.dumps(mixed))
    preview = await asked.post("/symbols/import/preview", {"text": file.read_text(), "exchange": exchange})
    assert [one["verdict"] for one in preview["results"]] == verdicts
    assert await asked.stored() == stored

    command = await asked.done("bulk-add-symbols", symbols=mixed, exchange=exchange)
    assert [one["verdict"] for one in command["result"]["results"]] == verdicts
    added = {(exchange, symbol) for symbol in good}
    assert await asked.stored() == stored | added
    assert await asked.revision() == before + 1
    undone = await asked.api("POST", "/settings/rollback", json={"revision": before, "reason": "undo"})
    assert undone.status_code == 200
    assert await asked.stored() == stored
    await asked.gone(*added)

    outcome = await asked.cli("symbols", "import", str(file), "--exchange", exchange, "--json")
    said = json.loads(outcome.out)
    assert [one["verdict"] for one in said["preview"]["results"]] == verdicts
    assert await asked.stored() == stored | added
    exported = await asked.cli("symbols", "export")
    assert {f"{exchange}:{symbol}" for symbol in good} <= set(json.loads(exported.out))
    for symbol in good:
        await asked.done("remove-symbol", symbol=symbol, exchange=exchange)
    await asked.gone(*added)


async def test_priced_before_it_is_added(asked: Asked, exchange: Protocol) -> None:
    """SYM-06: price, change and volume of 24 hours in quote units, of a symbol that nobody watches."""
    server, new = asked.servers[exchange], others(exchange, behind=5)[0]
    now = server.market_time()
    bars = server.source.bars(new, Timeframe.M1, now - Timeframe.D1.milliseconds, now)
    volume = float(np.dot(bars.volume, bars.close))
    by_api = await asked.get(f"/symbols/{new}/metrics", exchange=exchange)
    by_verb = await asked.told("symbols", "metrics", f"{exchange}:{new}")
    for told in (by_api, by_verb):
        assert told["quote_volume_24h"] == pytest.approx(volume, rel=0.05)
        assert told["price"] == pytest.approx(bars.close[-1], rel=0.05)
        change = (bars.close[-1] / bars.open[0] - 1) * 100
        assert told["change_24h_percent"] == pytest.approx(change, abs=1)
        assert told["spread_percent"] is not None
    assert (exchange, new) not in await asked.stored()
