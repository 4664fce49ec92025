"""Messages from anybody: each answered, written down, harmless."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livermore.control.command import Command
from livermore.control.lifecycle import Status
from livermore.control.wire import LARGEST
from livermore.kernel.errors import ConflictError
from livermore.kernel.scope import Scope

from .room import Room, until

FOREIGN = Scope(user_id=9, identity_sub="edwin")


async def answered(room: Room, message: dict[str, Any], status: str = "error") -> dict[str, Any]:
    await room.publish(message)
    return await room.answer(message["correlationId"], status)


async def refused(room: Room, raw: bytes) -> tuple[dict[str, Any], Command]:
    """Publish something that is no command; return the answer and what was written down."""
    before = len(room.heard)
    await room.publish(raw)
    await until(lambda: len(room.heard) > before)
    answer = room.heard[before]
    return answer, await room.stands(answer["correlationId"])


async def test_a_raw_message_is_written_down_acknowledged_and_carried_out(room: Room) -> None:
    message = room.message("note", source="redis-cli")
    done = await answered(room, message, "success")
    assert done["data"] == {"noted": "raw"}
    kept = await room.stands(message["correlationId"])
    assert (kept.status, kept.source, kept.author, kept.role) == (
        Status.SUCCEEDED, "wire", "Jesse", "operator",
    )  # fmt: skip
    assert kept.acknowledged_at is not None
    assert room.said(kept.id) == ["ack", "progress", "success"]
    assert json.dumps(sorted(done)) == '["correlationId", "data", "message", "status", "timestamp"]'


async def test_the_urgent_overtake_among_raw_messages_too(room: Room) -> None:
    await room.submit(mark="first", behind="gate")
    await until(lambda: room.deeds.begun == ["first"])
    for name, mark, priority in [
        ("note", "b", None),
        ("note", "c", 90),
        ("soon", "a", None),
        ("pause", "", None),
    ]:
        payload = {"mark": mark} if mark else {}
        await room.publish(room.message(name, payload=payload, priority=priority))
    await until(lambda: room.receiver.depth(room.scope) == 4)
    room.deeds.gate("gate").set()
    await until(lambda: len(room.deeds.done) == 5)
    assert room.deeds.done == ["first", "pause", "a", "b", "c"]


async def test_a_repeat_is_told_the_first_outcome(room: Room) -> None:
    message = room.message("note")
    first = await answered(room, message, "success")
    room.heard.clear()
    again = await answered(room, message | {"timestamp": room.clock.now()}, "success")
    assert again | {"timestamp": 0} == first | {"timestamp": 0}
    assert room.deeds.done == ["raw"]


async def test_a_repeat_with_another_payload_is_a_conflict(room: Room) -> None:
    message = room.message("note")
    await answered(room, message, "success")
    answer = await answered(room, message | {"payload": {"mark": "other"}})
    assert answer["error"]["code"] == "conflict"
    assert room.deeds.done == ["raw"]


async def test_many_repeats_at_once_are_carried_out_once(room: Room) -> None:
    message = room.message("note")
    await asyncio.gather(*(room.publish(message) for _ in range(50)))
    await room.answer(message["correlationId"], "success")
    await until(lambda: len(room.said(message["correlationId"])) >= 50)
    assert room.deeds.done == ["raw"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "unknown"}, "unknown_type"),
        ({"payload": {}}, "invalid_payload"),
        ({"payload": {"mark": 1}}, "invalid_payload"),
        ({"payload": {"mark": "x", "more": 1}}, "invalid_payload"),
        ({"payload": {"mark": "x", "more": 2**70}}, "invalid_payload"),
        ({"payload": [1]}, "invalid_payload"),
        ({"priority": 9}, "invalid_payload"),
        ({"priority": 101}, "invalid_payload"),
        ({"priority": -(2**70)}, "invalid_payload"),
        ({"priority": "10"}, "invalid_payload"),
        ({"timestamp": "now"}, "invalid_payload"),
        ({"timestamp": None}, "invalid_payload"),
        ({"timestamp": 2**100}, "invalid_payload"),
        ({"type": "note\x00"}, "invalid_payload"),
        ({"type": "x" * 41}, "invalid_payload"),
        ({"type": 7}, "invalid_payload"),
        ({"type": "master", "payload": {}}, "not_allowed"),
        ({"identitySub": "edwin"}, "not_allowed"),
        ({"identitySub": "edwin", "journalled": True}, "not_allowed"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_does_not_fit_is_answered_and_kept(room: Room, fields: dict[str, Any], code: str) -> None:
    message = room.message("note") | fields
    answer = await answered(room, message)
    assert answer["error"]["code"] == code
    kept = await room.stands(message["correlationId"])
    assert (kept.status, kept.error and kept.error.code) == (Status.REJECTED, code)
    assert "ack" not in room.said(kept.id)
    assert room.deeds.done == []


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"garbage", b"null", b"[]", b"{}", b'"text"', b"\x00", b"\xff\xfe{}", "{}".encode("utf-16"),
        b'{"correlationId": "7"}', b'{"correlationId": {}, "type": []}', b"[" * 100_000, b'{"a":' * 50_000,
        b'{"type": "\\ud800", "payload": NaN}', b"x" * 10_000_000, b'{"type":"' + b"x" * LARGEST + b'"}',
    ],
    ids=lambda raw: f"{raw[:12]!r} of {len(raw)}",
)  # fmt: skip
async def test_garbage_is_answered_and_kept_under_an_id_of_our_own(room: Room, raw: bytes) -> None:
    answer, kept = await refused(room, raw)
    assert (answer["status"], answer["error"]["code"]) == ("error", "invalid_payload")
    assert (kept.status, kept.payload, kept.source) == (Status.REJECTED, {}, "wire")
    assert (await room.ask(mark="after")).status is Status.SUCCEEDED


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_message_is_answered(room: Room, data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    anything = st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
    )
    names = st.sampled_from(
        ["correlationId", "type", "timestamp", "payload", "priority", "source", "identitySub"]
    )
    message = room.message("note") | data.draw(st.dictionaries(names, anything, max_size=2))
    before = len(room.heard)
    await room.publish(message)
    await until(lambda: any(answer["status"] != "progress" for answer in room.heard[before:]))


async def test_a_time_ahead_of_ours_is_rejected(still: Room) -> None:
    message = still.message("note", timestamp=still.clock.now() + 5_001)
    assert (await answered(still, message))["error"]["code"] == "invalid_payload"
    assert (await still.stands(message["correlationId"])).status is Status.REJECTED
    near = still.message("note", timestamp=still.clock.now() + 5_000)
    await answered(still, near, "success")


@pytest.mark.parametrize("age", [30_001, 10**12, 2**63])
async def test_what_was_sent_too_long_ago_expires(still: Room, age: int) -> None:
    message = still.message("note", timestamp=still.clock.now() - age)
    assert (await answered(still, message))["error"]["code"] == "expired"
    assert (await still.stands(message["correlationId"])).status is Status.EXPIRED
    assert still.said(message["correlationId"]) == ["error"]
    assert still.deeds.done == []


async def test_what_was_sent_just_in_time_is_carried_out(still: Room) -> None:
    message = still.message("note", timestamp=still.clock.now() - 30_000)
    await answered(still, message, "success")


async def test_a_message_that_claims_to_be_written_down_and_is_not_does_nothing(room: Room) -> None:
    message = room.message("note", journalled=True)
    assert (await answered(room, message))["error"]["code"] == "not_found"
    assert room.deeds.done == []
    assert await room.history() == []


async def test_the_journal_decides_what_a_command_is_whatever_its_message_says(room: Room) -> None:
    done = await room.ask(mark="true")
    forged = room.message("master", correlationId=done.id, payload={}, journalled=True, number=-(2**70))
    room.heard.clear()
    await answered(room, forged, "success")
    assert room.deeds.done == ["true"]


async def test_nobody_hears_the_channel_of_somebody_who_is_not_here(room: Room) -> None:
    await room.publish(room.message("note"), scope=FOREIGN)
    assert (await room.ask(mark="mine")).status is Status.SUCCEEDED
    assert room.deeds.done == ["mine"]


async def test_a_flood_is_bounded_and_what_is_too_much_is_refused(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livermore.control.intake.MESSAGES", 10)
    messages = [room.message("note", correlationId=str(uuid4())) for _ in range(40)]
    pause = room.message("pause")
    await asyncio.gather(*map(room.publish, [*messages, pause]))
    await room.answer(pause["correlationId"], "success")
    await until(lambda: all({"success", "error"} & set(room.said(one["correlationId"])) for one in messages))
    codes = [answer["error"]["code"] for answer in room.heard if answer["status"] == "error"]
    assert set(codes) == {"rate_limited"}
    assert len(codes) + len(room.deeds.done) == 41


async def test_of_a_user_who_is_gone_nothing_is_written_down(room: Room) -> None:
    async def nobody(_: Scope) -> Any:
        raise ConflictError("there is no such user")

    room.receiver._authors = nobody
    assert (await answered(room, room.message("note")))["error"]["code"] == "conflict"
    assert await room.history() == []
