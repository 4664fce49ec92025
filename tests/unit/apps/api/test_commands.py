"""Commands over HTTP: answered, waited for, repeated, refused, and kept."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from httpx import AsyncClient

from livermore.apps.access.guard import Guard
from livermore.apps.api.events import Streams
from livermore.control.audit import Fault
from livermore.kernel.errors import StorageUnavailableError
from tests.unit.apps.commanded import JournalTwin, TrailTwin
from tests.unit.apps.doors import bearer_of, somebody
from tests.unit.apps.standin import StandIn

PATH = "/api/v1/commands"
PAUSE: dict[str, Any] = {"type": "pause", "payload": {"reason": "lunch"}}
FILL = {"type": "force-backfill", "payload": {"symbol": "BTC-USD"}}


@pytest.fixture
async def obeyed(system: StandIn) -> AsyncIterator[StandIn]:
    """A system whose user is hosted."""
    await system.control.start()
    await system.control.receiver.host([system.user.scope()])
    yield system
    await system.control.stop()


def kept(system: StandIn) -> list[Any]:
    journal = system.control.journal
    assert isinstance(journal, JournalTwin)
    return [waiting.command for waiting in journal.kept]


async def test_a_command_is_accepted_with_its_id_and_read_by_it(client: AsyncClient, system: StandIn) -> None:
    answer = await client.post(PATH, json=PAUSE | {"priority": 10})
    command = answer.json()
    assert answer.status_code == 202
    expected = PAUSE | {"priority": 10, "status": "accepted", "source": "api", "author": "local"}
    assert {name: command[name] for name in expected} == expected
    for name in (command["id"], command["id"].upper()):
        assert (await client.get(f"{PATH}/{name}")).json() == command
    assert (await client.get(PATH)).json() == {"commands": [command], "next": None}


async def test_who_waits_gets_the_outcome_whatever_it_is(client: AsyncClient, obeyed: StandIn) -> None:
    done = await client.post(PATH, params={"wait": 20}, json=PAUSE)
    assert (done.status_code, done.json()["status"]) == (200, "succeeded")
    assert done.json()["result"]["pause"] == {
        "level": "data", "reason": "lunch", "until": None, "by": "local"
    }  # fmt: skip
    failed = await client.post(PATH, params={"wait": 20}, json={
        "type": "switch-mode", "payload": {"mode": "scalper-orderbook"}
    })  # fmt: skip
    assert (failed.status_code, failed.json()["status"]) == (200, "failed")
    assert failed.json()["error"] == {
        "code": "not_implemented",
        "detail": "the order-book mode does not exist yet; choose another one",
    }


async def test_what_is_still_open_after_the_wait_is_told_so(client: AsyncClient, obeyed: StandIn) -> None:
    answer = await client.post(PATH, params={"wait": 0.05}, json=FILL)
    assert answer.status_code == 202
    assert answer.json()["status"] in {"accepted", "acknowledged", "running"}
    following = asyncio.create_task(client.get(f"{PATH}/{answer.json()['id']}", params={"wait": 20}))
    obeyed.obedience.gate.set()
    assert (await following).json()["result"]["symbol"] == "BTC-USD"


async def test_progress_is_shown_to_who_asks_meanwhile(client: AsyncClient, obeyed: StandIn) -> None:
    identity = (await client.post(PATH, json=FILL)).json()["id"]
    progress = None
    while progress is None:
        progress = (await client.get(f"{PATH}/{identity}", params={"wait": 0.01})).json()["progress"]
    assert progress == {"done": 1, "total": 2, "message": "1h", "eta_seconds": 3}
    obeyed.obedience.gate.set()


async def test_a_repeat_returns_what_became_of_the_first(client: AsyncClient, obeyed: StandIn) -> None:
    headers = {"idempotency-key": str(uuid4())}
    first = await client.post(PATH, params={"wait": 20}, json=PAUSE, headers=headers)
    assert first.json()["id"] == headers["idempotency-key"]
    again = await client.post(
        PATH, json=PAUSE, headers={"idempotency-key": headers["idempotency-key"].upper()}
    )
    assert (again.status_code, again.json()) == (200, first.json())
    other = await client.post(PATH, json={"type": "resume"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert other.json()["command_id"] == headers["idempotency-key"]
    assert obeyed.obedience.done == [headers["idempotency-key"]]


# What does not fit: the body, the place that is named, the code, and the type that is kept.
MISFITS = [
    (b"{", "body", "invalid_payload", "unreadable"),
    (b"", "body", "invalid_payload", "unreadable"),
    (b"\xff\xfe", "body", "invalid_payload", "unreadable"),
    (b"[" * 100_000, "body", "invalid_payload", "unreadable"),
    (b"null", "body", "invalid_payload", "unreadable"),
    (b'["pause"]', "body", "invalid_payload", "unreadable"),
    (b"{}", "body", "invalid_payload", "unreadable"),
    (b'{"type": 7}', "type", "invalid_payload", "unreadable"),
    (b'{"type": ["pause"]}', "type", "invalid_payload", "unreadable"),
    (b'{"type": ""}', "type", "unknown_type", "unreadable"),
    (b'{"type": "puase"}', "type", "unknown_type", "puase"),
    (b'{"type": "%b"}' % (b"x" * 500), "type", "unknown_type", "x" * 40),
    (b'{"type": "a\\u0000\\ud83d\\ude00"}', "type", "unknown_type", "a\U0001f600"),
    (b'{"type": "pause", "kind": 1}', "body", "invalid_payload", "pause"),
    (b'{"type": "pause", "payload": []}', "payload", "invalid_payload", "pause"),
    (b'{"type": "pause", "payload": {"level": "all"}}', "payload.level", "invalid_payload", "pause"),
    (b'{"type": "pause", "payload": {"levle": "data"}}', "payload", "invalid_payload", "pause"),
    (b'{"type": "force-backfill"}', "payload", "invalid_payload", "force-backfill"),
    (b'{"type": "pause", "priority": 5}', "priority", "invalid_payload", "pause"),
    (b'{"type": "pause", "priority": 101}', "priority", "invalid_payload", "pause"),
    (b'{"type": "pause", "priority": "high"}', "priority", "invalid_payload", "pause"),
    (b'{"type": "pause", "priority": true}', "priority", "invalid_payload", "pause"),
    (
        b'{"type": "pause", "payload": {"reason": "%b"}}' % (b"x" * 300_000),
        "payload", "invalid_payload", "pause",
    ),
]  # fmt: skip


async def test_what_does_not_fit_is_answered_and_kept(client: AsyncClient, system: StandIn) -> None:
    for body, path, code, name in MISFITS:
        answer = await client.post(PATH, content=body, headers={"content-type": "application/json"})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, code), body[:60]
        assert problem["errors"][0]["path"] == path, body[:60]
        command = kept(system)[-1]
        assert (command.id, command.status, command.type) == (problem["command_id"], "rejected", name)
        shown = (await client.get(f"{PATH}/{command.id}")).json()
        assert (shown["status"], shown["error"]["code"]) == ("rejected", code)
    assert len(kept(system)) == len(MISFITS)


async def test_a_key_that_is_no_id_is_refused_and_the_command_kept(
    client: AsyncClient, system: StandIn
) -> None:
    for key in ("", "1", "not-a-uuid", "0123456789abcdef0123456789abcdef", "²"):
        answer = await client.post(PATH, json=PAUSE, headers={b"idempotency-key": key.encode()})
        assert answer.status_code == 422, key
        assert answer.json()["errors"][0]["path"] == "Idempotency-Key"
        command = kept(system)[-1]
        assert (command.id, command.status) == (answer.json()["command_id"], "rejected")


NO_COMMANDS: list[tuple[dict[str, Any], int]] = [
    ({"params": {"wait": "abc"}, "json": PAUSE}, 422),
    ({"params": {"wait": "-1"}, "json": PAUSE}, 422),
    ({"params": {"wait": "60.5"}, "json": PAUSE}, 422),
    ({"params": {"wiat": "1"}, "json": PAUSE}, 422),
    ({"json": PAUSE, "headers": {"livermore-source": "system"}}, 422),
    ({"content": b'{"type": "pause"}'}, 415),
    ({"data": {"type": "pause"}}, 415),
    ({"content": b'{"type": "pause"}', "headers": {"content-type": "text/plain"}}, 415),
    ({"content": b"x" * 10_000_000, "headers": {"content-type": "application/json"}}, 413),
]


async def test_a_request_that_is_no_command_leaves_nothing(client: AsyncClient, system: StandIn) -> None:
    for asked, status in NO_COMMANDS:
        answer = await client.post(PATH, **asked)
        assert answer.status_code == status, asked
        assert answer.headers["content-type"] == "application/problem+json"
    assert kept(system) == []


async def test_who_may_not_command_is_refused_and_the_attempt_kept(
    client: AsyncClient, system: StandIn
) -> None:
    viewer = await somebody(system, "vera", "viewer")
    bearer = await bearer_of(system, viewer)
    answer = await client.post(PATH, json=PAUSE, headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    (command,) = kept(system)
    assert (command.status, command.error.code, command.author) == ("rejected", "not_allowed", "vera")
    assert command.id == answer.json()["command_id"]
    unreadable = await client.post(PATH, content=b"{", headers=bearer)
    assert unreadable.status_code == 403
    assert len(kept(system)) == 1


async def test_a_command_for_admins_is_refused_to_operators(client: AsyncClient, system: StandIn) -> None:
    bearer = await bearer_of(system, await somebody(system, "oscar", "operator"))
    answer = await client.post(
        PATH, json={"type": "clear-cache", "payload": {"scope": "all"}}, headers=bearer
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert answer.json()["command_id"] == kept(system)[0].id


async def test_commands_of_others_are_not_there(client: AsyncClient, system: StandIn) -> None:
    bearer = await bearer_of(system, await somebody(system, "oscar", "operator"))
    theirs = (await client.post(PATH, json=PAUSE, headers=bearer)).json()
    assert (await client.get(f"{PATH}/{theirs['id']}")).status_code == 404
    assert (await client.get(PATH)).json()["commands"] == []
    # The same id is another command of another user.
    own = await client.post(PATH, json={"type": "resume"}, headers={"idempotency-key": theirs["id"]})
    assert (own.status_code, own.json()["author"]) == (202, "local")
    assert (await client.get(f"{PATH}/{theirs['id']}", headers=bearer)).json()["type"] == "pause"


async def test_history_is_paged_and_filtered(client: AsyncClient, obeyed: StandIn) -> None:
    for number in range(5):
        body = PAUSE if number % 2 else {"type": "resume"}
        await client.post(PATH, params={"wait": 20}, json=body)
    await client.post(PATH, json={"type": "nothing"})
    first = (await client.get(PATH, params={"limit": 4})).json()
    assert [command["type"] for command in first["commands"]] == ["nothing", "resume", "pause", "resume"]
    second = (await client.get(PATH, params={"limit": 4, "before": first["next"]})).json()
    assert ([command["type"] for command in second["commands"]], second["next"]) == (
        ["pause", "resume"],
        None,
    )
    pauses = (await client.get(PATH, params={"type": "pause", "status": "succeeded"})).json()["commands"]
    assert [command["type"] for command in pauses] == ["pause", "pause"]
    rejected = (await client.get(PATH, params={"status": "rejected"})).json()["commands"]
    assert [command["type"] for command in rejected] == ["nothing"]


async def test_the_history_knows_the_door(client: AsyncClient, system: StandIn, guard: Guard) -> None:
    session = await guard.entrance.by_address("the-link-of-this-run-in-this-test")
    cookie = {
        "cookie": f"{guard.entrance.cookie}={session.secret}",
        "origin": "http://127.0.0.1",
        "authorization": "",
    }
    for headers in ({}, {"livermore-source": "cli"}, cookie):
        assert (await client.post(PATH, json=PAUSE, headers=headers)).status_code == 202
    assert [command.source for command in kept(system)] == ["api", "cli", "ui"]


async def test_the_stream_tells_of_every_step(client: AsyncClient, obeyed: StandIn, streams: Streams) -> None:
    frames = streams.frames("local", ("command", "runtime"), None)
    await anext(frames)
    identity = (await client.post(PATH, json=FILL)).json()["id"]
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["status"] != "succeeded":
        fields = dict(line.split(b": ", 1) for line in (await anext(frames)).strip().split(b"\n"))
        assert fields[b"event"] == b"command"
        seen.append(msgspec.json.decode(fields[b"data"]))
        if seen[-1]["progress"]:
            obeyed.obedience.gate.set()
    # What starts at once was acknowledged just before; that it was is told with the start.
    statuses = list(dict.fromkeys(command["status"] for command in seen))
    assert statuses == ["accepted", "running", "succeeded"]
    assert all(command["acknowledged_at"] for command in seen[1:])
    assert seen[-1] == (await client.get(f"{PATH}/{identity}")).json()
    await frames.aclose()


async def test_who_waits_is_let_go_when_the_server_ends(
    client: AsyncClient, obeyed: StandIn, streams: Streams
) -> None:
    waiting = asyncio.create_task(client.post(PATH, params={"wait": 60}, json=FILL))
    while not kept(obeyed):
        await asyncio.sleep(0)
    streams.close()
    assert (await asyncio.wait_for(waiting, 20)).status_code == 202


async def test_a_journal_that_is_away_is_told_before_and_not_after(
    client: AsyncClient, system: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise StorageUnavailableError("the database does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(system.control.journal, "get", away)
        after = await client.post(PATH, params={"wait": 0.05}, json=PAUSE)
        assert (after.status_code, after.json()["status"]) == (202, "accepted")
    monkeypatch.setattr(system.control.journal, "accept", away)
    before = await client.post(PATH, json=PAUSE)
    assert (before.status_code, before.json()["code"]) == (503, "internal")


async def test_the_chain_is_proven(client: AsyncClient, system: StandIn) -> None:
    whole = (await client.get(f"{PATH}/verify")).json()
    assert (whole["ok"], whole["fault"], whole["expected_place"]) == (True, None, None)
    known = await client.get(f"{PATH}/verify", params={"expect": whole["head"]})
    assert known.json()["expected_place"] == 0
    trail = system.control.trail
    assert isinstance(trail, TrailTwin)
    trail.fault = Fault(what="changed", place=3, detail="its hash differs")
    altered = (await client.get(f"{PATH}/verify")).json()
    assert (altered["ok"], altered["fault"]) == (
        False,
        {"what": "changed", "detail": "its hash differs", "place": 3, "command_id": None},
    )
