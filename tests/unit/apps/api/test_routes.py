"""Every route answers as its description says, and refuses what does not fit."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx import AsyncClient

from livermore.apps.api.openapi import description
from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import RateLimitedError
from tests.unit.apps.standin import NOW, StandIn

from .schemas import faults

SERIES = "coinbase/BTC-USD/1m"
COMMAND = "01234567-89ab-4cde-8f01-23456789abcd"
ADDRESSES = {
    "/api/v1/runtime": "/api/v1/runtime",
    "/healthz": "/healthz",
    "/readyz": "/readyz",
    "/api/v1/candles/{exchange}/{symbol}/{timeframe}": f"/api/v1/candles/{SERIES}?limit=5",
    "/api/v1/indicators/{exchange}/{symbol}/{timeframe}": f"/api/v1/indicators/{SERIES}?limit=40",
    "/api/v1/coverage": "/api/v1/coverage",
    "/api/v1/coverage/{exchange}/{symbol}/{timeframe}": f"/api/v1/coverage/{SERIES}",
    "/api/v1/exchanges": "/api/v1/exchanges",
    "/api/v1/symbols": "/api/v1/symbols",
    "/api/v1/symbols/search": "/api/v1/symbols/search?q=usd&exchange=coinbase",
    "/api/v1/symbols/{symbol}/metrics": "/api/v1/symbols/btc%2Fusd/metrics?exchange=coinbase",
    "/api/v1/symbols/export": "/api/v1/symbols/export",
    "/api/v1/symbols/proposal": "/api/v1/symbols/proposal",
    "/api/v1/signals": "/api/v1/signals",
    "/api/v1/signals/{id}/explain": "/api/v1/signals/{id}/explain",
    "/api/v1/alerts": "/api/v1/alerts",
    "/api/v1/settings": "/api/v1/settings",
    "/api/v1/settings/diff": "/api/v1/settings/diff?from=1&to=3",
    "/api/v1/settings/export": "/api/v1/settings/export",
    "/api/v1/settings/history": "/api/v1/settings/history?limit=2&before=4",
    "/api/v1/settings/revisions/{n}": "/api/v1/settings/revisions/2",
    "/api/v1/settings/schema": "/api/v1/settings/schema",
    "/api/v1/exchange-accounts": "/api/v1/exchange-accounts",
    "/api/v1/me": "/api/v1/me",
    "/api/v1/users": "/api/v1/users",
    "/api/v1/tokens": "/api/v1/tokens",
    "/api/v1/preferences": "/api/v1/preferences",
    "/api/v1/preferences/{key}": "/api/v1/preferences/theme",
    "/api/v1/workspaces": "/api/v1/workspaces",
    "/api/v1/commands": "/api/v1/commands?limit=1",
    "/api/v1/commands/verify": "/api/v1/commands/verify",
    "/api/v1/commands/{id}": f"/api/v1/commands/{COMMAND}",
}
NO_JSON = {"/api/v1/events", "/metrics"}


@pytest.fixture
def document(api: FastAPI) -> dict[str, Any]:
    return description(api)


def test_every_route_is_described_and_tried_here(api: FastAPI, document: dict[str, Any]) -> None:
    shown = [route for route in api.routes if isinstance(route, APIRoute) and route.include_in_schema]
    assert {route.path_format for route in shown} == set(document["paths"])
    assert {route.path_format for route in shown if "GET" in (route.methods or ())} == set(
        ADDRESSES
    ) | NO_JSON


def test_every_route_says_what_it_answers(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (path, parameter["name"])
            assert set(operation["responses"]) <= {"200", "201", "202", "204", "503", "default"}, path
            assert "x-role" in operation or operation["security"] == [], path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])


@pytest.mark.parametrize("path", ADDRESSES)
async def test_an_answer_fits_its_schema(
    client: AsyncClient, system: StandIn, document: dict[str, Any], path: str
) -> None:
    await system.control.channel.submit(
        system.user.scope(), "pause", {"reason": "lunch"}, author="local", role="admin", source="api",
        command_id=COMMAND,
    )  # fmt: skip
    answer = await client.get(ADDRESSES[path].replace("{id}", system.signals.signals[0].id))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert faults(answer.json(), schema, document["components"]["schemas"]) == []


async def test_candles_are_told_in_words(client: AsyncClient) -> None:
    page = (await client.get(f"/api/v1/candles/{SERIES}?limit=2")).json()
    assert list(page) == ["exchange", "symbol", "timeframe", "candles", "forming"]
    assert [candle["state"] for candle in page["candles"]] == ["traded", "traded"]
    assert page["candles"][0]["source"] == "rest"
    assert page["candles"][0]["time"] < page["candles"][1]["time"] < page["forming"]["time"]


async def test_floats_survive_exactly(client: AsyncClient, system: StandIn) -> None:
    page = (await client.get(f"/api/v1/candles/{SERIES}")).json()
    candles = system.market.series["BTC-USD", "1m"]  # type: ignore[index]
    assert [candle["close"] for candle in page["candles"]] == candles.close[-500:].tolist()


@pytest.mark.parametrize(
    "start", [str(NOW - 180_000), "2026-05-28T14:27:00Z", "2026-05-28T14:27:00%2B00:00", "2026-05-28 14:27"]
)
async def test_times_are_milliseconds_or_rfc_3339(client: AsyncClient, start: str) -> None:
    page = (await client.get(f"/api/v1/candles/{SERIES}?from={start}&to={NOW}")).json()
    assert [candle["time"] for candle in page["candles"]] == [NOW - 180_000, NOW - 120_000, NOW - 60_000]


async def test_a_span_that_ends_before_it_begins_is_refused_and_an_empty_one_is_not(
    client: AsyncClient,
) -> None:
    refused = (await client.get(f"/api/v1/candles/{SERIES}?from={NOW}&to={NOW - 1}")).json()
    assert refused["detail"] == "to must not be before from"
    assert (await client.get(f"/api/v1/candles/{SERIES}?from={NOW}&to={NOW}")).json()["candles"] == []


async def test_coverage_is_told_in_the_words_of_the_interface(client: AsyncClient, system: StandIn) -> None:
    system.coverage.lose("BTC-USD", "1m", 3)
    system.coverage.lose("BTC-USD", "1m", 5, repaired=True)
    found = (await client.get(f"/api/v1/coverage/{SERIES}?from={NOW - 600_000}&to={NOW}")).json()
    assert {name: found[name] for name in ("from", "to", "buckets", "traded", "quiet", "missing")} == {
        "from": NOW - 600_000, "to": NOW, "buckets": 10, "traded": 7, "quiet": 0, "missing": 3,
    }  # fmt: skip
    assert found["holes"] == [
        {
            "from": NOW - 180_000, "to": NOW, "buckets": 3, "cause": "disconnected", "state": "open",
            "repaired_at": None,
        },
        {
            "from": NOW - 300_000, "to": NOW, "buckets": 5, "cause": "disconnected", "state": "repaired",
            "repaired_at": rfc3339(NOW - 37_000),
        },
    ]  # fmt: skip


async def test_the_grid_of_coverage_may_be_of_one_exchange(client: AsyncClient) -> None:
    every = (await client.get("/api/v1/coverage")).json()
    assert (await client.get("/api/v1/coverage?exchange=coinbase")).json() == every
    assert {row["exchange"] for row in every["symbols"]} == {"coinbase"}


async def test_the_grid_of_coverage_has_a_cell_for_every_series(client: AsyncClient, system: StandIn) -> None:
    system.coverage.lose("ETH-USD", "5m", 2)
    symbols = (await client.get("/api/v1/coverage")).json()["symbols"]
    states = {row["symbol"]: [cell["state"] for cell in row["cells"].values()] for row in symbols}
    assert states.pop("ETH-USD") == ["fresh", "hole", "fresh", "fresh", "fresh", "fresh"]
    assert {state for row in states.values() for state in row} == {"fresh"}
    assert symbols[1]["cells"]["5m"] == {
        "state": "hole", "newest": NOW - 300_000, "age_ms": 23_000, "missing": 2, "holes": 1,
    }  # fmt: skip


async def test_an_alert_keeps_its_payload_to_itself(client: AsyncClient) -> None:
    answer = await client.get("/api/v1/alerts")
    assert "secret" not in answer.text
    assert "payload" not in answer.text


async def test_signals_are_filtered(client: AsyncClient) -> None:
    found = (await client.get("/api/v1/signals?symbol=BTC-USD&timeframe=1m&kind=level")).json()["signals"]
    assert [(signal["symbol"], signal["timeframe"]) for signal in found] == [("BTC-USD", "1m")]


async def test_settings_have_an_etag(client: AsyncClient) -> None:
    first = await client.get("/api/v1/settings")
    assert first.headers["etag"] == '"3"'
    assert first.json()["settings"]["symbols"][0] == "BTC-USD"
    again = await client.get("/api/v1/settings", headers={"if-none-match": '"3"'})
    assert (again.status_code, again.content) == (304, b"")
    moved = await client.get("/api/v1/settings", headers={"if-none-match": '"2"'})
    assert moved.status_code == 200


async def test_readiness_tells_what_is_missing(client: AsyncClient, system: StandIn) -> None:
    system.parts["database"] = False
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "parts": {"database": False, "runtime": True}}


BAD = [
    (f"/api/v1/candles/{SERIES}?from=yesterday", 422, "from"),
    (f"/api/v1/candles/{SERIES}?to=2026-13-01", 422, "to"),
    (f"/api/v1/candles/{SERIES}?to=1e400", 422, "to"),
    (f"/api/v1/candles/{SERIES}?from=99999999999999999999", 422, "from"),
    (f"/api/v1/candles/{SERIES}?from=", 422, "from"),
    (f"/api/v1/candles/{SERIES}?limit=0", 422, "limit"),
    (f"/api/v1/candles/{SERIES}?limit=100001", 422, "limit"),
    (f"/api/v1/candles/{SERIES}?limit=many", 422, "limit"),
    (f"/api/v1/candles/{SERIES}?limt=5", 422, "limt"),
    (f"/api/v1/indicators/{SERIES}?from=yesterday", 422, "from"),
    (f"/api/v1/indicators/{SERIES}?to=x", 422, "to"),
    (f"/api/v1/indicators/{SERIES}?limit=-1", 422, "limit"),
    (f"/api/v1/coverage/{SERIES}?from=yesterday", 422, "from"),
    (f"/api/v1/coverage/{SERIES}?to=99999999999999999999", 422, "to"),
    (f"/api/v1/coverage/{SERIES}?limit=5", 422, "limit"),
    (f"/api/v1/candles/{SERIES}?from=2&to=1", 422, "to"),
    (f"/api/v1/indicators/{SERIES}?to=2026-01-31&from=2026-02-01", 422, "to"),
    (f"/api/v1/coverage/{SERIES}?from=0&to=-{2**53}", 422, "to"),
    ("/api/v1/signals?from=2&to=1", 422, "to"),
    ("/api/v1/coverage/coinbase/BTC-USD/7m", 422, "timeframe"),
    ("/api/v1/coverage?nonsense=1", 422, "nonsense"),
    ("/api/v1/coverage?exchange=nowhere", 404, None),
    ("/api/v1/coverage/nowhere/BTC-USD/1m", 404, None),
    ("/api/v1/coverage/coinbase/NOTHING/1m", 404, None),
    ("/api/v1/coverage/coinbase/BTC-USD", 404, None),
    ("/api/v1/candles/coinbase/BTC-USD/7m", 422, "timeframe"),
    ("/api/v1/indicators/coinbase/BTC-USD/7m", 422, "timeframe"),
    ("/api/v1/candles/nowhere/BTC-USD/1m", 404, None),
    ("/api/v1/candles/coinbase/NOTHING/1m", 404, None),
    ("/api/v1/candles/coinbase/A/B/1m", 404, None),
    ("/api/v1/indicators/nowhere/BTC-USD/1m", 404, None),
    ("/api/v1/symbols/search?q=btc&exchange=nowhere", 404, None),
    ("/api/v1/symbols/search?exchange=", 422, "exchange"),
    ("/api/v1/symbols/search?q=btc", 422, "exchange"),
    ("/api/v1/symbols/BTC-USD/metrics", 422, "exchange"),
    ("/api/v1/symbols/binance:BTCUSDT/metrics?exchange=coinbase", 422, "exchange"),
    ("/api/v1/symbols/search?limit=0", 422, "limit"),
    (f"/api/v1/symbols/search?q={'x' * 101}", 422, "q"),
    ("/api/v1/symbols/search?query=btc", 422, "query"),
    ("/api/v1/symbols/export?form=xlsx", 422, "form"),
    ("/api/v1/symbols/NOTHING/metrics?exchange=coinbase", 404, None),
    ("/api/v1/symbols/BTC-USD/metrics?exchange=nowhere", 404, None),
    ("/api/v1/symbols/BTC-USD/metrics?of=coinbase", 422, "of"),
    ("/api/v1/symbols//metrics?exchange=coinbase", 404, None),
    ("/api/v1/symbols/BTC-USD", 404, None),
    ("/api/v1/signals?limit=1001", 422, "limit"),
    ("/api/v1/signals?limit=x", 422, "limit"),
    ("/api/v1/signals?before=", 422, "before"),
    ("/api/v1/signals?exchange=", 422, "exchange"),
    (f"/api/v1/signals?symbol={'x' * 101}", 422, "symbol"),
    ("/api/v1/signals?timeframe=7m", 422, "timeframe"),
    ("/api/v1/signals?kind=levels", 422, "kind"),
    ("/api/v1/signals?from=x", 422, "from"),
    ("/api/v1/signals?to=x", 422, "to"),
    ("/api/v1/signals?start=1", 422, "start"),
    ("/api/v1/signals?exchange=nowhere", 404, None),
    ("/api/v1/signals/nothing/explain", 404, None),
    ("/api/v1/alerts?state=lost", 422, "state"),
    ("/api/v1/alerts?limit=0", 422, "limit"),
    ("/api/v1/alerts?before=", 422, "before"),
    ("/api/v1/events?topics=candels", 422, "topics"),
    ("/api/v1/events?topics=", 422, "topics"),
    ("/api/v1/events?topic=candle", 422, "topic"),
    ("/api/v1/preferences?of=everybody", 422, "of"),
    ("/api/v1/commands?limit=0", 422, "limit"),
    ("/api/v1/commands?before=0", 422, "before"),
    ("/api/v1/commands?before=9223372036854775808", 422, "before"),
    ("/api/v1/commands?type=", 422, "type"),
    ("/api/v1/commands?status=done", 422, "status"),
    ("/api/v1/commands?user=2", 422, "user"),
    ("/api/v1/commands/nothing", 404, None),
    ("/api/v1/commands/verify?expect=ABC", 422, "expect"),
    (f"/api/v1/commands/{COMMAND}?wait=1", 404, None),
    (f"/api/v1/commands/{COMMAND}?wait=abc", 422, "wait"),
    (f"/api/v1/commands/{COMMAND}?wait=61", 422, "wait"),
    (f"/api/v1/commands/{COMMAND}?wait=nan", 422, "wait"),
    ("/api/v1/settings/history?before=0", 422, "before"),
    ("/api/v1/settings/history?after=2", 422, "after"),
    ("/api/v1/settings/revisions/9", 404, None),
    ("/api/v1/settings/revisions/0", 422, "n"),
    ("/api/v1/settings/revisions/9999999999", 422, "n"),
    ("/api/v1/settings/diff?from=x", 422, "from"),
    ("/api/v1/settings/diff?from=1&to=9", 404, None),
    ("/api/v1/nothing", 404, None),
    ("/api/v1/", 404, None),
]


@pytest.mark.parametrize(("address", "status", "path"), BAD)
async def test_what_does_not_fit_is_refused(
    client: AsyncClient, document: dict[str, Any], address: str, status: int, path: str | None
) -> None:
    answer = await client.get(address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (
        faults(problem, document["components"]["schemas"]["Problem"], document["components"]["schemas"]) == []
    )
    assert problem["status"] == status
    if path is not None:
        assert path in [fault["path"] for fault in problem["errors"]]


def test_every_parameter_was_tried(document: dict[str, Any]) -> None:
    known = {
        parameter["name"]
        for methods in document["paths"].values()
        for parameter in methods.get("get", {}).get("parameters", [])
        if parameter["in"] == "query"
    }
    assert known <= {path for _, _, path in BAD}


async def test_a_mistyped_name_is_guessed(client: AsyncClient) -> None:
    problem = (await client.get(f"/api/v1/candles/{SERIES}?form=1")).json()
    assert problem["errors"] == [{"path": "form", "message": "is not a parameter", "suggestion": "from"}]
    assert problem["hint"] == "did you mean from?"


async def test_another_method_is_refused(client: AsyncClient) -> None:
    for path in ("/api/v1/runtime", "/healthz", "/metrics"):
        answer = await client.post(path)
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"] == "GET"


async def test_an_unexpected_error_shows_no_trace(client: AsyncClient, system: StandIn) -> None:
    def burst() -> None:
        raise RuntimeError("a secret of the inside")

    system.runtime.status = burst  # type: ignore[assignment, method-assign]
    answer = await client.get("/api/v1/runtime")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_patience_is_asked_for(client: AsyncClient, system: StandIn) -> None:
    async def slow_down() -> None:
        raise RateLimitedError("the exchange asks us to slow down", retry_after=2.2)

    system.market.exchanges = slow_down  # type: ignore[assignment, method-assign]
    answer = await client.get("/api/v1/exchanges")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert answer.json()["code"] == "rate_limited"


async def test_the_page_of_the_api_needs_no_other_host(client: AsyncClient) -> None:
    page = await client.get("/api/v1/docs")
    script, style = await client.get("/api/v1/docs.js"), await client.get("/api/v1/docs.css")
    assert page.headers["content-type"].startswith("text/html")
    assert script.headers["content-type"].startswith("text/javascript")
    assert style.headers["content-type"].startswith("text/css")
    assert not any("://" in part.text for part in (page, script, style))
    assert (await client.get("/api/v1/openapi.json")).json()["openapi"].startswith("3.1")
