"""Markets halt and are delisted, and listings cannot be had: it is said, and nothing is made up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from livermore.adapters.exchanges.simulated import Protocol
from livermore.adapters.exchanges.simulated.faults import Empty, Refuse
from livermore.adapters.exchanges.simulated.faults.kinds import AnyFault
from livermore.kernel.clock import rfc3339
from livermore.kernel.events import Topic
from livermore.kernel.timeframe import MINUTE
from livermore.market import absences
from livermore.market.listing import Listing

from .both_protocols import PROTOCOLS
from .inside import until
from .symbols import FIRST, Asked, asking, opened, others, serving

pytestmark = pytest.mark.parametrize("exchange", PROTOCOLS)
LISTING = ("exchangeInfo", "market/products$")  # what is in the path of a request for the listing
FAULTS: tuple[tuple[AnyFault, str], ...] = (
    (Refuse(status=503), "unreachable"), (Refuse(status=451), "blocked"), (Empty(), "unreachable"),
)  # fmt: skip
TOPICS: tuple[Topic, ...] = ("symbol",)


async def written_down(asked: Asked, exchange: str) -> Listing:
    """Wait until a listing is stored, and return it: what changes from then on is alerted about."""
    shelves = asked.system.listings._shelves
    await until(lambda: exchange in shelves and shelves[exchange].recorded is not None)
    stored = shelves[exchange].recorded
    assert stored is not None
    return stored


@pytest.fixture(autouse=True)
def nearly_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take for gone what is left out by two listings that follow each other."""
    monkeypatch.setattr(absences, "CONFIRMED", 1.5)


async def states(asked: Asked, exchange: str, symbol: str) -> tuple[str, str]:
    """Have a listing read anew, twice, and return the state that the event told."""
    told = asked.system.bus.subscribe(asked.system.user.identity_sub, TOPICS)
    await asked.system.listings.listing(exchange, oldest=0.0)
    await asyncio.sleep(absences.CONFIRMED)
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
    halted, delisted, shut, gone, open_ = others(exchange, 5)
    async with (
        serving(exchange) as servers,
        asking(tmp_path, servers, {exchange: [FIRST[exchange], halted, delisted]}) as asked,
    ):
        server = servers[exchange]
        await written_down(asked, exchange)
        server.halt(shut)
        server.halt(halted)
        assert await states(asked, exchange, halted) == ("trading", "halted")
        assert len(await alerted(asked, halted)) == 1
        server.delist(gone)
        server.delist(delisted)
        assert await states(asked, exchange, delisted) == ("trading", "delisted")
        assert len(await alerted(asked, delisted)) == 1

        await until(lambda: delisted not in server.subscribed())
        moment = server.market_time()
        async with asyncio.timeout(60):
            await asked.values_after(exchange, halted, moment + MINUTE)
        assert await newest(asked, exchange, delisted) < moment
        rows = await asked.rows()
        assert {row["symbol"]: row["state"] for row in rows.values()} == {
            FIRST[exchange]: "live", halted: "halted", delisted: "delisted",
        }  # fmt: skip

        symbols = [open_, shut, gone, FIRST[exchange], "NOPE"]
        answer = await asked.post("/symbols/validate", {"symbols": symbols})
        verdicts = [one["verdict"] for one in answer["results"]]
        assert verdicts == ["ok", "halted", "delisted", "duplicate", "unknown"]
        assert len({one["detail"] for one in answer["results"][1:]}) == 4
        command = await asked.command("bulk-add-symbols", symbols=symbols)
        assert [one["verdict"] for one in command["result"]["results"]] == verdicts
        assert (exchange, open_) in await asked.stored()

        server.reopen(halted)
        assert await states(asked, exchange, halted) == ("halted", "trading")
        await asked.done("remove-symbol", symbol=delisted, exchange=exchange)
        again = await asked.command("add-symbol", symbol=delisted, exchange=exchange)
        assert again["status"] == "failed"
        assert "no more" in again["error"]["detail"]


async def newest(asked: Asked, exchange: str, symbol: str) -> int:
    """Return the open (ms) of the newest closed minute of a symbol."""
    candles = (await asked.get(f"/candles/{exchange}/{symbol}/1m", limit=1))["candles"]
    return int(candles[-1]["time"])


async def test_an_exchange_that_cannot_be_asked_is_not_taken_for_one_that_lists_nothing(
    tmp_path: Path, exchange: Protocol
) -> None:
    """Unreachable, blocked and unknown are different answers; what was known last is kept, with its age."""
    new = others(exchange)[0]
    async with serving(exchange) as servers:
        server = servers[exchange]
        async with opened(tmp_path, servers) as asked:
            for fault, verdict in FAULTS:
                server.faults.begin(fault)
                answer = await asked.post("/symbols/validate", {"symbols": [new]})
                (found,) = answer["results"]
                assert (found["verdict"], found["symbol"]) == (verdict, None)
                command = await asked.command("add-symbol", symbol=new)
                assert (command["status"], command["error"]["code"]) == ("failed", "exchange_unreachable")
                server.faults.end(fault)
                asked.system.listings._shelves.clear()
            assert await asked.stored() == set()
            await asked.done("add-symbol", symbol=FIRST[exchange])
            known = await written_down(asked, exchange)
            assert known.trouble is None

        server.faults.begin(Refuse(status=503, paths=LISTING))
        async with opened(tmp_path, servers) as asked:
            kept = await asked.system.listings.listing(exchange, oldest=0.0)
            assert (kept.asked_at, kept.symbols.keys()) == (known.asked_at, known.symbols.keys())
            assert kept.trouble is not None
            answer = await asked.post("/symbols/validate", {"symbols": [new, "NOPE"]})
            assert [one["verdict"] for one in answer["results"]] == ["ok", "unreachable"]
            found = await asked.get("/symbols/search", q=new)
            assert found["results"][0]["symbol"] == new
            assert found["listing"]["asked_at"] == rfc3339(known.asked_at)
            assert found["listing"]["trouble"] == kept.trouble
            await asked.live((exchange, FIRST[exchange]))
            await asked.done("add-symbol", symbol=new)
            assert (exchange, new) in await asked.stored()
            await asked.live((exchange, new))
