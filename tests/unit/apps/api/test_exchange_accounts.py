"""Exchange accounts over HTTP: names of variables, revisions of the settings, and never a value."""

from typing import Any

import pytest
from httpx import AsyncClient

from livermore.apps.api.openapi import description
from tests.unit.apps import chosen
from tests.unit.apps.doors import bearer_of, somebody
from tests.unit.apps.standin import StandIn

from .schemas import faults

PATH = "/api/v1/exchange-accounts"
KEY, SECRET = "ApiKeyEnvironmentVariableName", "SecretEnvironmentVariableName"
PASSWORD = "PasswordEnvironmentVariableName"
NEW = {"exchange": "coinbase", KEY: "Coinbase_ApiKeyId", SECRET: "Coinbase_ApiSecret"}
PASTED = "MHcCAQEEIDxxGTmZZ4ZmB8gSPbGT8bYhqYcW0oAoGCCqGSM49AwEHoUQDQg"


async def add(client: AsyncClient, **changes: Any) -> Any:
    answer = await client.post(PATH, json=NEW | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def newest(client: AsyncClient) -> Any:
    return (await client.get("/api/v1/settings/history?limit=1")).json()["revisions"][0]


async def test_an_account_is_a_part_of_the_settings(client: AsyncClient, api: Any) -> None:
    made = await add(client, **{PASSWORD: "Coinbase_Passphrase"}, reason="balances")
    assert made["variables"] == [
        {"name": "Coinbase_ApiKeyId", "resolves": True},
        {"name": "Coinbase_ApiSecret", "resolves": True},
        {"name": "Coinbase_Passphrase", "resolves": False},
    ]
    assert (made["is_active"], made["is_default"], made["last_connected_at"]) == (True, False, None)
    listed = (await client.get(PATH)).json()
    assert listed == {"accounts": [made]}
    schemas = description(api)["components"]["schemas"]
    assert faults(listed, schemas["ExchangeAccountsShape"], schemas) == []
    revision = await newest(client)
    assert (revision["source"], revision["author"], revision["reason"]) == ("api", "local", "balances")
    assert {one["path"] for one in revision["diff"]} == {"exchanges.coinbase"}
    for value in chosen.ENVIRONMENT.values():
        assert value not in (await client.get(PATH)).text


async def test_an_account_is_changed_and_closed(client: AsyncClient) -> None:
    await client.patch("/api/v1/settings", json={"path": "symbols", "value": []})
    made = await add(client, **{PASSWORD: "Coinbase_Passphrase"})
    one = f"{PATH}/{made['id']}"
    changed = await client.patch(one, json={KEY: "Other_Key", PASSWORD: None, "is_active": False})
    assert [each["name"] for each in changed.json()["variables"]] == ["Other_Key", "Coinbase_ApiSecret"]
    assert changed.json()["is_active"] is False
    primary = await client.patch(one, json={"is_active": True, "is_default": True})
    assert primary.json()["is_default"] is True
    refused = await client.patch(one, json={"is_default": False})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "is_default")
    assert (await client.patch(one, json={})).status_code == 422
    assert (await client.delete(one)).status_code == 204
    assert (await client.get(PATH)).json() == {"accounts": []}
    for method in ("PATCH", "DELETE"):
        gone = await client.request(method, one, json={"is_active": True} if method == "PATCH" else None)
        assert gone.status_code == 404
    settings = (await client.get("/api/v1/settings")).json()["settings"]
    assert settings["exchanges"] == {}


async def test_whether_an_exchange_is_used_outlives_its_key(client: AsyncClient) -> None:
    made = await add(client, is_active=False)
    await client.delete(f"{PATH}/{made['id']}")
    settings = (await client.get("/api/v1/settings")).json()["settings"]
    assert settings["exchanges"] == {"coinbase": {"enabled": False}}
    assert (await add(client))["is_active"] is True


async def test_a_second_account_at_an_exchange_is_a_conflict(client: AsyncClient) -> None:
    await add(client)
    again = await client.post(PATH, json=NEW)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_somebody_who_writes_at_the_same_time_is_waited_for(
    client: AsyncClient, system: StandIn
) -> None:
    store, turns = system.store, [1, 2, 3]
    revise = store.revise

    async def raced(scope: Any, rewriting: Any, by: Any, *, expected: int | None = None) -> Any:
        if expected is not None and turns:
            raced_by = {"path": "scanner.limit", "value": turns.pop()}
            assert (await client.patch("/api/v1/settings", json=raced_by)).status_code == 200
        return await revise(scope, rewriting, by, expected=expected)

    store.revise = raced  # type: ignore[method-assign]
    await add(client)
    assert (await newest(client))["revision"] == 7
    settings = (await client.get("/api/v1/settings")).json()["settings"]
    assert (settings["scanner"]["limit"], list(settings["exchanges"])) == (1, ["coinbase"])


async def test_a_key_is_checked_at_its_exchange(client: AsyncClient) -> None:
    made = await add(client)
    good = (await client.post(f"{PATH}/{made['id']}/verify")).json()
    assert (good["works"], good["error"]) == (True, None)
    assert good["report"] == {
        "latency_ms": 12, "can_view": True, "can_trade": True, "can_withdraw": False
    }  # fmt: skip
    assert "may trade" in good["warnings"][0]
    assert (await client.get(PATH)).json()["accounts"][0]["last_connected_at"] is not None
    other = await add(client, exchange="binance", **{KEY: "Not_Set"})
    bad = (await client.post(f"{PATH}/{other['id']}/verify")).json()
    assert (bad["works"], bad["report"], bad["error"]["code"]) == (False, None, "invalid_payload")
    assert "Not_Set" in bad["error"]["detail"]
    assert (await client.post(f"{PATH}/99/verify")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {KEY: PASTED},
        {SECRET: f"-----BEGIN EC PRIVATE KEY-----\n{PASTED}"},
        {PASSWORD: PASTED},
        {KEY: "not a name"},
        {KEY: ""},
        {KEY: None},
        {"exchange": "coinbse"},
        {"exchange": PASTED},
        {"exchange": ""},
        {"api_key": PASTED},
        {"display_name": "mine"},
    ],
)
async def test_what_does_not_fit_is_refused_and_no_secret_repeated(
    client: AsyncClient, wrong: dict[str, Any]
) -> None:
    answer = await client.post(PATH, json=NEW | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"]
    assert PASTED[:30] not in answer.text
    assert (await newest(client))["revision"] == 3


async def test_accounts_are_their_users_own(client: AsyncClient, system: StandIn) -> None:
    made = await add(client)
    other = await bearer_of(system, await somebody(system, "otto", "operator"))
    assert (await client.get(PATH, headers=other)).json() == {"accounts": []}
    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/verify")):
        body = {"is_active": False} if method == "PATCH" else None
        answer = await client.request(method, f"{PATH}/{made['id']}{path}", json=body, headers=other)
        assert answer.status_code == 404, method
    viewer = await bearer_of(system, await somebody(system, "vera"))
    assert (await client.post(PATH, json=NEW, headers=viewer)).status_code == 403
    assert (await client.post(f"{PATH}/{made['id']}/verify", headers=viewer)).status_code == 403
