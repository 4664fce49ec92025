"""Markets halt and are delisted, and listings cannot be had: it is said, and nothing is made up."""

from pathlib import Path
from typing import Any

import pytest

from livermore.adapters.exchanges.simulated import Protocol
from livermore.adapters.exchanges.simulated.faults import Refuse
from livermore.kernel.clock import rfc3339
from livermore.kernel.events import Topic
from livermore.kernel.timeframe import MINUTE

from .both_protocols import PROTOCOLS
from .inside import Place, live_systems, until
from .symbols import FIRST, Asked, asking, door_of, others, port_of, serving

pytestmark = pytest.mark.parametrize("exchange", PROTOCOLS)
LISTING = ("exchangeInfo", "products")  # what is in the path of a request for the listing
TOPICS: tuple[Topic, ...] = ("symbol",)


async def states(asked: Asked, exchange: str, symbol: str) -> tuple[str, str]:
    """Have a listing read anew, and return the state that the event told and the watchlist shows."""
    told = asked.system.bus.subscribe(asked.system.user.identity_sub, TOPICS)
    await asked.system.listings.listing(exchange, oldest=0.0)
    async for event in told:
        if (event.data["exchange"], event.data["symbol"]) == (exchange, symbol):
            told.close()
            return str(event.data["previous"]), str(event.data["state"])
    raise AssertionError("the events have ended")


async def alerted(asked: Asked, word: str) -> list[Any]:
    """Wait for an alert of the system that tells a word, and return all of these."""
    query = "SELECT * FROM alerts WHERE event = 'system'"
    while True:
        async with asked.system.database.reading(asked.system.user.scope()) as connection:
            rows = (await connection.exec_driver_sql(query)).mappings().all()
        if found := [row for row in rows if word in str(dict(row))]:
            return found
        await asked.system.clock.sleep(0.05)


async def test_a_halt_and_a_delisting_are_told_and_a_delisted_one_has_no_more_bars(
    tmp_path: Path, exchange: Protocol
) -> None:
    halted, delisted = others(exchange, 2)
    async with (
        serving(exchange) as servers,
        asking(tmp_path, servers, {exchange: [FIRST[exchange], halted, delisted]}) as asked,
    ):
        server = servers[exchange]
        server.halt(halted)
        assert await states(asked, exchange, halted) == ("trading", "halted")
        assert len(await alerted(asked, halted)) == 1
        server.delist(delisted)
        assert await states(asked, exchange, delisted) == ("trading", "delisted")
        assert len(await alerted(asked, delisted)) == 1

        await until(lambda: delisted not in server.subscribed())
        moment = server.market_time()
        await asked.market_passes(exchange, 3 * MINUTE)
        assert await newest(asked, exchange, delisted) < moment
        assert await newest(asked, exchange, halted) >= moment
        rows = await asked.rows()
        assert {row["symbol"]: row["state"] for row in rows.values()} == {
            FIRST[exchange]: "live", halted: "halted", delisted: "delisted",
        }  # fmt: skip

        server.reopen(halted)
        assert await states(asked, exchange, halted) == ("halted", "trading")
        await asked.done("remove-symbol", symbol=delisted, exchange=exchange)
        again = await asked.command("add-symbol", symbol=delisted, exchange=exchange)
        assert again["status"] == "failed"
        assert "delisted" in again["error"]["detail"]


async def newest(asked: Asked, exchange: str, symbol: str) -> int:
    """Return the open (ms) of the newest closed minute of a symbol."""
    candles = (await asked.get(f"/candles/{exchange}/{symbol}/1m", limit=1))["candles"]
    return int(candles[-1]["time"])


async def test_each_reason_has_a_verdict_of_its_own(tmp_path: Path, exchange: Protocol) -> None:
    halted, delisted, open_ = others(exchange, 3)
    async with (
        serving(exchange) as servers,
        asking(tmp_path, servers, {exchange: [FIRST[exchange]]}) as asked,
    ):
        servers[exchange].halt(halted)
        servers[exchange].delist(delisted)
        await asked.system.listings.listing(exchange, oldest=0.0)
        symbols = [open_, halted, delisted, FIRST[exchange], "NOPE"]
        answer = await asked.post("/symbols/validate", {"symbols": symbols})
        verdicts = [one["verdict"] for one in answer["results"]]
        assert verdicts == ["ok", "halted", "delisted", "duplicate", "unknown"]
        assert len({one["detail"] for one in answer["results"][1:]}) == 4
        command = await asked.command("bulk-add-symbols", symbols=symbols)
        assert [one["verdict"] for one in command["result"]["results"]] == verdicts
        assert await asked.stored() == {(exchange, FIRST[exchange]), (exchange, open_)}


@pytest.mark.parametrize(("status", "verdict"), [(503, "unreachable"), (451, "blocked")])
async def test_an_exchange_that_cannot_be_asked_is_not_taken_for_one_that_lists_nothing(
    tmp_path: Path, exchange: Protocol, status: int, verdict: str
) -> None:
    async with serving(exchange) as servers:
        servers[exchange].faults.begin(Refuse(status=status))
        place = Place(port_of(servers[exchange]), ())
        async with live_systems(tmp_path, **{exchange: place}) as system, door_of(system) as client:
            asked = Asked(system, servers, client)
            answer = await asked.post("/symbols/validate", {"symbols": [others(exchange)[0]]})
            (found,) = answer["results"]
            assert (found["verdict"], found["symbol"]) == (verdict, None)
            command = await asked.command("add-symbol", symbol=others(exchange)[0])
            assert (command["status"], command["error"]["code"]) == ("failed", "exchange_unreachable")
            assert await asked.stored() == set()


async def test_the_last_known_listing_is_kept_with_its_age_and_why(
    tmp_path: Path, exchange: Protocol
) -> None:
    new = others(exchange)[0]
    async with serving(exchange) as servers:
        async with asking(tmp_path, servers, {exchange: [FIRST[exchange]]}) as before:
            known = await before.system.listings.listing(exchange, oldest=0.0)
            assert known.trouble is None
        servers[exchange].faults.begin(Refuse(status=503, paths=LISTING))
        place = Place(port_of(servers[exchange]), ())
        async with live_systems(tmp_path, **{exchange: place}) as system, door_of(system) as client:
            asked = Asked(system, servers, client)
            kept = await system.listings.listing(exchange, oldest=0.0)
            assert (kept.asked_at, kept.symbols.keys()) == (known.asked_at, known.symbols.keys())
            assert kept.trouble is not None
            answer = await asked.post("/symbols/validate", {"symbols": [new, "NOPE"]})
            assert [one["verdict"] for one in answer["results"]] == ["ok", "unreachable"]
            found = await asked.get("/symbols/search", q=new)
            assert found["results"][0]["symbol"] == new
            assert found["listing"]["asked_at"] == rfc3339(known.asked_at)
            assert found["listing"]["trouble"] == kept.trouble
            await asked.done("add-symbol", symbol=new)
            assert (exchange, new) in await asked.stored()
