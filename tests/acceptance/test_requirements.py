"""The page of requirements: every identifier has its row, and every test that a row names is there."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "requirements.md"
ROW = re.compile(r"^\| ([A-Z]+(?:-[A-Z]+)?-\d\d) \| (.+?) \| (\w+) \| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
COUNTS = {
    "SET": 7, "RUN": 13, "SYM": 6, "UI-SET": 6, "UI-CTL": 7, "UI-SYM": 6, "EXC": 3, "PIT": 13,
    "MKT": 15, "IND": 9, "STG": 11, "CTL": 9, "SEC": 5,
}  # fmt: skip
IDS = [f"{kind}-{number:02}" for kind, count in COUNTS.items() for number in range(1, count + 1)]
IDS += ["FND-03", "FND-04"]


class Row(NamedTuple):
    """One line of the page."""

    what: str
    status: str
    tests: list[tuple[str, str]]
    missing: str


def rows() -> dict[str, Row]:
    """Return the rows by identifier."""
    return {
        one: Row(what, status, NAMED.findall(cell), NAMED.sub("", cell).replace("<br>", "").strip())
        for one, what, status, cell in ROW.findall(PAGE.read_text("utf-8"))
    }


def test_every_identifier_has_one_row() -> None:
    found = Counter(match[0] for match in ROW.findall(PAGE.read_text("utf-8")))
    assert found == Counter(IDS)
    assert PAGE.read_text("utf-8").count("\n| ") - PAGE.read_text("utf-8").count("\n| id |") == len(IDS)


@pytest.mark.parametrize("one", IDS)
def test_a_row_says_what_proves_it_or_what_is_missing(one: str) -> None:
    row = rows()[one]
    assert row.status in {"proven", "partly", "open"}
    assert bool(row.tests) == (row.status != "open")
    assert bool(row.missing) == (row.status != "proven")
    for path, name in row.tests:
        assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), name
