"""The three kinds of patches: what they do, against the plainest model of it, and what they refuse."""

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.errors import ConflictError, InvalidError
from livermore.settings.patch import (
    MOST_OPERATIONS,
    PathPatch,
    patched,
    read_json_patch,
    read_merge_patch,
    read_path_patch,
)
from livermore.settings.path import pointer
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.tree import MISSING, MOST, look, put, same

ODD_KEYS = ["a", "b", "a.b", "a,b", "{a}", 'a"b', "a\\b", "", " ", "ü", "0", "-", "[0]", "$", "~", "/"]
KEYS = st.sampled_from(ODD_KEYS)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


@st.composite
def places(draw: st.DrawFn, document: Any, new: bool = True) -> tuple[Any, ...]:
    """Draw a path that leads somewhere in a document, or to where something new may stand."""
    path: list[Any] = []
    node = document
    while isinstance(node, dict | list):
        if isinstance(node, dict):
            steps = [*node, *([draw(KEYS)] if new else [])]
        else:
            steps = [*range(len(node)), *(["-"] if new else [])]
        ends: bool = draw(st.booleans())
        if not steps or (path and ends):
            break
        path.append(draw(st.sampled_from(steps)))
        node = look(node, (path[-1],))
    return tuple(path)


def changed(document: Any, path: Any, value: Any) -> Any:
    """Put a value as plainly as one can: on a copy, in place, step by step."""
    whole = copy.deepcopy(document)
    node = whole
    for step, following in itertools.pairwise(path):
        fresh: Any = [] if following in ("-", 0) else {}
        if isinstance(node, list) and step == "-":
            node.append(fresh)
            step = -1
        elif (node.get(step) if isinstance(node, dict) else node[step]) is None:
            node[step] = fresh
        node = node[step]
    if path[-1] == "-" and isinstance(node, list):
        node.append(value)
    else:
        node[path[-1]] = value
    return whole


@given(st.data())
def test_a_path_patch_changes_its_place_and_nothing_else(data: st.DataObject) -> None:
    document = data.draw(DOCUMENTS)
    path = data.draw(places(document).filter(len))
    value = data.draw(VALUES)
    before = json.dumps(document)
    assert same(patched(document, PathPatch(path, value)), changed(document, path, value))
    assert json.dumps(document) == before


@given(st.lists(KEYS, min_size=1, max_size=6), VALUES)
def test_missing_parents_are_made(path: list[str], value: Any) -> None:
    expected = value
    for step in reversed(path[1:]):
        expected = [expected] if step == "-" else {step: expected}
    assert same(patched({}, PathPatch(tuple(path), value)), {path[0]: expected})


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        ({"l": [1, 2]}, ("l", 0), {"l": [9, 2]}),
        ({"l": [1, 2]}, ("l", "1"), {"l": [1, 9]}),
        ({"l": [1, 2]}, ("l", 2), {"l": [1, 2, 9]}),
        ({"l": [1, 2]}, ("l", "-"), {"l": [1, 2, 9]}),
        ({"l": []}, ("l", "-", "a"), {"l": [{"a": 9}]}),
        ({}, ("l", 0), {"l": [9]}),
        ({}, ("l", "0"), {"l": {"0": 9}}),
        ({"o": {}}, ("o", "-"), {"o": {"-": 9}}),
        ({"o": {}}, ("o", 0), {"o": {"0": 9}}),
        ({"q": None}, ("q", "from"), {"q": {"from": 9}}),
        ({}, ("a", "b", "c"), {"a": {"b": {"c": 9}}}),
    ],
)
def test_indexes_appending_and_parents(document: Any, path: Any, expected: Any) -> None:
    assert patched(document, PathPatch(path, 9)) == expected


@pytest.mark.parametrize(
    ("document", "path", "where", "message"),
    [
        ({"s": "text"}, ("s", "x"), "s", "is a text and has nothing inside"),
        ({"s": {"t": 1}}, ("s", "t", "x", "y"), "s.t", "is a number and has nothing inside"),
        ({"l": [1]}, ("l", "x"), "l.x", "leads into a list"),
        ({"l": [1]}, ("l", -1), "l.-1", "leads into a list"),
        ({"l": [1]}, ("l", "01"), "l.01", "leads into a list"),
        ({"l": [1]}, ("l", 5), "l.5", "is out of range: the list has 1 entries"),
        ({"l": []}, ("l", "9" * 5000), "l.***", "leads into a list"),
        ({}, (), "", "cannot be patched as a whole"),
        ({}, ("version",), "version", "cannot be patched"),
        ({}, ("sub",), "sub", "cannot be patched"),
        ({}, ("version", "x"), "version.x", "cannot be patched"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_a_remedy(
    document: Any, path: Any, where: str, message: str
) -> None:
    with pytest.raises(SettingsProblemsError) as refused:
        patched(document, PathPatch(path, 9))
    assert refused.value.errors == [{"path": where, "message": message}]
    assert refused.value.hint


# ---------------------------------------------------------------- JSON Patch


@given(st.data())
def test_every_operation_does_what_a_list_or_dict_would_do(data: st.DataObject) -> None:
    document = data.draw(DOCUMENTS.filter(bool))
    path = data.draw(places(document, new=False).filter(len))
    value = data.draw(VALUES)
    *parents, last = path

    def by_hand(act: Any) -> Any:
        whole = copy.deepcopy(document)
        act(look(whole, tuple(parents)))
        return whole

    def operated(**operation: Any) -> Any:
        return patched(document, read_json_patch([{"path": pointer(path), **operation}]))

    def adding(node: Any) -> None:
        if isinstance(node, list):
            node.insert(last, value)
        else:
            node[last] = value

    assert same(operated(op="add", value=value), by_hand(adding))
    assert same(operated(op="replace", value=value), by_hand(lambda node: node.__setitem__(last, value)))
    assert same(operated(op="remove"), by_hand(lambda node: node.__delitem__(last)))
    assert same(operated(op="test", value=look(document, path)), document)
    assert same(
        operated(op="copy", **{"from": pointer(path)}), operated(op="add", value=look(document, path))
    )


@given(st.data())
def test_moving_there_and_back_changes_nothing(data: st.DataObject) -> None:
    document = data.draw(DOCUMENTS.filter(bool))
    path = data.draw(places(document, new=False).filter(len))
    there = {"op": "move", "from": pointer(path), "path": "/elsewhere"}
    back = {"op": "move", "from": "/elsewhere", "path": pointer(path)}
    moved = patched(document, read_json_patch([there]))
    assert same(moved["elsewhere"], look(document, path))
    assert same(patched(document, read_json_patch([there, back])), document)


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    # The examples of RFC 6902, appendix A, in our words.
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        (
            {"foo": ["bar", "baz"]},
            [{"op": "add", "path": "/foo/1", "value": "qux"}],
            {"foo": ["bar", "qux", "baz"]},
        ),
        (
            {"foo": ["all", "cows"]},
            [{"op": "move", "from": "/foo/0", "path": "/foo/1"}],
            {"foo": ["cows", "all"]},
        ),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["a"]}], {"foo": ["bar", ["a"]]}),
        (
            {"foo": "bar"},
            [{"op": "add", "path": "/child", "value": {}, "xyz": 1}],
            {"foo": "bar", "child": {}},
        ),
        ({"foo": None}, [{"op": "replace", "path": "/foo", "value": 1}], {"foo": 1}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1.0}], {"a": 1}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": {"b": 1}}),
        ({"version": 2}, [{"op": "test", "path": "/version", "value": 2}], {"version": 2}),
        ({}, [], {}),
    ],
)
def test_json_patch_by_example(document: Any, operations: Any, expected: Any) -> None:
    assert patched(document, read_json_patch(operations)) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/l/3", "value": 1},
        {"op": "add", "path": "/l/01", "value": 1},
        {"op": "add", "path": "/l/x", "value": 1},
        {"op": "add", "path": "/n/x", "value": 1},
        {"op": "add", "path": "", "value": {}},
        {"op": "add", "path": "/version", "value": 3},
        {"op": "add", "path": "/l"},
        {"op": "add", "value": 1},
        {"op": "add", "path": "l", "value": 1},
        {"op": "remove", "path": "/a"},
        {"op": "remove", "path": "/l/-"},
        {"op": "remove", "path": "/sub"},
        {"op": "replace", "path": "/a", "value": 1},
        {"op": "replace", "path": "/l/-", "value": 1},
        {"op": "move", "path": "/o/x", "from": "/o"},
        {"op": "move", "path": "/a", "from": "/gone"},
        {"op": "move", "path": "/a", "from": "/version"},
        {"op": "move", "path": "/a"},
        {"op": "copy", "path": "/a", "from": "/gone"},
        {"op": "copy", "path": "/version", "from": "/l"},
        {"op": "merge", "path": "/a", "value": 1},
        {"op": ["add"], "path": "/a", "value": 1},
        {"path": "/a", "value": 1},
    ],
)
def test_a_wrong_operation_is_refused(operation: dict[str, Any]) -> None:
    document = {"version": 2, "sub": "s", "l": [1, 2], "n": None, "o": {}}
    with pytest.raises(InvalidError):
        patched(document, read_json_patch([{"op": "add", "path": "/fine", "value": 1}, operation]))
    assert document == {"version": 2, "sub": "s", "l": [1, 2], "n": None, "o": {}}


@pytest.mark.parametrize(
    ("there", "tested"), [(1, True), (1, 2), ("1", 1), (None, 0), ([1], [1, 2]), ({}, [])]
)
def test_a_failed_test_is_a_conflict(there: Any, tested: Any) -> None:
    with pytest.raises(ConflictError) as refused:
        patched({"a": there}, read_json_patch([{"op": "test", "path": "/a", "value": tested}]))
    assert refused.value.where == "a"


def test_copies_of_copies_do_not_grow_without_end() -> None:
    doubling = [{"op": "copy", "from": "/o", "path": f"/o/{number}"} for number in range(60)]
    with pytest.raises(SettingsProblemsError, match=f"more than {MOST} values"):
        patched({"o": {"a": 1}}, read_json_patch(doubling))


def test_a_json_patch_has_an_end() -> None:
    with pytest.raises(InvalidError, match="at most"):
        read_json_patch([{"op": "test", "path": "", "value": {}}] * (MOST_OPERATIONS + 1))


# ---------------------------------------------------------------- Merge Patch


@given(DOCUMENTS, DOCUMENTS)
def test_a_merge_patch_lays_one_object_over_another(document: Any, changes: Any) -> None:
    def overlaid(target: Any, over: Any) -> Any:
        if not isinstance(over, dict):
            return over
        target = target if isinstance(target, dict) else {}
        both = {key: overlaid(target.get(key), value) for key, value in over.items() if value is not None}
        return {key: value for key, value in target.items() if key not in over} | both

    before = json.dumps(document)
    assert same(patched(document, read_merge_patch(changes)), overlaid(document, changes))
    assert json.dumps(document) == before


@pytest.mark.parametrize(
    ("document", "changes", "expected"),
    # Some of RFC 7396, appendix A.
    [
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_by_example(document: Any, changes: Any, expected: Any) -> None:
    assert patched(document, read_merge_patch(changes)) == expected


@pytest.mark.parametrize("name", ["version", "sub"])
def test_a_merge_patch_leaves_version_and_sub_alone(name: str) -> None:
    with pytest.raises(SettingsProblemsError) as refused:
        patched({"version": 2}, read_merge_patch({name: None}))
    assert refused.value.errors[0]["path"] == name


# ---------------------------------------------------------------- what is no patch


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {"path": ["a"]},
        {"value": 1},
        {"path": 1, "value": 1},
        {"path": ["a"], "value": 1, "x": 1},
    ],
)
def test_a_path_patch_has_a_path_and_a_value(body: Any) -> None:
    with pytest.raises(InvalidError):
        read_path_patch(body)


def test_a_path_patch_is_read() -> None:
    assert read_path_patch({"path": ["a", 0, "-"], "value": None}) == PathPatch(("a", 0, "-"), None)


@pytest.mark.parametrize("body", [None, {}, "x", [1], [[]]])
def test_a_json_patch_is_a_list_of_operations(body: Any) -> None:
    with pytest.raises(InvalidError):
        read_json_patch(body)


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_merge_patch_is_an_object(body: Any) -> None:
    with pytest.raises(InvalidError):
        read_merge_patch(body)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("levels", [70, 10_000])
def test_what_is_nested_without_end_is_refused(levels: int) -> None:
    for patch in (
        PathPatch(("a",), nested(levels)),
        read_merge_patch(nested(levels)),
        read_json_patch([{"op": "add", "path": "/a", "value": nested(levels)}]),
        read_json_patch([{"op": "test", "path": "/a", "value": nested(levels)}]),
    ):
        with pytest.raises(SettingsProblemsError, match="deeper"):
            patched({}, patch)


def test_what_holds_too_much_is_refused() -> None:
    with pytest.raises(SettingsProblemsError, match="more than"):
        patched({}, PathPatch(("a",), [0] * (MOST + 1)))


def test_missing_is_not_null() -> None:
    assert look({"a": None}, ("a",)) is None
    assert look({"a": None}, ("a", "b")) is MISSING
    assert look({}, ("a",)) is MISSING
    assert put({}, (), 1) == 1
