"""The state table: every life it allows, and refusals that name the way out."""

import pytest

from livermore.kernel.errors import ConflictError
from livermore.runtime.state import TABLE, State, Transition, Trigger, allowed_in, fire, table_as_markdown


def run(state: State, *triggers: Trigger) -> State:
    for trigger in triggers:
        state = fire(state, trigger).current
    return state


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", Trigger)
def test_a_trigger_leads_where_the_table_says_or_is_refused(state: State, trigger: Trigger) -> None:
    following = TABLE.get((state, trigger))
    if following is None:
        with pytest.raises(ConflictError, match=f"{trigger} is not possible while {state}") as refused:
            fire(state, trigger)
        assert refused.value.hint == f"possible now: {', '.join(allowed_in(state))}"
    else:
        assert fire(state, trigger) == Transition(previous=state, trigger=trigger, current=following)


def test_a_runtime_starts_pauses_resumes_through_the_repair_and_stops() -> None:
    running = run(State.STOPPED, Trigger.START, Trigger.CONNECTED, Trigger.WARMED)
    assert running == State.RUNNING
    paused = run(running, Trigger.PAUSE, Trigger.PAUSE)
    assert paused == State.PAUSED
    assert run(paused, Trigger.RESUME) == State.WARMING
    assert run(paused, Trigger.STOP, Trigger.ENDED) == State.STOPPED


def test_a_failed_runtime_starts_again() -> None:
    assert run(State.RUNNING, Trigger.BROKE, Trigger.START) == State.STARTING


def test_every_state_is_reached_and_left() -> None:
    assert {previous for previous, _ in TABLE} == set(State)
    assert set(TABLE.values()) == set(State)


def test_the_table_prints_as_markdown() -> None:
    lines = table_as_markdown().splitlines()
    assert lines[0] == "| state | start | pause | resume | stop | connected | warmed | ended | broke |"
    assert "| stopped | starting |  |  |  |  |  |  |  |" in lines
    assert len(lines) == 2 + len(State)
