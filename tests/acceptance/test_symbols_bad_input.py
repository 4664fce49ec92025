"""What cannot be a symbol is refused by every door in words, and leaves nothing behind."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from livermore.adapters.exchanges.simulated import Protocol

from .both_protocols import PROTOCOLS
from .symbols import FIRST, Asked, asking, others, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
MOST = 500  # symbols at once
EMPTY = ("", " ", "\t\n")
LOOK_ALIKES = (
    "\N{CYRILLIC CAPITAL LETTER VE}TCUSDT", "SOLUSD\N{CYRILLIC CAPITAL LETTER TE}",
    "BTC\N{ZERO WIDTH SPACE}USDT",
    "\N{FULLWIDTH LATIN CAPITAL LETTER E}THUSDT", "\N{LATIN SMALL LETTER LONG S}olusdt",
    "L\N{LATIN SMALL LETTER DOTLESS I}NKUSDT", "LIN\N{KELVIN SIGN}USDT", "BTC\N{FRACTION SLASH}USDT",
    "ETH\N{NON-BREAKING HYPHEN}USD", "\N{RIGHT-TO-LEFT OVERRIDE}TDSUCTB", "BTC\N{SOFT HYPHEN}-USD",
)  # fmt: skip
FRAGMENTS = (
    "../../etc/passwd", "..", "BTCUSDT/../ETHUSDT", "BTCUSDT/ticker", "BTC-USD/candles",
    "BTCUSDT?limit=1", "%2e%2e%2f",
    "BTCUSDT&symbol=ETHUSDT", "BTCUSDT#", "'; DROP TABLE users;--", "BTCUSDT' OR '1'='1", "BTCUSDT%00",
    '["BTCUSDT"]', "BTCUSDT,ETHUSDT", "*", "%", "BTC%", "_", "$(id)", "{{7*7}}", "<script>alert(1)</script>",
)  # fmt: skip
HUGE = ("A" * 51, "B" * 10_000)
UNSPEAKABLE = ("BTC\0USDT", "\ud800", "BTC\x1b[2JUSDT")
BAD = (*EMPTY, *LOOK_ALIKES, *FRAGMENTS, *HUGE)
NO_SYMBOLS: tuple[Any, ...] = ([], [None], [1], [["BTCUSDT"]], "BTCUSDT", None, {"BTCUSDT": 1})
REFUSED = {400, 404, 422}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    """A system that watches one symbol of either exchange."""
    watched = {name: [symbol] for name, symbol in FIRST.items()}
    async with serving() as servers, asking(tmp_path_factory.mktemp("bad"), servers, watched) as one:
        yield one


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _nothing_changes(asked: Asked) -> AsyncIterator[None]:
    """Whatever a test asks for, nothing is stored, and no exchange is asked for anything strange."""
    before, paths = await asked.revision(), paths_of(asked)
    yield
    assert await asked.revision() == before
    assert paths_of(asked) - paths <= {"/api/v3/exchangeInfo", "/api/v3/ticker/24hr"} | PRODUCTS
    assert all(server.counters.over_limit == server.counters.banned == 0 for server in asked.servers.values())


PRODUCTS = {"/api/v3/brokerage/market/products"}


def paths_of(asked: Asked) -> set[str]:
    """Return the paths that any server was asked for."""
    return {path for server in asked.servers.values() for path in server.counters.requests}


@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_nothing_of_it_is_taken_for_a_symbol(asked: Asked, exchange: Protocol) -> None:
    answer = await asked.api("POST", "/symbols/validate", json={"symbols": list(BAD), "exchange": exchange})
    assert answer.status_code == 200, answer.text
    verdicts = {one["input"]: one for one in answer.json()["results"]}
    assert {text: one["verdict"] for text, one in verdicts.items() if one["verdict"] != "unknown"} == {}
    assert all(one["symbol"] is None and one["detail"] for one in verdicts.values())
    for text in BAD:
        refused = await submitted(asked, "add-symbol", {"symbol": text, "exchange": exchange})
        assert refused in {"not_found", "invalid_payload"}, text
        removed = await submitted(asked, "remove-symbol", {"symbol": text, "exchange": exchange})
        assert removed in {"not_found", "invalid_payload"}, text
    command = await asked.command("bulk-add-symbols", symbols=list(BAD), exchange=exchange)
    assert {one["verdict"] for one in command["result"]["results"]} == {"unknown"}


async def submitted(asked: Asked, name: str, payload: object) -> str:
    """Submit a command that cannot succeed, and return the code of its error."""
    body = json.dumps({"type": name, "payload": payload})
    answer = await asked.api(
        "POST", "/commands", params={"wait": 30}, content=body, headers={"content-type": "application/json"}
    )
    found = answer.json()
    if answer.status_code == 200:
        assert found["status"] == "failed", found
        return str(found["error"]["code"])
    assert answer.status_code in REFUSED, answer.text
    return str(found["code"])


async def test_lists_that_are_none_are_refused(asked: Asked) -> None:
    many = [f"COIN{number}USDT" for number in range(MOST + 1)]
    for symbols in (*NO_SYMBOLS, many, [*UNSPEAKABLE]):
        body = json.dumps({"symbols": symbols, "exchange": "binance"})
        answer = await asked.api(
            "POST", "/symbols/validate", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in REFUSED or (
            answer.status_code == 200
            and {one["verdict"] for one in answer.json()["results"]} <= {"unknown"}
        ), (symbols, answer.text)  # fmt: skip
        if symbols:
            payload = {"symbols": symbols, "exchange": "binance"}
            code = await bulk_refused(asked, payload)
            assert code in {"invalid_payload", "unknown"}


async def bulk_refused(asked: Asked, payload: object) -> str:
    """Submit a bulk addition that adds nothing; return the code of its error, or that nothing was known."""
    body = json.dumps({"type": "bulk-add-symbols", "payload": payload})
    answer = await asked.api(
        "POST", "/commands", params={"wait": 30}, content=body, headers={"content-type": "application/json"}
    )
    found = answer.json()
    if answer.status_code == 200 and found["status"] == "succeeded":
        assert {one["verdict"] for one in found["result"]["results"]} == {"unknown"}
        return "unknown"
    assert answer.status_code in REFUSED | {200}, answer.text
    return str(found["code"] if "code" in found else found["error"]["code"])


@pytest.mark.parametrize("text", [LOOK_ALIKES[0], FRAGMENTS[0], FRAGMENTS[9], HUGE[0], " "])
async def test_verbs_say_so_in_words(asked: Asked, text: str) -> None:
    for words in (("add", text), ("metrics", text), ("remove", text)):
        outcome = await asked.cli("symbols", *words, "--exchange", "binance")
        assert outcome.code in {1, 4}, (words, outcome)
        assert outcome.err.startswith("error: ")
        assert len(outcome.err.splitlines()) <= 2
        assert "Traceback" not in outcome.err + outcome.out


async def test_names_of_the_other_exchange_are_unknown_and_the_nearest_is_told(asked: Asked) -> None:
    for exchange, strange, near in (("binance", "SOL-USD", "SOLUSDT"), ("coinbase", "SOLUSDT", "SOL-USD")):
        answer = await asked.post("/symbols/validate", {"symbols": [strange], "exchange": exchange})
        (found,) = answer["results"]
        assert (found["verdict"], found["symbol"]) == ("unknown", None)
        assert near in found["detail"]
        command = await asked.command("add-symbol", symbol=strange, exchange=exchange)
        assert (command["status"], command["error"]["code"]) == ("failed", "not_found")


async def test_an_exchange_that_nobody_knows_is_refused_and_none_put_in_its_place(asked: Asked) -> None:
    strange = ("nowhere", "", "Binance ", "../binance", "b" * 1000)
    for exchange in strange:
        code = await submitted(asked, "add-symbol", {"symbol": others("binance")[0], "exchange": exchange})
        assert code in {"not_found", "invalid_payload"}, exchange
        validated = await asked.api(
            "POST", "/symbols/validate", json={"symbols": ["BTCUSDT"], "exchange": exchange}
        )
        assert validated.status_code in REFUSED, validated.text
        searched = await asked.api("GET", "/symbols/search", params={"q": "BTC", "exchange": exchange})
        assert searched.status_code in REFUSED, searched.text
    outcome = await asked.cli("symbols", "add", "nowhere:BTCUSDT")
    assert outcome.code in {1, 4}
    assert "nowhere" in outcome.err
    assert "binance" in outcome.err


async def test_one_list_holds_a_symbol_once(asked: Asked) -> None:
    new = others("binance")[0]
    ways = [new, new.lower(), f"binance:{new}", "ETH/USDT", new]
    answer = await asked.post("/symbols/validate", {"symbols": ways, "exchange": "binance"})
    assert [one["verdict"] for one in answer["results"]] == ["ok"] + ["duplicate"] * 4
    again = await asked.command("add-symbol", symbol=FIRST["binance"].lower(), exchange="binance")
    assert (again["status"], again["error"]["code"]) == ("failed", "conflict")


async def test_files_that_are_no_lists_are_refused_with_their_line(asked: Asked) -> None:
    for text in ("", "   \n", "[", '["BTCUSDT"', '{"symbols": 3}', "\0\0", "[" * 100_000):
        answer = await asked.api("POST", "/symbols/import/preview", json={"text": text})
        assert answer.status_code in REFUSED, (text[:20], answer.text)
    for path in ("..%2F..%2Fetc%2Fpasswd", "%27%20OR%201%3D1", "B" * 3000, "%00"):
        answer = await asked.api("GET", f"/symbols/{path}/metrics")
        assert answer.status_code in REFUSED | {414}, (path[:20], answer.text)
