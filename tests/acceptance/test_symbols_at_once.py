"""Many clients change one watchlist at once: what is left is what one after the other would have left."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from livermore.kernel.timeframe import MINUTE

from .symbols import BACK_ENDS, FAST, Asked, Named, asking, back_end, named_in, others, serving, subscribed

pytestmark = pytest.mark.asyncio(loop_scope="module")
STEADY = "BTCUSDT"
# What waits for half a minute on a busy machine never starts, and changes nothing.
REFUSALS = {"conflict", "not_found", "expired"}
COMMAND = re.compile(r"\bcommand ([0-9a-f-]{36})\b")
REMOVE = "remove-symbol"


class Done(NamedTuple):
    """A command that has succeeded: what it did to the watchlist."""

    name: str
    symbols: frozenset[Named]

    def applied(self, watchlist: frozenset[Named]) -> frozenset[Named]:
        return watchlist - self.symbols if self.name == REMOVE else watchlist | self.symbols


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BACK_ENDS)
async def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
    redis_url: str, postgres_module_database: str,
) -> AsyncIterator[Asked]:  # fmt: skip
    """One system for each back end."""
    with back_end(request.param, redis_url, postgres_module_database):
        folder = tmp_path_factory.mktemp("at-once")
        async with (
            serving("binance", speed=FAST) as servers,
            asking(folder, servers, {"binance": [STEADY]}, timeframes=["1m"]) as one,
        ):
            yield one


async def client_of(asked: Asked, seed: int, count: int, pool: list[str]) -> list[dict[str, Any]]:
    """Ask for one change after the other, as chance will have it; return what became of each."""
    chance, outcomes = random.Random(seed), []
    for _ in range(count):
        some = chance.sample(pool, 3)
        match chance.randrange(5):
            case 0 | 1:
                outcome = await asked.command("add-symbol", symbol=some[0], exchange="binance")
            case 2:
                outcome = await asked.command("bulk-add-symbols", symbols=some, exchange="binance")
            case _:
                outcome = await asked.command(REMOVE, symbol=some[0], exchange="binance")
        outcomes.append(outcome)
    return outcomes


async def changed_at_once(asked: Asked, clients: int, operations: int) -> None:
    """Let clients change the watchlist at random, and hold what is left against the serial outcome."""
    before, pool = await asked.revision(), others("binance", 12)
    watchlist = frozenset(await asked.stored())
    each = operations // clients
    outcomes = [
        outcome
        for some in await asyncio.gather(*(client_of(asked, seed, each, pool) for seed in range(clients)))
        for outcome in some
    ]
    assert len(outcomes) == each * clients
    refused = [one for one in outcomes if one["status"] != "succeeded"]
    assert {one["error"]["code"] for one in refused} <= REFUSALS, refused
    done = {one["id"]: done_by(one) for one in outcomes if one["status"] == "succeeded"}
    effective = {command_id: one for command_id, one in done.items() if one.symbols}
    assert len(effective) > len(outcomes) // 4

    revisions = [one for one in await asked.revisions() if one["revision"] > before]
    assert [one["revision"] for one in revisions] == list(range(before + 1, before + 1 + len(revisions)))
    causes = [cause_of(one["reason"]) for one in revisions]
    assert sorted(causes) == sorted(effective)  # each success is one revision, each revision one success
    for revision, cause in zip(revisions, causes, strict=True):
        after = effective[cause].applied(watchlist)
        assert after != watchlist
        watchlist = after
        stored = await asked.get(f"/settings/revisions/{revision['revision']}")
        assert named_in(stored["settings"]) == watchlist
    await as_served(asked, watchlist)


def done_by(outcome: dict[str, Any]) -> Done:
    """Return what a command says that it has done."""
    result, payload = outcome["result"], outcome["payload"]
    if outcome["type"] == "bulk-add-symbols":
        added = [one["symbol"] for one in result["results"] if one["verdict"] == "ok"]
    else:
        added = [payload["symbol"]]
    return Done(outcome["type"], frozenset(("binance", symbol) for symbol in added))


def cause_of(reason: str) -> str:
    """Return the command that made a revision, by the reason that it gives."""
    found = COMMAND.search(reason)
    assert found is not None, reason
    return found[1]


async def as_served(asked: Asked, watchlist: frozenset[Named]) -> None:
    """Hold the watchlist against what the server sends, and see that all of it is alive."""
    assert await asked.stored() == set(await asked.rows()) == watchlist
    await asked.subscribed_as_stored()
    await asked.live(*watchlist)
    moment = asked.servers["binance"].market_time()
    async with asyncio.timeout(60):
        for exchange, symbol in watchlist:
            assert await asked.values_after(exchange, symbol, moment)
    await asked.market_passes("binance", MINUTE)
    assert subscribed(asked.servers) == watchlist
    assert asked.servers["binance"].counters.cut == 0


async def test_of_many_changes_none_is_lost(asked: Asked) -> None:
    await changed_at_once(asked, 8, 40)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_a_thousand_changes_by_twenty_clients(asked: Asked) -> None:
    await changed_at_once(asked, 20, 1_000)
