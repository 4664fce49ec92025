"""Differences: what people read, and what leads from one document to the other."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.settings.diff import applied, differences, json_patch
from livermore.settings.edits import Edit, edits, overlaid
from livermore.settings.patch import patched, read_json_patch
from livermore.settings.tree import MISSING, drop, put, same
from tests.unit.settings.test_patch import DOCUMENTS, KEYS, SCALARS, VALUES

NAMES = st.lists(st.sampled_from("ABCDEFGH"), max_size=6)
WATCHLISTS = NAMES | st.lists(SCALARS, max_size=3) | VALUES


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a document that may have watchlists, well-formed or not."""
    optional = {"symbols": WATCHLISTS, "disabled_symbols": WATCHLISTS}
    lists: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=optional))
    rest: dict[str, Any] = draw(DOCUMENTS)
    return rest | lists


@given(documents(), documents())
def test_differences_lead_from_one_document_to_the_other(before: Any, after: Any) -> None:
    frozen = json.dumps([before, after])
    found = differences(before, after)
    assert same(applied(before, found), after)
    assert bool(found) == (not same(before, after))
    assert json.dumps([before, after]) == frozen


@given(documents(), documents())
def test_as_a_json_patch_they_lead_there_too(before: Any, after: Any) -> None:
    assert same(patched(before, read_json_patch(json_patch(before, after))), after)


def plain(before: Any, after: Any) -> list[dict[str, Any]]:
    return [one.plain() for one in differences(before, after)]


def test_symbols_are_added_and_removed_by_name() -> None:
    before = {"symbols": ["BTC-USD", "ETH-USD", "SOL-USD"]}
    after = {"symbols": ["BTC-USD", "SOL-USD", "DOGE-USD"]}
    assert plain(before, after) == [
        {"op": "remove", "path": "symbols", "from": "ETH-USD", "to": None},
        {"op": "add", "path": "symbols", "from": None, "to": "DOGE-USD"},
    ]
    assert json_patch(before, after) == [
        {"op": "remove", "path": "/symbols/1"},
        {"op": "add", "path": "/symbols/-", "value": "DOGE-USD"},
    ]


@pytest.mark.parametrize(
    ("before", "after"), [(["A", "B"], ["B", "A"]), (["A"], ["B", "A"]), (["A", "A"], ["A"]), (["A"], [1])]
)
def test_another_order_is_a_change_of_the_whole_list(before: Any, after: Any) -> None:
    assert plain({"symbols": before}, {"symbols": after}) == [
        {"op": "change", "path": "symbols", "from": before, "to": after}
    ]


def test_other_lists_change_as_a_whole() -> None:
    assert plain({"alerts": {"levels": [1, 2], "x": 1}}, {"alerts": {"levels": [1]}}) == [
        {"op": "change", "path": "alerts.levels", "from": [1, 2], "to": [1]},
        {"op": "remove", "path": "alerts.x", "from": 1, "to": None},
    ]


@pytest.mark.parametrize(("one", "other", "equal"), [(1, 1.0, True), (1, True, False), (0, False, False)])
def test_a_number_is_its_value_and_true_is_none(one: Any, other: Any, equal: bool) -> None:
    assert (plain({"a": [one]}, {"a": [other]}) == []) is equal


def test_paths_that_would_mislead_are_quoted() -> None:
    assert [one["path"] for one in plain({"a": {}}, {"a": {"b.c": 1}, "": 2})] == ['[""]', 'a["b.c"]']


# ---------------------------------------------------------------- what is written


def written(document: Any, found: list[Edit]) -> Any:
    """Write edits one after another."""
    for path, value in found:
        document = drop(document, path) if value is MISSING else put(document, path, value)
    return document


@given(documents(), documents())
def test_edits_lead_from_one_stored_document_to_the_other(before: Any, after: Any) -> None:
    found = list(edits(before, after))
    assert same(written(before, found), after)
    assert bool(found) == (not same(before, after))


@given(st.lists(VALUES, max_size=5), st.data())
def test_a_small_change_of_a_list_writes_one_entry(entries: list[Any], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries)))
    value = data.draw(VALUES)
    if index < len(entries):
        (removal,) = edits({"l": entries}, {"l": entries[:index] + entries[index + 1 :]})
        assert len(removal.path) >= 2
    (addition,) = edits({"l": entries}, {"l": [*entries, value]})
    assert addition == Edit(("l", len(entries)), value)


@given(st.dictionaries(KEYS, VALUES, max_size=3), KEYS, VALUES)
def test_a_section_that_is_new_is_written_whole(document: Any, key: str, value: Any) -> None:
    document.pop(key, None)
    assert list(edits(document, {**document, key: {"inner": value}})) == [Edit((key,), {"inner": value})]


DEFAULTS = {"a": {"x": 1, "y": {"z": 2}}, "list": [1, 2], "empty": None}


def filled(stored: Any, defaults: Any = DEFAULTS) -> Any:
    """Fill in defaults as a reader does."""
    if not isinstance(stored, dict) or not isinstance(defaults, dict):
        return stored
    return {**defaults, **{key: filled(value, defaults.get(key)) for key, value in stored.items()}}


SPARSE = st.fixed_dictionaries(
    {},
    optional={
        "a": st.fixed_dictionaries(
            {}, optional={"x": SCALARS, "y": st.fixed_dictionaries({}, optional={"z": SCALARS}), "w": VALUES}
        ),
        "list": st.lists(SCALARS, max_size=3),
        "more": VALUES,
    },
)


@given(SPARSE, SPARSE)
def test_defaults_that_nobody_touched_stay_unwritten(stored: Any, wanted: Any) -> None:
    before, after = filled(stored), filled(wanted)
    result = overlaid(stored, before, after)
    assert same(filled(result), after)
    assert same(overlaid(stored, before, before), stored)
