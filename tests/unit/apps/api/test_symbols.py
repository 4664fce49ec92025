"""Symbols over HTTP: shown, searched, judged, told of, carried as files, proposed and taken."""

import json
from collections.abc import AsyncIterator
from threading import Thread, current_thread
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from httpx import AsyncClient

from livermore.apps.api import symbols_lists
from livermore.control.command import Command
from livermore.control.lifecycle import Status
from livermore.control.wire import Message, command_channel, encode
from livermore.kernel.clock import SystemClock, rfc3339
from livermore.kernel.errors import BlockedError, ExchangeUnreachableError
from livermore.market.scanner import filters_of
from livermore.market.scanning import StoredProposal
from livermore.market.symbol_lists import FORMS, ListForm, read_list
from tests.unit.apps.commanded import JournalTwin
from tests.unit.apps.doors import bearer_of, somebody
from tests.unit.apps.listed import AGE, ALIAS, GONE, HALTED
from tests.unit.apps.standin import NOW, STARTED_DOCUMENT, StandIn
from tests.unit.control.room import until

PATH = "/api/v1/symbols"
WATCHED = ["BTC-USD", "ETH-USD", "binance:BTCUSDT"]
COIN = "\N{CJK UNIFIED IDEOGRAPH-5E01}-USD"


@pytest.fixture
def system() -> StandIn:
    return StandIn(STARTED_DOCUMENT | {"symbols": WATCHED, "disabled_symbols": ["ETH-USD"]})


@pytest.fixture(autouse=True)
async def _nothing_is_stored(system: StandIn) -> AsyncIterator[None]:
    yield
    assert await system.settings.newest_revision(system.user.scope()) == 3


async def proposed(system: StandIn) -> StoredProposal:
    """Have the scanner propose something by its settings."""
    scope = system.user.scope()
    filters = filters_of((await system.settings.current(scope)).document)
    proposal = await system.scanner.scan(scope, filters)
    system.scanner.stored = StoredProposal(
        command_id=str(uuid4()), author="local", source="api", proposal=proposal
    )
    return system.scanner.stored


async def test_the_watchlist_is_shown_in_its_order_with_what_is_switched_off(client: AsyncClient) -> None:
    rows = (await client.get(PATH)).json()["symbols"]
    assert [(row["exchange"], row["symbol"], row["enabled"]) for row in rows] == [
        ("coinbase", "BTC-USD", True), ("coinbase", "ETH-USD", False), ("binance", "BTCUSDT", True),
    ]  # fmt: skip
    assert [row["state"] for row in rows] == ["paused", "disabled", "paused"]
    assert (rows[0]["base"], rows[0]["quote"], rows[0]["quote_volume_24h"]) == ("BTC", "USD", 9.0e8)


async def test_search_says_what_is_watched_and_how_old_the_listing_is(
    client: AsyncClient, system: StandIn
) -> None:
    found = (await client.get(f"{PATH}/search", params={"q": "ltc"})).json()
    assert [(row["symbol"], row["quote"], row["watched"]) for row in found["results"]] == [
        ("LTC-USD", "USD", False), ("LTC-BTC", "BTC", False),
    ]  # fmt: skip
    (twins,) = (await client.get(f"{PATH}/search", params={"q": ALIAS})).json()["results"]
    assert (twins["symbol"], twins["aliases"], twins["watched"]) == ("XRP-USD", [ALIAS], False)
    listing = found["listing"]
    assert (listing["exchange"], listing["age_seconds"], listing["trouble"]) == ("coinbase", AGE / 1000, None)
    largest = (await client.get(f"{PATH}/search", params={"limit": 2})).json()["results"]
    assert [(row["symbol"], row["rank"], row["watched"]) for row in largest] == [
        ("BTC-USD", 1, True), ("ETH-USD", 2, True),
    ]  # fmt: skip
    system.listings.trouble = "coinbase cannot be asked: it does not answer"
    late = await client.get(f"{PATH}/search", params={"q": "btc"})
    assert (late.status_code, late.json()["listing"]["trouble"]) == (200, system.listings.trouble)


@pytest.mark.parametrize("error", [ExchangeUnreachableError, BlockedError])
async def test_an_exchange_of_which_nothing_is_known_is_a_problem(
    client: AsyncClient, system: StandIn, error: type[Exception]
) -> None:
    system.listings.down = error("coinbase does not answer", hint="try again")  # type: ignore[call-arg,assignment]
    for address in (f"{PATH}/search?q=btc", f"{PATH}/SOL-USD/metrics"):
        answer = await client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (502, "exchange_unreachable")
        assert "coinbase does not answer" in answer.json()["detail"]
        assert answer.json()["hint"]
    judged = await client.post(f"{PATH}/validate", json={"symbols": ["SOL-USD"]})
    (found,) = judged.json()["results"]
    assert found["verdict"] == ("blocked" if error is BlockedError else "unreachable")


async def test_an_exchange_that_is_silent_leaves_what_it_told_last(
    client: AsyncClient, system: StandIn
) -> None:
    system.listings.silent = ExchangeUnreachableError("coinbase does not answer")
    answer = await client.get(f"{PATH}/SOL-USD/metrics")
    assert (answer.status_code, answer.json()["detail"]) == (502, "coinbase does not answer")
    assert "livermore symbols search" in answer.json()["hint"]


async def test_each_name_is_judged_in_its_place(client: AsyncClient) -> None:
    inputs = ["sol/usd", "BTC-USD", HALTED, GONE, "NOPE", ALIAS, "", "nowhere:X", "SOL-USD", "x" * 10_000]
    answer = await client.post(f"{PATH}/validate", json={"symbols": inputs})
    results = answer.json()["results"]
    assert [one["input"] for one in results] == inputs
    assert [one["verdict"] for one in results] == [
        "ok", "duplicate", "halted", "delisted", "unknown",
        "ok", "unknown", "unknown", "duplicate", "unknown",
    ]  # fmt: skip
    assert results[5]["symbol"] == "XRP-USD"
    assert ALIAS in results[5]["detail"]


BODIES: list[tuple[Any, str]] = [
    ({"symbols": []}, "symbols"), ({}, "symbols"), ({"symbols": "BTC-USD"}, "symbols"),
    ({"symbols": ["X"] * 501}, "symbols"), ({"symbols": ["A", 1]}, "symbols.1"),
    ({"symbols": [None]}, "symbols.0"), ({"symbols": ["x" * 10_001]}, "symbols.0"),
    ({"symbols": ["A"], "exchange": ""}, "exchange"), ({"symbols": ["A"], "exchnage": "x"}, "exchnage"),
    ([], "the request"),
]  # fmt: skip


async def test_what_is_no_list_of_names_is_refused(client: AsyncClient) -> None:
    for body, path in BODIES:
        answer = await client.post(f"{PATH}/validate", json=body)
        assert answer.status_code == 422, body
        assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    unknown = await client.post(f"{PATH}/validate", json={"symbols": ["A"], "exchange": "nowhere"})
    assert (unknown.status_code, "coinbase" in unknown.text) == (404, True)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("SOL-USD", "SOL-USD"), ("solusd", "SOL-USD"), ("sol/usd", "SOL-USD"),
        ("Coinbase:SOL_USD", "SOL-USD"), (ALIAS, "XRP-USD"), (HALTED, HALTED), (COIN, COIN),
    ],
)  # fmt: skip
async def test_a_market_is_told_of_under_whatever_name(
    client: AsyncClient, system: StandIn, name: str, symbol: str
) -> None:
    found = (await client.get(f"{PATH}/{quote(name, safe='')}/metrics")).json()
    assert (found["input"], found["symbol"], found["exchange"]) == (name, symbol, "coinbase")
    assert (found["detail"] is None) == (name == symbol and symbol != HALTED)
    assert found["spread_percent"] == pytest.approx(0.2)
    assert found["change_24h_percent"] == pytest.approx(2.0)
    assert system.listings.quoted == [symbol]


async def test_a_volume_is_in_the_quote_asset_that_is_named(client: AsyncClient) -> None:
    found = (await client.get(f"{PATH}/ltcbtc/metrics")).json()
    assert (found["quote"], found["quote_volume_24h"], found["trades_24h"]) == ("BTC", 40.5, 12_345)


STRANGE = [
    "NOPE", GONE, "..", "../../etc/passwd", "'; drop table users;--", " ", "B" * 3000, "BTCUSDT",
    "\N{CYRILLIC CAPITAL LETTER VE}TC-USD",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
async def test_what_is_no_market_is_not_asked_for(client: AsyncClient, system: StandIn, name: str) -> None:
    answer = await client.get(f"{PATH}/{quote(name, safe='')}/metrics")
    assert answer.status_code == 404
    assert len(answer.text) < 1000
    assert system.listings.quoted == []


LISTS = {
    "json": '["sol-usd", {"symbol": "BTCUSDT", "exchange": "binance"}, "NOPE"]',
    "csv": "symbol,exchange\nsol-usd,\nBTCUSDT,binance\nNOPE,coinbase\n",
    "tradingview": "###MINE\nCOINBASE:SOLUSD,BINANCE:BTCUSDT\nNOPE\n",
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_list_is_looked_at_in_each_form(client: AsyncClient, form: str) -> None:
    path, text = f"{PATH}/import/preview", LISTS[form]
    kind = {"content-type": "text/csv" if form == "csv" else "text/plain; charset=utf-8"}
    answers = [
        await client.post(path, json={"text": text}),
        await client.post(path, json={"text": "\ufeff" + text, "form": form, "exchange": "coinbase"}),
        await client.post(path, content=text.encode(), headers=kind),
        await client.post(path, params={"form": form}, content=text.encode("utf-8-sig"), headers=kind),
    ]
    for answer in answers:
        found = answer.json()
        assert (answer.status_code, found["form"]) == (200, form), answer.text
        assert [one["verdict"] for one in found["results"]] == ["ok", "duplicate", "unknown"]
        assert found["counts"] == {"ok": 1, "unknown": 1, "duplicate": 1}


async def test_a_list_is_read_beside_what_else_goes_on(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a million line ends kept candles waiting for a second."""
    reading: list[Thread] = []

    def read(text: str, form: ListForm | None = None) -> list[str]:
        reading.append(current_thread())
        return read_list(text, form)

    monkeypatch.setattr(symbols_lists, "read_list", read)
    answer = await client.post(f"{PATH}/import/preview", json={"text": "SOL-USD"})
    assert (answer.status_code, len(reading)) == (200, 1)
    assert reading[0] is not current_thread()


UNREADABLE: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {"text": ""}}, 422, "text"), ({"json": {}}, 422, "text"),
    ({"json": {"text": "  \n"}}, 422, "text"), ({"json": {"text": '["A"'}}, 422, "line 1, column 5"),
    ({"json": {"text": "A", "form": "xlsx"}}, 422, "form"),
    ({"json": {"text": "A", "frm": "csv"}}, 422, "frm"),
    ({"json": {"text": json.dumps(["A"] * 5_001)}}, 422, "item 5001"),
    ({"json": {"text": "a\0b"}}, 422, "text"),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "body"),
    ({"content": b"\xff\xfe", "headers": {"content-type": "text/plain"}}, 422, "body"),
    ({"content": b"A", "headers": {"content-type": "text/plain"}, "params": {"frm": "csv"}}, 422, "frm"),
    ({"content": b"A", "headers": {"content-type": "application/xml"}}, 415, "content-type"),
]  # fmt: skip


async def test_what_is_no_list_is_refused_with_its_place(client: AsyncClient) -> None:
    for asked, status, path in UNREADABLE:
        answer = await client.post(f"{PATH}/import/preview", **asked)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (status, path), asked


@pytest.mark.parametrize("form", FORMS)
async def test_a_watchlist_is_carried_elsewhere(client: AsyncClient, form: str) -> None:
    answer = await client.get(f"{PATH}/export", params={"form": form})
    ending = "txt" if form == "tradingview" else form
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="livermore-symbols-{rfc3339(NOW)[:10]}.{ending}"'
    )
    names = [name.replace("-", "") for name in read_list(answer.text)]
    assert names == ["coinbase:BTCUSD", "coinbase:ETHUSD", "binance:BTCUSDT"]


MISNAMED: list[tuple[str, dict[str, Any], str, str]] = [
    ("add-symbol", {"symbol": ""}, "symbol", "no symbol is named"),
    ("remove-symbol", {"symbol": " \t\n"}, "symbol", "no symbol is named"),
    ("set-symbol-enabled", {"symbol": "x" * 101, "enabled": True}, "symbol", "at most 100 characters"),
    ("bulk-add-symbols", {"symbols": []}, "symbols", "no symbol is named"),
    ("bulk-add-symbols", {"symbols": ["x"] * 501}, "symbols", "up to 500 symbols"),
]


@pytest.mark.parametrize(("name", "payload", "field", "said"), MISNAMED, ids=str)
async def test_what_is_no_name_is_refused_with_its_place_and_a_remedy(
    client: AsyncClient, system: StandIn, name: str, payload: dict[str, Any], field: str, said: str
) -> None:
    answer = await client.post("/api/v1/commands", json={"type": name, "payload": payload})
    refused = answer.json()
    assert (answer.status_code, refused["errors"][0]["path"]) == (422, f"payload.{field}")
    assert said in refused["detail"]
    assert refused["hint"]
    published = await published_to(system, name, payload)
    assert published.status is Status.REJECTED
    assert published.error is not None
    assert published.error.detail == f"{refused['detail']}; {refused['hint']}"


async def published_to(system: StandIn, name: str, payload: dict[str, Any]) -> Command:
    """Publish a command on the channel of the user, and return it once it is kept."""
    scope, control, journal = system.user.scope(), system.control, system.control.journal
    assert isinstance(journal, JournalTwin)
    now = SystemClock().now()
    message = Message(correlation_id=str(uuid4()), type=name, timestamp=now, payload=payload)
    await control.start()
    await control.receiver.host([scope])
    before = len(journal.kept)
    await control._switchboard.publish(command_channel(scope.identity_sub), encode(message))
    await until(lambda: len(journal.kept) > before)
    await control.stop()
    return journal.kept[-1].command


async def test_the_newest_proposal_is_told(client: AsyncClient, system: StandIn) -> None:
    assert (await client.get(f"{PATH}/proposal")).json() == {"proposal": None}
    stored = await proposed(system)
    told = (await client.get(f"{PATH}/proposal")).json()["proposal"]
    assert told["command_id"] == stored.command_id
    assert told["proposal"]["add"] == list(stored.proposal.add) != []
    assert told["proposal"]["keep"] == ["BTC-USD", "ETH-USD"]


async def test_other_filters_are_tried(client: AsyncClient, system: StandIn) -> None:
    path = f"{PATH}/proposal/try"
    as_set = (await client.post(path, json={})).json()
    assert (as_set["filters"]["limit"], as_set["filters"]["quote"]) == (50, "USD")
    few = (await client.post(path, json={"limit": 1, "quote": "btc", "minimum_quote_volume_24h": 1})).json()
    assert [one["symbol"] for one in few["candidates"]] == ["LTC-BTC"]
    without = (
        await client.post(path, json={"blacklist": ["BTC*", "SHIB-*"], "minimum_age_days": None})
    ).json()
    assert not {"BTC-USD", "SHIB-USD"} & {one["symbol"] for one in without["candidates"]}
    for given, place in (
        ({"limit": 0}, "limit"), ({"limit": 501}, "limit"),
        ({"maximum_spread_percent": -1}, "maximum_spread_percent"), ({"quote": "not an asset"}, "quote"),
        ({"blacklist": ["a b"]}, "blacklist[0]"), ({"quotes": "USD"}, "quotes"),
    ):  # fmt: skip
        refused = await client.post(path, json=given)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, place), given
    infinite = await client.post(path, content=b'{"minimum_quote_volume_24h": 1e999}',
                                 headers={"content-type": "application/json"})  # fmt: skip
    assert infinite.status_code == 422
    assert system.scanner.stored is None


async def test_a_proposal_is_taken_by_a_command(client: AsyncClient, system: StandIn) -> None:
    path = f"{PATH}/proposal/accept"
    assert (await client.post(path, json={"symbols": None})).status_code == 404
    proposal = (await proposed(system)).proposal
    key = str(uuid4())
    everything = await client.post(path, json={"symbols": None}, headers={"idempotency-key": key})
    command = everything.json()
    assert (everything.status_code, command["type"], command["id"]) == (202, "bulk-add-symbols", key)
    assert command["payload"] == {"symbols": list(proposal.add), "exchange": "coinbase"}
    assert (await client.get(f"/api/v1/commands/{key}")).json() == command
    some = await client.post(
        path, json={"symbols": ["SOL-USD", "coinbase:BTC-USD"]}, headers={"livermore-source": "cli"}
    )
    assert some.json()["payload"]["symbols"] == ["SOL-USD", "BTC-USD"]
    assert some.json()["source"] == "cli"


async def test_what_was_not_proposed_is_not_taken(client: AsyncClient, system: StandIn) -> None:
    path = f"{PATH}/proposal/accept"
    stored = await proposed(system)
    proposal = stored.proposal
    for seen, status in ((str(uuid4()), 409), (stored.command_id, 202)):
        looked_at = await client.post(path, json={"symbols": None, "command_id": seen})
        assert looked_at.status_code == status
    for body, place in (
        ({"symbols": ["SOL-USD", "NOPE"]}, "symbols.1"), ({"symbols": ["binance:SOL-USD"]}, "symbols.0"),
        ({"symbols": []}, "symbols"), ({}, "symbols"),
    ):  # fmt: skip
        refused = await client.post(path, json=body)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, place), body
    no_key = await client.post(path, json={"symbols": None}, headers={"idempotency-key": "1"})
    assert no_key.json()["errors"][0]["path"] == "Idempotency-Key"
    watched = {**STARTED_DOCUMENT, "symbols": [one.symbol for one in proposal.candidates]}
    full = StandIn(watched)
    system.settings = full.settings
    assert (await client.post(path, json={"symbols": None})).status_code == 409


READING = [
    ("GET", "", None), ("GET", "/search", None), ("GET", "/SOL-USD/metrics", None), ("GET", "/export", None),
    ("GET", "/proposal", None), ("POST", "/validate", {"symbols": ["SOL-USD"]}),
    ("POST", "/import/preview", {"text": "SOL-USD"}), ("POST", "/proposal/try", {}),
]  # fmt: skip


async def test_a_viewer_looks_and_takes_nothing(client: AsyncClient, system: StandIn) -> None:
    bearer = await bearer_of(system, await somebody(system, "vera", "viewer"))
    await proposed(system)
    for method, path, body in READING:
        answer = await client.request(method, PATH + path, json=body, headers=bearer)
        assert answer.status_code == 200, (path, answer.text)
    refused = await client.post(f"{PATH}/proposal/accept", json={"symbols": None}, headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
