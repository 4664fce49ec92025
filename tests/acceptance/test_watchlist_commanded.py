"""A watchlist changes while everything runs: by command, one revision each, loaded and let go of at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import GeneratedSource, Protocol, SimulatedExchange
from livermore.adapters.exchanges.simulated.faults import Hang
from livermore.control.command import Command, NewCommand, Progress
from livermore.control.lifecycle import Status, Step
from livermore.control.ports import Facts
from livermore.control.shape import shape_of
from livermore.kernel.events import Topic
from livermore.kernel.ids import new_id
from livermore.market import arrivals
from livermore.market.watchlist import WatchedSymbol
from livermore.settings.patch import JsonPatch, MergePatch
from livermore.settings.ports import Authorship

from .inside import Place, live_systems, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
BY = Authorship(author="jesse", source="api")
LISTED: dict[Protocol, tuple[str, ...]] = {
    "binance": ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT", "DOGEUSDT"),
    "coinbase": ("BTC-USD", "ETH-USD", "SOL-USD"),
}
START = ["BTCUSDT", "coinbase:BTC-USD"]


class Desk(NamedTuple):
    """A system that watches two exchanges, and their servers."""

    system: bootstrap.System
    servers: Mapping[str, SimulatedExchange]

    async def begin(self, name: str, **payload: Any) -> str:
        """Submit a command and return its id."""
        channel, scope = self.system.control.channel, self.system.user.scope()
        asked = await channel.submit(scope, name, payload, author="jesse", role="operator", source="api")
        return asked.id

    async def ended(self, command_id: str) -> Command:
        """Return what has become of a command."""
        return await self.system.control.channel.wait(self.system.user.scope(), command_id, 30)

    async def is_said(self, command_id: str, done: int) -> bool:
        """Say whether so many symbols of a command are told to be live."""
        scope, now = self.system.user.scope(), self.system.clock.now()
        found = await self.system.control.journal.get(scope, command_id, now)
        return found is not None and found.progress is not None and found.progress.done == done

    async def ask(self, name: str, **payload: Any) -> Command:
        """Submit a command and return what has become of it."""
        return await self.ended(await self.begin(name, **payload))

    async def done(self, name: str, **payload: Any) -> dict[str, Any]:
        """Return the result of a command that succeeds."""
        command = await self.ask(name, **payload)
        assert command.status is Status.SUCCEEDED, command.error
        result: dict[str, Any] = command.result
        return result

    async def refused(self, name: str, **payload: Any) -> str:
        """Return the error of a command that fails, and see that it has stored nothing."""
        before = await self.revision()
        command = await self.ask(name, **payload)
        assert command.status is Status.FAILED
        assert command.error is not None
        assert await self.revision() == before
        return f"{command.error.code}: {command.error.detail}"

    async def put(self, **settings: Any) -> None:
        """Change settings."""
        change = await self.system.settings.patch(self.system.user.scope(), MergePatch(settings), BY)
        await self.system.runtimes.bring_about(self.system.user.scope(), change.revision)

    async def revision(self) -> int:
        return await self.system.settings.newest_revision(self.system.user.scope())

    async def listed(self) -> list[str]:
        """Return the watchlist as it is written."""
        return list((await self.system.settings.current(self.system.user.scope())).document.symbols)

    async def rows(self) -> dict[str, WatchedSymbol]:
        found = await self.system.watchlist.rows(self.system.user.scope())
        return {f"{row.exchange}:{row.symbol}": row for row in found}

    def holds(self, exchange: str, symbol: str) -> bool:
        """Say whether a symbol is streamed and loaded."""
        desk = self.system.market._plane.desks.get(exchange)
        return desk is not None and symbol in desk.loaded and symbol in self.servers[exchange].subscribed()

    def forgot(self, exchange: str, symbol: str) -> bool:
        """Say whether nothing is left of a symbol."""
        desk = self.system.market._plane.desks.get(exchange)
        held = () if desk is None else (*desk.symbols, *desk.loaded, *desk.table.columns)
        return symbol not in held and symbol not in self.servers[exchange].subscribed()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One system over SQLite, which the tests of this module command one after the other."""
    servers: dict[str, SimulatedExchange] = {
        name: SimulatedExchange(GeneratedSource(names, past_days=1), protocol=name, speed=20.0)
        for name, names in LISTED.items()
    }
    for server in servers.values():
        await server.start()
    places = {name: Place(int(one.rest_url.rsplit(":", 1)[1]), ()) for name, one in servers.items()}
    async with live_systems(tmp_path_factory.mktemp("watchlist"), **places) as system:
        yield Desk(system, servers)
    for server in servers.values():
        await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(opened: Desk) -> Desk:
    """The system, with a watchlist of one symbol at each exchange."""
    if opened.system.status().pause is not None:
        await opened.ask("resume")
    await opened.put(
        symbols=START, disabled_symbols=[], timeframes=["1m", "5m"],
        perseus_profile={"primary_exchange": "binance"}, exchanges={"coinbase": {"enabled": True}},
    )  # fmt: skip
    await until(lambda: opened.holds("binance", "BTCUSDT") and opened.holds("coinbase", "BTC-USD"))
    return opened


async def test_a_symbol_is_added_as_people_write_it_and_live_when_the_command_ends(desk: Desk) -> None:
    before = await desk.revision()
    command = await desk.ask("add-symbol", symbol="eth/usdt")
    result = command.result
    assert (result["exchange"], result["symbol"], result["loaded"]) == ("binance", "ETHUSDT", True)
    assert "ETHUSDT" in result["resolved"]
    assert result["revision"] == before + 1 == await desk.revision()
    assert result["cost"]["requests"] > 0
    assert command.progress == Progress(done=1, total=1, message="live")
    assert desk.holds("binance", "ETHUSDT")
    (newest, *_) = await desk.system.settings.history(desk.system.user.scope())
    assert (newest.source, newest.author, newest.reason) == ("command", "jesse", f"command {command.id}")
    added = await desk.done("add-symbol", symbol="eth-usdc", exchange="coinbase")
    assert (added["symbol"], added["loaded"]) == ("ETH-USD", True)
    assert "ETH-USDC" in added["resolved"]
    assert await desk.listed() == [*START, "ETHUSDT", "coinbase:ETH-USD"]


async def test_what_cannot_be_added_is_said_and_nothing_is_stored(desk: Desk) -> None:
    refused = await desk.refused("add-symbol", symbol="SOLUSD")
    assert refused.endswith("does not list it (payload.symbol); did you mean SOLUSDT?")
    refused = await desk.refused("add-symbol", symbol="btcusdt")
    assert refused.startswith("conflict: BTCUSDT is on the watchlist already")
    await desk.put(disabled_symbols=["BTCUSDT"])
    assert "livermore symbols enable BTCUSDT" in await desk.refused("add-symbol", symbol="BTC/USDT")
    for exchange in ("nowhere", "Foo Bar", ""):
        refused = await desk.refused("add-symbol", symbol="ETHUSDT", exchange=exchange)
        assert refused.startswith("not_found: ")
        assert "binance, binance_us, coinbase" in refused
        assert "payload.exchange" in refused
    assert (await desk.refused("add-symbol", symbol="nowhere:ETHUSDT")).startswith("not_found: ")
    refused = await desk.refused("add-symbol", symbol="coinbase:ETH-USD", exchange="binance")
    assert refused.startswith("invalid_payload: ")
    await desk.put(perseus_profile={"primary_exchange": None})
    refused = await desk.refused("add-symbol", symbol="ETHUSDT")
    assert refused.startswith("invalid_payload: no exchange is named")
    assert "(payload.exchange)" in refused


async def test_a_removed_symbol_is_let_go_of_altogether(desk: Desk) -> None:
    await desk.done("set-symbol-enabled", symbol="BTC-USD", exchange="coinbase", enabled=False)
    for written, exchange, symbol, streamed in (
        ("btc-usdt", "binance", "BTCUSDT", True),
        ("COINBASE:btcusd", "coinbase", "BTC-USD", False),
    ):
        removed = await desk.done("remove-symbol", symbol=written)
        assert (removed["exchange"], removed["symbol"]) == (exchange, symbol)
        assert (removed["was_streaming"], removed["waits_for"]) == (streamed, None)
        assert removed["revision"] == await desk.revision()
        assert desk.forgot(exchange, symbol)
    document = (await desk.system.settings.current(desk.system.user.scope())).document
    assert (document.symbols, document.disabled_symbols) == ((), ())


async def test_what_is_not_on_the_list_is_not_removed(desk: Desk) -> None:
    refused = await desk.refused("remove-symbol", symbol="BTC-USD")
    assert refused.startswith("not_found: BTC-USD is not on the watchlist (payload.symbol); did you mean ")
    assert "coinbase:BTC-USD" in refused
    assert await desk.listed() == START


async def test_many_are_added_as_one_revision_each_with_its_verdict(desk: Desk) -> None:
    before = await desk.revision()
    given = [
        "SOLUSDT",
        "nope",
        "xrp-usdt",
        "BTCUSDT",
        "Coinbase:sol-usd",
        "SOL/USDT",
        "mars:BTC",
        "",
        "\u0410DAUSDT",
    ]
    command = await desk.ask("bulk-add-symbols", symbols=given)
    assert command.progress == Progress(done=3, total=3, message="live")
    result = command.result
    assert [one["verdict"] for one in result["results"]] == [
        "ok", "unknown", "ok", "duplicate", "ok", "duplicate", "unknown", "unknown", "unknown",
    ]  # fmt: skip
    assert [one["input"] for one in result["results"]] == given
    assert (result["added"], result["loaded"], result["waits_for"]) == (3, 3, None)
    assert result["revision"] == before + 1 == await desk.revision()
    assert await desk.listed() == [*START, "SOLUSDT", "XRPUSDT", "coinbase:SOL-USD"]
    assert desk.holds("coinbase", "SOL-USD")
    again = await desk.done("bulk-add-symbols", symbols=given)
    assert (again["revision"], again["added"]) == (None, 0)
    assert await desk.revision() == before + 1
    await desk.system.settings.rollback(desk.system.user.scope(), before, BY)
    assert await desk.listed() == START


async def test_a_symbol_rests_and_is_watched_again(desk: Desk) -> None:
    off = await desk.done("set-symbol-enabled", symbol="btcusdt", enabled=False)
    assert (off["enabled"], off["loaded"], off["revision"]) == (False, False, await desk.revision())
    assert desk.forgot("binance", "BTCUSDT")
    again = await desk.done("set-symbol-enabled", symbol="BTCUSDT", enabled=False)
    assert again["revision"] is None
    assert await desk.listed() == START
    on = await desk.done("set-symbol-enabled", symbol="BTCUSDT", enabled=True)
    assert (on["loaded"], on["waits_for"]) == (True, None)
    assert desk.holds("binance", "BTCUSDT")


async def test_what_is_added_while_paused_waits_and_loads_when_it_goes_on(desk: Desk) -> None:
    await desk.ask("pause")
    command = await desk.ask("add-symbol", symbol="ADAUSDT")
    waits = (command.result["loaded"], command.result["waits_for"])
    assert waits == (False, "the runtime is paused")
    assert command.progress == Progress(done=0, total=1, message="the runtime is paused")
    assert {row.state for row in (await desk.rows()).values()} == {"paused"}
    await desk.ask("resume")
    await until(lambda: desk.holds("binance", "ADAUSDT"))
    assert await desk.listed() == [*START, "ADAUSDT"]


@contextmanager
def without_history(server: SimulatedExchange) -> Iterator[None]:
    """Have an exchange tell no candle of the past."""
    hanging = Hang(seconds=0.5, paths=("klines",))
    server.faults.begin(hanging)
    try:
        yield
    finally:
        server.faults.end(hanging)


async def cut_off_by_a_pause(desk: Desk) -> list[Command]:
    """Pause when four commands have stored what was asked of them, and one of all symbols has come."""
    before = await desk.revision()
    asked = [
        await desk.begin("bulk-add-symbols", symbols=["ETHUSDT", "nope", "coinbase:ETH-USD"]),
        await desk.begin("add-symbol", symbol="DOGEUSDT"),
        await desk.begin("set-symbol-enabled", symbol="SOLUSDT", enabled=True),
        await desk.begin("remove-symbol", symbol="ADAUSDT"),
    ]
    while await desk.revision() < before + len(asked) or not await desk.is_said(asked[0], 1):
        await asyncio.sleep(0.02)
    await desk.done("pause")
    return [await desk.ended(one) for one in asked]


async def test_a_pause_ends_the_waiting_and_hides_nothing_that_was_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange that tells no history: what was asked for is on the list, and waits."""
    await desk.put(symbols=[*START, "SOLUSDT", "ADAUSDT"], disabled_symbols=["SOLUSDT"])
    await until(lambda: desk.holds("binance", "ADAUSDT"))
    monkeypatch.setattr(arrivals.Arrivals, "gone", lambda *_: asyncio.Event().wait())
    topics: tuple[Topic, ...] = ("command",)
    told = desk.system.bus.subscribe(desk.system.user.identity_sub, topics)
    before = await desk.revision()
    with without_history(desk.servers["binance"]):
        ended = await cut_off_by_a_pause(desk)
    assert {one.status for one in ended} == {Status.SUCCEEDED}
    bulk, added, enabled, removed = [one.result for one in ended]
    assert sorted(one.result["revision"] - before for one in ended) == [1, 2, 3, 4]
    assert {one.result["waits_for"] for one in ended} == {"the runtime is paused"}
    assert [one["verdict"] for one in bulk["results"]] == ["ok", "unknown", "ok"]
    assert (bulk["added"], bulk["loaded"], added["loaded"], enabled["loaded"]) == (2, 1, False, False)
    assert (removed["symbol"], removed["was_streaming"]) == ("ADAUSDT", True)
    waits = "the runtime is paused"
    assert [one.progress for one in ended] == [
        Progress(done=1, total=2, message=waits), Progress(done=0, total=1, message=waits),
        Progress(done=0, total=1, message=waits), None,
    ]  # fmt: skip
    left, last = {one.id for one in ended}, {}
    async for event in told:
        last[event.data["id"]] = event.data
        left -= {event.data["id"]} if event.data["finished_at"] else set()
        if not left:
            break
    told.close()
    assert [last[one.id] for one in ended] == [shape_of(one) for one in ended]
    await desk.ask("resume")
    await until(lambda: all(desk.holds("binance", one) for one in ("ETHUSDT", "DOGEUSDT", "SOLUSDT")))
    assert desk.forgot("binance", "ADAUSDT")


async def test_what_a_process_that_is_gone_had_stored_is_named_by_the_next(desk: Desk) -> None:
    """The journal as such a process leaves it: begun, a revision stored, and no word of the end."""
    scope, journal, now = desk.system.user.scope(), desk.system.control.journal, desk.system.clock.now()
    orphan = NewCommand(
        id=new_id(), type="add-symbol", payload={"symbol": "XRPUSDT"}, priority=15, source="api",
        author="jesse", role="operator", submitted_at=now,
    )  # fmt: skip
    by = Authorship(author="jesse", source="command", reason=f"command {orphan.id}")
    patch = JsonPatch(({"op": "add", "path": "/symbols/-", "value": "XRPUSDT"},))
    change = await desk.system.settings.patch(scope, patch, by)
    await journal.accept(scope, orphan)
    assert await journal.step(scope, orphan.id, Step.START, Facts(at=now, runner="a process that is gone"))
    ended = await desk.ended(orphan.id)
    assert ended.error is not None
    assert (
        ended.error.detail == f"revision {change.revision} was stored, but the process that ran it has ended"
    )


async def test_nobody_waits_for_an_exchange_that_is_asked_about_a_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is not known is asked for, beside the turns of other commands."""
    channel, scope, asking = desk.system.control.channel, desk.system.user.scope(), asyncio.Event()

    async def never(exchange: str, inputs: object) -> Any:
        asking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk.system.listings, "judged", never)
    before = await desk.revision()
    asked = await channel.submit(
        scope, "add-symbol", {"symbol": "NEWUSDT"}, author="jesse", role="admin", source="api"
    )
    await asyncio.wait_for(asking.wait(), 30)
    assert (await desk.done("set-symbol-enabled", symbol="BTCUSDT", enabled=True))["revision"] is None
    await desk.done("pause")
    ended = await channel.wait(scope, asked.id, 30)
    assert (ended.status, await desk.revision()) == (Status.CANCELLED, before)


async def test_a_changed_primary_exchange_changes_nothing_but_how_names_are_written(desk: Desk) -> None:
    await desk.put(perseus_profile={"primary_exchange": "coinbase"})
    assert await desk.listed() == ["binance:BTCUSDT", "coinbase:BTC-USD"]
    assert "already" in await desk.refused("add-symbol", symbol="BTC-USD")
    await desk.done("add-symbol", symbol="eth-usd")
    await desk.done("add-symbol", symbol="ethusdt", exchange="binance")
    assert await desk.listed() == ["binance:BTCUSDT", "coinbase:BTC-USD", "ETH-USD", "binance:ETHUSDT"]
    await desk.done("remove-symbol", symbol="BTC-USD")
    await desk.done("remove-symbol", symbol="BTCUSDT", exchange="binance")
    assert await desk.listed() == ["ETH-USD", "binance:ETHUSDT"]


async def test_rows_tell_how_each_symbol_stands(desk: Desk) -> None:
    await desk.put(symbols=[*START, "ETHUSDT", "coinbase:ETH-USD"], disabled_symbols=["ETHUSDT"])
    await until(lambda: desk.holds("coinbase", "ETH-USD"))
    rows = await desk.rows()
    assert [row.symbol for row in rows.values()] == ["BTCUSDT", "BTC-USD", "ETHUSDT", "ETH-USD"]
    assert {name: row.state for name, row in rows.items()} == {
        "binance:BTCUSDT": "live", "coinbase:BTC-USD": "live", "binance:ETHUSDT": "disabled",
        "coinbase:ETH-USD": "live",
    }  # fmt: skip
    first = rows["binance:BTCUSDT"]
    assert (first.base, first.quote, first.enabled) == ("BTC", "USDT", True)
    assert first.price is not None
    assert first.last_candle_age_ms is not None
    assert rows["binance:ETHUSDT"].last_candle_age_ms is None
    await desk.put(exchanges={"coinbase": {"enabled": False}})
    assert (await desk.rows())["coinbase:BTC-USD"].state == "off"
    elsewhere = await bootstrap.read_only(desk.system.database.url.render_as_string(hide_password=False))
    found = await elsewhere.watchlist.rows(elsewhere.user.scope())
    await elsewhere.stop()
    assert [(row.symbol, row.state) for row in found][:2] == [("BTCUSDT", "off"), ("BTC-USD", "off")]


async def test_an_added_symbol_of_an_exchange_that_is_switched_off_waits(desk: Desk) -> None:
    await desk.put(exchanges={"coinbase": {"enabled": False}})
    added = await desk.done("add-symbol", symbol="coinbase:SOL-USD")
    assert (added["loaded"], added["waits_for"]) == (False, "coinbase is switched off in the settings")


async def test_many_at_once_lose_nothing(desk: Desk) -> None:
    """Through commands and through the settings."""
    names = [*LISTED["binance"][1:], *(f"coinbase:{one}" for one in LISTED["coinbase"][1:])]
    before, scope = await desk.revision(), desk.system.user.scope()
    patches = [JsonPatch(({"op": "add", "path": "/symbols/-", "value": name},)) for name in names[::2]]
    results = await asyncio.gather(
        *(desk.done("add-symbol", symbol=name) for name in names[1::2]),
        *(desk.system.settings.patch(scope, patch, BY) for patch in patches),
    )
    assert sorted(await desk.listed()) == sorted([*START, *names])
    revisions = [one["revision"] if isinstance(one, dict) else one.revision for one in results]
    assert sorted(revisions) == list(range(before + 1, before + 1 + len(names)))
    await asyncio.gather(*(desk.done("remove-symbol", symbol=name) for name in names))
    assert await desk.listed() == START
    assert await desk.revision() == before + 2 * len(names)
    assert desk.servers["binance"].subscribed() == {"BTCUSDT"}
    assert desk.servers["coinbase"].subscribed() == {"BTC-USD"}


async def test_at_an_exchange_that_is_away_symbols_are_removed_and_added_ones_wait(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is the last of all: it takes the exchange away."""
    monkeypatch.setattr(arrivals, "PATIENCE", 0.5)
    await desk.put(symbols=[*START, "coinbase:ETH-USD"])
    await until(lambda: desk.holds("coinbase", "ETH-USD"))
    await desk.servers["coinbase"].stop()
    await until(lambda: desk.system.market._plane.desks["coinbase"].state == "disconnected")
    assert (await desk.rows())["coinbase:BTC-USD"].state == "disconnected"
    removed = await desk.done("remove-symbol", symbol="coinbase:btc/usd")
    assert (removed["symbol"], removed["was_streaming"], removed["waits_for"]) == ("BTC-USD", False, None)
    added = await desk.done("add-symbol", symbol="coinbase:SOL-USD")
    assert added["loaded"] is False
    assert added["waits_for"]
    assert await desk.listed() == ["BTCUSDT", "coinbase:ETH-USD", "coinbase:SOL-USD"]
    await desk.done("remove-symbol", symbol="coinbase:ETH-USD")
    await desk.done("remove-symbol", symbol="coinbase:SOL-USD")
    assert "coinbase" not in desk.system.market._plane.desks
