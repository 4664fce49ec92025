"""The chain of events: its hashes, and that no single change of it goes unseen."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.control.audit import (
    ORIGIN,
    ChainCheck,
    Cut,
    Event,
    Fault,
    Link,
    chained,
    digest,
    disagreement,
    removable,
)

Chained = list[tuple[Link, Event]]


def an_event(number: int, command_id: str = "c", event: str = "accepted", **data: Any) -> Event:
    """Make up an event."""
    said = json.dumps(data)
    return Event(number=number, user_id=1, correlation_id=command_id, event=event, at=number, data=said)


def a_chain(events: list[Event], anchor: Link = ORIGIN) -> Chained:
    """Chain events."""
    return list(zip(chained(anchor, events), events, strict=True))


def check(links: Chained, head: Link, anchor: Link = ORIGIN) -> Fault | None:
    """Return what is wrong with a chain."""
    following = ChainCheck(anchor, head)
    for link, event in sorted(links, key=lambda pair: pair[0].place):
        following.see(link, event)
    return following.end()


def test_a_hash_is_what_anybody_can_compute() -> None:
    """SHA-256 over 32 zero bytes and `[1,7,1,"c","accepted",5,"{\\"a\\": 1}"]`."""
    event = Event(number=7, user_id=1, correlation_id="c", event="accepted", at=5, data='{"a": 1}')
    expected = "766dbcf5f1544774d4192701df60fb228112ba8ebf29468a31329391be7f7958"
    assert digest(ORIGIN.hash, 1, event).hex() == expected


def test_what_is_whole_is_without_fault() -> None:
    assert check([], ORIGIN) is None
    links = a_chain([an_event(number) for number in range(1, 6)])
    assert check(links, links[-1][0]) is None
    assert check(links[2:], links[-1][0], anchor=links[1][0]) is None


events = st.lists(
    st.builds(
        Event, number=st.integers(1, 10**6), user_id=st.integers(1, 3), correlation_id=st.text(max_size=3),
        event=st.text(max_size=3), at=st.integers(0, 10**13), data=st.text(max_size=5),
    ),
    min_size=2, max_size=8,
)  # fmt: skip
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(1, 10**6), "user_id": st.integers(1, 3), "correlation_id": st.text(max_size=3),
    "event": st.text(max_size=3), "at": st.integers(0, 10**13), "data": st.text(max_size=5),
}  # fmt: skip


@given(events=events, draw=st.data(), cut=st.integers(0, 3))
def test_no_changed_event_goes_unseen(events: list[Event], draw: st.DataObject, cut: int) -> None:
    whole = a_chain(events)
    cut = min(cut, len(whole) - 1)
    anchor, links = (whole[cut - 1][0] if cut else ORIGIN), whole[cut:]
    at = draw.draw(st.integers(0, len(links) - 1))
    name = draw.draw(st.sampled_from(sorted(CHANGES)))
    link, event = links[at]
    changed = msgspec.structs.replace(event, **{name: draw.draw(CHANGES[name])})
    links[at] = link, changed
    fault = check(links, whole[-1][0], anchor)
    assert (fault is None) == (changed == event)
    if fault is not None:
        assert fault.place == link.place


@given(events=events, draw=st.data())
def test_no_lost_or_moved_event_goes_unseen(events: list[Event], draw: st.DataObject) -> None:
    links = a_chain(events)
    head = links[-1][0]
    lost = draw.draw(st.integers(0, len(links) - 1))
    fault = check(links[:lost] + links[lost + 1 :], head)
    assert fault is not None
    assert fault.place == lost + 1
    assert fault.what == ("cut off" if lost == len(links) - 1 else "missing")
    one, other = sorted(
        draw.draw(st.lists(st.integers(0, len(links) - 1), min_size=2, max_size=2, unique=True))
    )
    swapped = list(links)
    swapped[one], swapped[other] = (links[one][0], links[other][1]), (links[other][0], links[one][1])
    fault = check(swapped, head)
    assert (fault is None) == (links[one][1] == links[other][1])


@given(events=events, draw=st.data())
def test_no_inserted_event_and_no_other_end_goes_unseen(events: list[Event], draw: st.DataObject) -> None:
    links = a_chain(events)
    head = links[-1][0]
    place = draw.draw(st.integers(-1, len(links) + 3))
    inserted = Link(place, draw.draw(st.binary(max_size=32)))
    assert check([*links, (inserted, events[0])], head) is not None
    for wrong in (
        Link(head.place, bytes(32)),
        Link(head.place + 1, head.hash),
        Link(head.place - 1, head.hash),
    ):
        assert check(links, wrong) is not None
    for wrong in (Link(0, b"\1" * 32), Link(1, ORIGIN.hash), Link(-1, ORIGIN.hash)):
        assert check(links, head, anchor=wrong) is not None


def test_events_that_changed_places_are_told_from_a_changed_one() -> None:
    links = a_chain([an_event(number) for number in range(1, 6)])
    swapped = [links[0], (links[1][0], links[3][1]), links[2], (links[3][0], links[1][1]), links[4]]
    fault = check(swapped, links[-1][0])
    assert fault is not None
    assert (fault.what, fault.place) == ("reordered", 2)


# ---------------------------------------------------------------- a command and its events

ASKED: dict[str, Any] = {
    "identity_sub": "jesse", "type": "pause", "payload": {"n": 1}, "priority": 1, "source": "api",
    "author": "jesse", "role": "operator",
}  # fmt: skip
ROW: dict[str, Any] = {
    **ASKED, "status": "succeeded", "submitted_at": 1, "acknowledged_at": 2, "started_at": 3,
    "finished_at": 4, "runner": "here", "result": True, "error": None, "progress": {"done": 1},
}  # fmt: skip
LIFE = [
    an_event(1, event="accepted", **ASKED),
    an_event(2, event="acknowledged"),
    an_event(3, event="running", runner="here"),
    an_event(4, event="succeeded", result=True),
]


def test_a_row_agrees_with_its_events() -> None:
    assert disagreement(ROW, LIFE) is None
    refused = [*LIFE, an_event(5, event="refused", **ASKED)]
    assert disagreement(ROW, refused) is None


@pytest.mark.parametrize("name", [*ASKED, "status", "submitted_at", "started_at", "finished_at", "runner"])
def test_each_field_of_a_row_is_compared(name: str) -> None:
    said = disagreement({**ROW, name: "else"}, LIFE)
    assert said == f"its {name} is not what its events say"


def test_true_is_not_one() -> None:
    assert disagreement({**ROW, "result": 1}, LIFE) is not None
    assert disagreement({**ROW, "payload": {"n": True}}, LIFE) is not None


@pytest.mark.parametrize(
    "events",
    [[], LIFE[1:], [LIFE[0], LIFE[3]], [*LIFE, LIFE[3]], [*LIFE[:3], LIFE[1]], [an_event(1, event="x")],
     [an_event(1, event="accepted", type="pause")],
     [msgspec.structs.replace(LIFE[0], data="[")], [msgspec.structs.replace(LIFE[0], data="[]")]],
    ids=["none", "no beginning", "a step left out", "a step twice", "a step back", "no status", "half",
         "no JSON", "a list"],
)  # fmt: skip
def test_events_that_cannot_be_are_said_to_be(events: list[Event]) -> None:
    assert "its events cannot be" in str(disagreement(ROW, events))


# ---------------------------------------------------------------- what may be taken away


def test_a_cut_leaves_no_command_in_two() -> None:
    """c begins and ends inside a's life; d must be kept."""
    told = [("a", "accepted"), ("c", "accepted"), ("c", "failed"), ("a", "failed"), ("b", "rejected"),
            ("e", "accepted"), ("a", "refused"), ("d", "accepted"), ("e", "failed")]  # fmt: skip
    links = a_chain([an_event(at, name, event) for at, (name, event) in enumerate(told, 1)])
    cut = Cut(ORIGIN)
    assert not removable(cut, links[:3], {"a", "b", "c", "e"})
    assert (cut.last, cut.commands, cut.seen) == (ORIGIN, set(), 3)
    assert removable(cut, links[3:], {"a", "b", "c", "e"})
    assert (cut.last, cut.commands, cut.seen) == (links[4][0], {"a", "b", "c"}, 7)
