"""The table of a command's life."""

import pytest

from livermore.control.lifecycle import (
    OPEN,
    TABLE,
    WAITING,
    Status,
    Step,
    destination,
    origins,
    table_as_drawing,
    table_as_markdown,
    take,
)
from livermore.kernel.errors import ConflictError


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("step", Step)
def test_a_step_leads_where_the_table_says_or_is_refused(status: Status, step: Step) -> None:
    following = TABLE.get((status, step))
    if following is None:
        with pytest.raises(ConflictError) as refusal:
            take(status, step)
        possible = [each for each in Step if (status, each) in TABLE]
        assert all(each in str(refusal.value.hint) for each in possible)
    else:
        passage = take(status, step)
        assert (passage.previous, passage.step, passage.current) == (status, step, following)


def test_what_is_closed_stays_closed() -> None:
    assert {status for status, _ in TABLE} == OPEN
    assert WAITING | {Status.RUNNING} == OPEN


def test_only_what_has_started_succeeds_or_fails() -> None:
    assert origins(Step.SUCCEED) == origins(Step.FAIL) == {Status.RUNNING}
    assert origins(Step.START) == origins(Step.EXPIRE) == WAITING
    assert origins(Step.CANCEL) == OPEN


@pytest.mark.parametrize("step", Step)
def test_a_step_leads_to_one_status(step: Step) -> None:
    assert {TABLE[status, step] for status in origins(step)} == {destination(step)}


def test_every_status_can_be_reached() -> None:
    assert {Status.ACCEPTED, *TABLE.values()} == set(Status)


def test_the_table_is_printed_and_drawn() -> None:
    printed, drawn = table_as_markdown(), table_as_drawing()
    assert len(printed.splitlines()) == len(Status) + 2
    for (status, step), following in TABLE.items():
        assert f"{status} --> {following}: {step}" in drawn
    assert drawn.count("--> [*]") == len(Status) - len(OPEN)
