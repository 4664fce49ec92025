"""Settings over HTTP: what each route takes, answers and refuses."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from livermore.apps.access.guard import Guard
from livermore.settings.document import SettingsDocument
from livermore.settings.path import read_path
from livermore.settings.tree import MISSING, look
from tests.unit.apps.doors import bearer_of, somebody
from tests.unit.apps.standin import PRICES, StandIn

PATH = "/api/v1/settings"
JSON = "application/json"
OPERATIONS = "application/json-patch+json"
MERGE = "application/merge-patch+json"
SECRET = "MHcCAQEEIDxxGTmZZ4ZmB8gSPbGT8bYhqYcW0oAoGCCqGSM49AwEHoUQDQg"


async def send(
    client: AsyncClient, method: str, content: Any, kind: str = JSON, path: str = PATH, **headers: str
) -> Response:
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    return await client.request(method, path, content=text, headers={"content-type": kind, **headers})


async def patch(client: AsyncClient, path: Any, value: Any, **headers: str) -> Response:
    return await send(client, "PATCH", {"path": path, "value": value}, **headers)


@pytest.fixture
async def viewer(system: StandIn, api: FastAPI, guard: Guard) -> AsyncIterator[AsyncClient]:
    """Somebody who may only read."""
    headers = await bearer_of(system, await somebody(system, "vera"))
    transport = ASGITransport(guard.before(api), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


# ---------------------------------------------------------------- patches


async def test_a_patch_answers_with_the_whole_and_what_it_changed(client: AsyncClient) -> None:
    answer = await patch(client, ["alerts", "cooldown_seconds"], 60)
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"4"'
    done = answer.json()
    assert done["revision"] == 4
    assert done["settings"]["alerts"]["cooldown_seconds"] == 60
    assert done["diff"] == [{"op": "change", "path": "alerts.cooldown_seconds", "from": 300, "to": 60}]
    assert (await client.get(PATH)).json()["settings"] == done["settings"]


@pytest.mark.parametrize(
    ("kind", "content", "path", "value"),
    [
        (JSON, {"path": ["alerts", "levels", "-"], "value": 500}, "alerts.levels.6", 500),
        (JSON, {"path": "/alerts/levels/0", "value": 100}, "alerts.levels.0", 100),
        (JSON, {"path": "perseus_profile.public_name", "value": "a, {b} \"c\" ü 😀"},
         "perseus_profile.public_name", "a, {b} \"c\" ü 😀"),
        ("application/json; charset=utf-8", {"path": ["scanner", "limit"], "value": 7}, "scanner.limit", 7),
        (OPERATIONS, [{"op": "remove", "path": "/alerts/levels/0"}], "alerts.levels.0", 200),
        (OPERATIONS, [{"op": "test", "path": "/scanner/limit", "value": 50},
                      {"op": "replace", "path": "/scanner/limit", "value": 9}], "scanner.limit", 9),
        (MERGE, {"alerts": {"quiet_hours": {"from": "22:00", "to": "06:00"}}}, "alerts.quiet_hours.to",
         "06:00"),
    ],
)  # fmt: skip
async def test_each_kind_of_patch_is_taken(
    client: AsyncClient, kind: str, content: Any, path: str, value: Any
) -> None:
    answer = await send(client, "PATCH", content, kind)
    assert answer.status_code == 200, answer.text
    before = SettingsDocument.model_validate({"version": 2, "symbols": list(PRICES)}).plain()
    settings = (await client.get(PATH)).json()["settings"]
    assert look(settings, read_path(path)) == value
    changed = path.split(".")[0]
    assert {name: settings[name] for name in settings if name != changed} == {
        name: before[name] for name in before if name != changed
    }


async def test_what_changes_nothing_is_no_revision(client: AsyncClient) -> None:
    done = await patch(client, "alerts.cooldown_seconds", 300)
    assert (done.status_code, done.json()["revision"], done.json()["diff"]) == (200, 3, [])


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_whoever_looked_at_an_older_revision_is_told(client: AsyncClient, method: str) -> None:
    content = {"path": "scanner.limit", "value": 1} if method == "PATCH" else {"version": 2}
    for stale in ('"2"', 'W/"3"', "3", '"x"', '"2", "3"', '"99999999999"'):
        answer = await send(client, method, content, **{"if-match": stale})
        assert answer.status_code == 412, stale
        assert answer.json()["code"] == "conflict"
    assert (await client.get(PATH)).json()["revision"] == 3
    for good in ('"3"', "*"):
        assert (await send(client, method, content, **{"if-match": good})).status_code == 200


async def test_a_test_that_fails_is_a_conflict(client: AsyncClient) -> None:
    wrong = [{"op": "test", "path": "/scanner/limit", "value": 1}]
    answer = await send(client, "PATCH", wrong, OPERATIONS)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_the_history_says_who_through_what_and_why(client: AsyncClient) -> None:
    await send(client, "PATCH", {"path": "scanner.limit", "value": 7}, path=f"{PATH}?reason=too+many")
    await patch(client, "scanner.limit", 8, **{"livermore-source": "cli"})
    page = (await client.get(f"{PATH}/history?limit=2")).json()
    told = [(one["revision"], one["author"], one["source"], one["reason"]) for one in page["revisions"]]
    assert told == [(5, "local", "cli", None), (4, "local", "api", "too many")]
    assert page["next"] == 4
    older = (await client.get(f"{PATH}/history?before={page['next']}")).json()
    assert ([one["revision"] for one in older["revisions"]], older["next"]) == ([3, 2, 1], None)
    assert (await patch(client, "scanner.limit", 8, **{"livermore-source": "ui"})).status_code == 422


# ---------------------------------------------------------------- the whole


async def test_the_whole_is_replaced_by_who_says_which(client: AsyncClient) -> None:
    document = {"version": 2, "perseus_profile": {"primary_exchange": "coinbase"}, "symbols": ["ETH-USD"]}
    refused = await send(client, "PUT", document)
    assert (refused.status_code, "If-Match" in refused.json()["hint"]) == (428, True)
    etag = (await client.get(PATH)).headers["etag"]
    done = await send(client, "PUT", document, **{"if-match": etag})
    assert done.status_code == 200
    assert done.json()["settings"]["symbols"] == ["ETH-USD"]
    assert done.json()["settings"]["alerts"]["levels"] == [150, 200, 250, 300, 350, 400]
    assert (await send(client, "PUT", document, **{"if-match": etag})).status_code == 412


async def test_some_go_back_to_their_defaults(client: AsyncClient) -> None:
    await patch(client, "scanner.limit", 7)
    await patch(client, "alerts.cooldown_seconds", 7)
    done = await client.post(f"{PATH}/reset", json={"paths": ["scanner", ["symbols"]], "reason": "tidy"})
    assert done.json()["settings"]["scanner"]["limit"] == 50
    assert done.json()["settings"]["alerts"]["cooldown_seconds"] == 7
    whole = await client.post(f"{PATH}/reset", json={})
    assert whole.json()["settings"]["alerts"]["cooldown_seconds"] == 300
    sources = [one["source"] for one in (await client.get(f"{PATH}/history")).json()["revisions"]]
    assert sources[:3] == ["reset", "reset", "api"]


async def test_the_schema_knows_every_setting(client: AsyncClient) -> None:
    schema = (await client.get(f"{PATH}/schema")).json()
    assert set(schema["properties"]) == set(SettingsDocument.model_fields)
    limit = schema["$defs"]["Scanner"]["properties"]["limit"]
    assert (limit["default"], limit["apply"], limit["help"]) == (50, "hot", "How many symbols it proposes.")


# ---------------------------------------------------------------- history, plans, files


async def test_an_earlier_revision_comes_back_as_a_new_one(client: AsyncClient) -> None:
    await patch(client, "scanner.limit", 7)
    await patch(client, "alerts.cooldown_seconds", 7)
    some = await client.post(f"{PATH}/rollback", json={"revision": 3, "paths": ["scanner"], "reason": "no"})
    assert (some.status_code, some.json()["revision"]) == (200, 6)
    assert some.json()["settings"]["scanner"]["limit"] == 50
    assert some.json()["settings"]["alerts"]["cooldown_seconds"] == 7
    again = await client.post(f"{PATH}/rollback", json={"revision": 6})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert (await client.post(f"{PATH}/rollback", json={"revision": 60})).status_code == 404
    stale = await client.post(f"{PATH}/rollback", json={"revision": 3}, headers={"if-match": '"5"'})
    assert stale.status_code == 412
    newest = (await client.get(f"{PATH}/history?limit=1")).json()["revisions"][0]
    assert (newest["source"], newest["reason"]) == ("rollback", "no")


async def test_two_revisions_are_compared(client: AsyncClient) -> None:
    await patch(client, "symbols.-", "coinbase:ETH-USD")
    await client.request("PATCH", PATH, json={"path": "symbols.-", "value": "binance:BTCUSDT"})
    newest = (await client.get(f"{PATH}/diff")).json()
    assert (newest["from"], newest["to"]) == (4, 5)
    assert newest["diff"] == [{"op": "add", "path": "symbols", "from": None, "to": "binance:BTCUSDT"}]
    back = (await client.get(f"{PATH}/diff?from=5&to=4")).json()
    assert back["patch"] == [{"op": "remove", "path": "/symbols/6"}]
    revision = (await client.get(f"{PATH}/revisions/4")).json()
    assert (revision["revision"], revision["settings"]["symbols"][-1]) == (4, "coinbase:ETH-USD")


async def test_a_plan_is_looked_at_and_then_applied(client: AsyncClient) -> None:
    planned = await send(client, "POST", {"path": "scanner.limit", "value": 7}, path=f"{PATH}/plan")
    assert planned.status_code == 200, planned.text
    plan = planned.json()
    assert plan["base_revision"] == 3
    assert plan["changes"] == [{"path": "scanner.limit", "from": 50, "to": 7, "apply_class": "hot"}]
    assert (await client.get(PATH)).json()["revision"] == 3
    applied = (await client.post(f"{PATH}/plan/{plan['id']}/apply")).json()
    assert (applied["revision"], applied["settings"]["scanner"]["limit"]) == (4, 7)
    assert applied["verdict"] == {"saved": 4, "applied": 4, "error": None}
    assert (await client.post(f"{PATH}/plan/{plan['id']}/apply")).status_code in {404, 409}
    assert (await client.post(f"{PATH}/plan/nothing/apply")).status_code == 404


async def test_a_plan_on_an_older_revision_is_stale(client: AsyncClient) -> None:
    whole = {"version": 2, "scanner": {"limit": 7}}
    plan = (await send(client, "POST", whole, path=f"{PATH}/plan")).json()
    assert {"path": "scanner.limit", "from": 50, "to": 7, "apply_class": "hot"} in plan["changes"]
    await patch(client, "alerts.cooldown_seconds", 7)
    stale = await client.post(f"{PATH}/plan/{plan['id']}/apply")
    assert (stale.status_code, stale.json()["hint"]) == (409, "plan anew")


async def test_a_plan_belongs_to_who_made_it(client: AsyncClient, system: StandIn) -> None:
    plan = (await send(client, "POST", {"path": "scanner.limit", "value": 7}, path=f"{PATH}/plan")).json()
    other = await bearer_of(system, await somebody(system, "otto", "operator"))
    assert (await client.post(f"{PATH}/plan/{plan['id']}/apply", headers=other)).status_code == 404


async def test_an_export_is_a_file_that_comes_back(client: AsyncClient) -> None:
    await patch(client, "symbols", ["coinbase:BTC-USD"])
    await patch(client, "perseus_profile.public_name", 'ü, {"a"} 😀')
    export = await client.get(f"{PATH}/export")
    disposition = export.headers["content-disposition"]
    assert disposition == 'attachment; filename="livermore-settings-2026-05-28.json"'
    assert list(export.json()) == ["exportedAt", "exportVersion", "settings"]
    assert b'\n  "settings": {' in export.content
    same = await send(client, "POST", export.content, path=f"{PATH}/import")
    assert (same.status_code, same.json()["revision"], same.json()["diff"]) == (200, 5, [])
    await client.post(f"{PATH}/reset", json={})
    back = await send(client, "POST", export.content, path=f"{PATH}/import")
    assert back.json()["settings"] == export.json()["settings"]


async def test_an_import_may_be_tried_and_may_leave_out_what_is_unknown(client: AsyncClient) -> None:
    file = '{\n  // mine\n  "version": 1, "symbols": [], "perseus_profil": {}, "alerts": {"leevels": []},\n}'
    refused = await send(client, "POST", file, path=f"{PATH}/import")
    assert refused.status_code == 422
    assert {"path": "perseus_profil", "message": "is unknown", "suggestion": "perseus_profile"} in (
        refused.json()["errors"]
    )
    tried = await send(client, "POST", file, path=f"{PATH}/import?dry_run=true&drop_unknown=true")
    done = tried.json()
    assert (done["dry_run"], done["dropped"]) == (True, ["alerts.leevels", "perseus_profil"])
    assert (done["upgrade"]["version"], done["upgrade"]["newest"]) == (1, 2)
    assert "timeframes" in done["upgrade"]["added"]
    assert (await client.get(PATH)).json()["revision"] == 3
    taken = await send(client, "POST", file, path=f"{PATH}/import?drop_unknown=true")
    assert (taken.json()["revision"], taken.json()["settings"]["symbols"]) == (4, [])


async def test_what_does_not_resolve_is_saved_with_a_warning(client: AsyncClient) -> None:
    path = "exchanges.coinbase.ApiKeyEnvironmentVariableName"
    (warning,) = (await patch(client, path, "Nobody_SetThis")).json()["warnings"]
    assert warning["path"] == path
    assert "Nobody_SetThis" in warning["message"]
    assert (await client.get(PATH)).json()["warnings"] == [warning]


# ---------------------------------------------------------------- bad input

BAD = [
    ("PUT", JSON, "no json", 400, "line 1, column 1"),
    ("PUT", JSON, "", 400, "line 1, column 1"),
    ("PATCH", JSON, b"\xff\xfe", 400, "body"),
    ("PATCH", JSON, '{"path": ["symbols"], "value": NaN}', 400, "body"),
    ("PATCH", JSON, '{"path": "symbols", "value": 1, "value": 2}', 400, "body"),
    ("PATCH", MERGE, '{"a":' * 10_000 + "1" + "}" * 10_000, 400, "body"),
    ("PUT", JSON, "[" * 10_000 + "]" * 10_000, 400, "body"),
    ("PATCH", MERGE, '{"alerts":' * 300 + "1" + "}" * 300, 422, ""),
    ("PATCH", JSON, '{"path": "scanner.limit", "value": ' + "9" * 5000 + "}", 400, "body"),
    ("PATCH", JSON, '{"path": "scanner.limit", "value": ' + "9" * 400 + "}", 422, "scanner.limit"),
    ("PATCH", JSON, '{"path": "positions.minimum_value", "value": 1e999}', 422, "positions.minimum_value"),
    ("PATCH", JSON, '{"path": "scanner.limit", "value": "50"}', 422, "scanner.limit"),
    ("PATCH", JSON, '{"path": "scanner.limit", "value": true}', 422, "scanner.limit"),
    ("PATCH", JSON, '{"path": "scanner.limits", "value": 1}', 422, "scanner.limits"),
    ("PATCH", JSON, '{"path": "scanner.limit.a", "value": 1}', 422, "scanner.limit"),
    ("PATCH", JSON, '{"path": "alerts.levels.99", "value": 1}', 422, "alerts.levels.99"),
    ("PATCH", JSON, '{"path": "alerts..levels", "value": 1}', 422, "alerts..levels"),
    ("PATCH", JSON, '{"path": [null], "value": 1}', 422, None),
    ("PATCH", JSON, '{"path": [], "value": {}}', 422, ""),
    ("PATCH", JSON, '{"path": "version", "value": 3}', 422, "version"),
    ("PATCH", JSON, '{"path": "sub", "value": "other"}', 422, "sub"),
    ("PATCH", JSON, '{"value": 1}', 422, None),
    ("PATCH", JSON, "[]", 422, None),
    ("PATCH", OPERATIONS, "{}", 422, None),
    ("PATCH", OPERATIONS, '[{"op": "add", "path": "x", "value": 1}]', 422, "x"),
    ("PATCH", MERGE, "[]", 422, None),
    ("PATCH", "text/plain", "{}", 415, None),
    ("PATCH", "", "{}", 415, None),
    ("PUT", JSON, "[]", 422, ""),
    ("PUT", JSON, '{"version": 3}', 422, "version"),
    ("PUT", JSON, '{"version": 2, "symbols": ["coinbase:NOTHING"]}', 422, "symbols.0"),
    ("PUT", JSON, '{"version": 2, "exchanges": {"coinbse": {}}}', 422, "exchanges.coinbse"),
    ("PUT", JSON, '{"version": 2, "perseus_profile": {"timezone": "Europe/Atlantis"}}', 422,
     "perseus_profile.timezone"),
    ("PUT", JSON, '{"sub": "somebody else"}', 422, "sub"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "kind", "content", "status", "path"), BAD)
async def test_bad_input_is_refused_with_its_place(
    client: AsyncClient, system: StandIn, method: str, kind: str, content: Any, status: int, path: str | None
) -> None:
    answer = await send(client, method, content, kind, **{"if-match": '"3"'})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if path is not None:
        assert path in [error["path"] for error in answer.json()["errors"]]
    assert len((await client.get(f"{PATH}/history")).json()["revisions"]) == 3


async def test_five_megabytes_are_too_many(client: AsyncClient) -> None:
    answer = await send(client, "PUT", '["' + "x" * 5_000_000 + '"]', **{"if-match": "*"})
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["path"] == "body"


@pytest.mark.parametrize("field", ["ApiKey", "Secret", "Password"])
@pytest.mark.parametrize("secret", [SECRET, "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END-----"])
async def test_a_pasted_secret_is_refused_and_not_repeated(
    client: AsyncClient, field: str, secret: str
) -> None:
    name = f"{field}EnvironmentVariableName"
    for content, kind in (
        ({"path": ["exchanges", "coinbase", name], "value": secret}, JSON),
        ({"path": ["exchanges", secret, "enabled"], "value": True}, JSON),
        ({"exchanges": {"coinbase": {name: secret}}}, MERGE),
        ([{"op": "add", "path": "/exchanges/coinbase", "value": {name: secret}}], OPERATIONS),
    ):
        answer = await send(client, "PATCH", content, kind)
        assert answer.status_code == 422
        assert secret not in answer.text
        assert secret[:20] not in answer.text
    assert secret not in (await client.get(PATH)).text


async def test_a_viewer_reads_and_changes_nothing(viewer: AsyncClient) -> None:
    for path in ("", "/schema", "/history", "/revisions/1", "/diff", "/export"):
        assert (await viewer.get(PATH + path)).status_code == 200, path
    for path in ("/plan", "/plan/x/apply", "/rollback", "/reset", "/import"):
        answer = await viewer.post(PATH + path, json={"revision": 1})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), path
    assert (await patch(viewer, "scanner.limit", 1)).status_code == 403
    assert (await send(viewer, "PUT", {})).status_code == 403


async def test_others_have_their_own(viewer: AsyncClient, client: AsyncClient) -> None:
    await patch(client, "scanner.limit", 7)
    assert look((await viewer.get(PATH)).json(), ("settings", "scanner", "limit")) == 50
    assert (await viewer.get(f"{PATH}/revisions/4")).status_code == 404
    assert look((await client.get(PATH)).json(), ("settings", "nothing")) is MISSING
