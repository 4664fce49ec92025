"""The coverage of the page: cells are short, and gaps are told with what they mean."""

import pytest

from livermore.apps.admin.coverage import CAUSES, SHOWN, coverage_grid, explained
from livermore.kernel.timeframe import Timeframe
from livermore.market.coverage import Coverage
from livermore.market.freshness import Freshness, FreshnessRow, FreshnessState
from livermore.market.gaps import Gap
from livermore.market.ports import Cause, Counts, Series

MINUTE = 60_000


def cell(state: FreshnessState, age: int | None = 0, missing: int = 0) -> Freshness:
    return Freshness(state=state, newest=None if age is None else 0, age_ms=age, missing=missing, holes=0)


@pytest.mark.parametrize(
    ("freshness", "told"),
    [
        (cell("fresh", 5_000), ["fresh", ""]),
        (cell("hole", 5_000, 7), ["hole", "7"]),
        (cell("hole", 5_000), ["hole", ""]),
        (cell("late", MINUTE + 12_000, 1), ["late", "10 s"]),
        (cell("late", 13 * MINUTE, 12), ["late", "12 min"]),
        (cell("late", 181 * MINUTE, 180), ["late", "3 h"]),
        (cell("waiting", None), ["waiting", ""]),
    ],
)
def test_a_cell_says_what_its_letter_cannot(freshness: Freshness, told: list[str]) -> None:
    grid = coverage_grid([FreshnessRow(exchange="test", symbol="A", cells={"1m": freshness})])
    assert grid["rows"] == [
        {"key": "test:A", "exchange": "test", "symbol": "A", "cells": {"1m": told}},
    ]


def test_timeframes_are_those_that_any_symbol_has_in_the_order_of_length() -> None:
    rows = [
        FreshnessRow(exchange=name, symbol="A", cells={timeframe: cell("fresh") for timeframe in names})
        for name, names in (("one", ["5m", "1d"]), ("other", ["1m", "4h", "5m"]))
    ]
    assert coverage_grid(rows)["timeframes"] == ["1m", "5m", "4h", "1d"]
    assert coverage_grid([]) == {"timeframes": [], "rows": []}


def gap(number: int) -> Gap:
    return Gap(
        start=number * MINUTE, end=(number + 2) * MINUTE, cause=Cause.LATE, state="repaired",
        repaired_at=(number + 5) * MINUTE,
    )  # fmt: skip


def test_of_many_gaps_the_newest_are_told_first() -> None:
    gaps = [gap(10 * number) for number in range(SHOWN + 3)]
    series = Series("test", "A", Timeframe.M1)
    told = explained(
        Coverage(series=series, start=0, end=9_000 * MINUTE, counts=Counts(8_000, 999, 1), gaps=gaps)
    )
    assert (told["buckets"], told["more"], len(told["holes"])) == (9_000, 3, SHOWN)
    assert told["counts"] == {"traded": 8_000, "quiet": 999, "missing": 1}
    newest = 10 * (SHOWN + 2)
    assert told["holes"][0] == {
        "start": newest * MINUTE, "end": (newest + 2) * MINUTE, "buckets": 2, "cause": CAUSES["late"],
        "state": "repaired", "repaired": (newest + 5) * MINUTE,
    }  # fmt: skip


def test_every_cause_has_its_words() -> None:
    assert set(CAUSES) == {cause.value for cause in Cause}
