"""Waiting commands come out by priority, then arrival."""

from hypothesis import given
from hypothesis import strategies as st

from docs.generate import registry
from livermore.control.command import HIGHEST
from livermore.control.queue import LAST, Queue, Turn

turns = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30)), unique_by=lambda turn: turn[1])


def turn(priority: int, number: int, acknowledged_at: int | None = None) -> Turn:
    return Turn(priority, number, f"command {number}", acknowledged_at)


def drained(queue: Queue) -> list[Turn]:
    return list(iter(queue.take, None))


@given(turns)
def test_the_urgent_come_first_and_of_equals_the_earlier(places: list[tuple[int, int]]) -> None:
    queue = Queue()
    assert all(queue.put(turn(*place)) for place in places)
    assert len(queue) == len(places)
    assert [(one.priority, one.number) for one in drained(queue)] == sorted(places)


@given(turns, st.data())
def test_what_is_put_taken_and_discarded_in_any_order_is_never_lost_or_doubled(
    places: list[tuple[int, int]], data: st.DataObject
) -> None:
    queue, model = Queue(), {}
    for place in places:
        one = turn(*place)
        queue.put(one)
        assert not queue.put(one._replace(priority=1, acknowledged_at=7))
        model[one.id] = one
        match data.draw(st.sampled_from(["keep", "take", "discard", "again"])):
            case "take":
                taken = min(model.values())
                assert queue.take() == taken
                del model[taken.id]
            case "discard":
                gone = data.draw(st.sampled_from(sorted(model)))
                queue.discard(gone)
                del model[gone]
            case "again":
                queue.discard(one.id)
                assert queue.put(one._replace(acknowledged_at=7))
                model[one.id] = one._replace(acknowledged_at=7)
        assert {one.id for one in queue.waiting()} == set(model)
        assert all(known in queue for known in model)
    assert drained(queue) == sorted(model.values())


def test_of_those_without_a_number_the_first_comes_first() -> None:
    queue = Queue()
    for name in "cab":
        queue.put(Turn(20, LAST, name))
    assert [one.id for one in drained(queue)] == ["c", "a", "b"]


def test_what_was_discarded_leaves_nothing_behind() -> None:
    queue = Queue()
    for number in range(10_000):
        queue.put(turn(10, number))
        queue.discard(f"command {number}")
    queue.discard("never there")
    assert len(queue._places) <= 1
    assert queue.take() is None


def test_pause_and_resume_go_before_any_priority_that_can_be_asked_for() -> None:
    priorities = {name: entry.priority for name, entry in registry().entries.items()}
    assert {name for name, priority in priorities.items() if priority < HIGHEST} == {"pause", "resume"}
    assert priorities["pause"] == priorities["resume"] == min(priorities.values())
