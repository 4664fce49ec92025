"""Paths: three ways to write one, and each leads back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.errors import InvalidError
from livermore.settings.path import LONGEST, dotted, pointer, read_path, read_pointer

KEYS = st.text(max_size=8) | st.sampled_from(["a.b", 'a"b', "a[0]", "", " ", "/x", "~1", "-", "0", "ü,{}"])
PATHS = st.lists(KEYS, max_size=5).map(tuple)


@given(PATHS)
def test_a_pointer_leads_back(path: tuple[str, ...]) -> None:
    assert read_pointer(pointer(path)) == path


@given(PATHS)
def test_the_dotted_form_leads_back(path: tuple[str, ...]) -> None:
    assert read_path(dotted(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("alerts.cooldown_seconds", ("alerts", "cooldown_seconds")),
        ("alerts.routes[0].channel", ("alerts", "routes", 0, "channel")),
        ("alerts.routes.0.channel", ("alerts", "routes", "0", "channel")),
        ('exchanges["a.b"].enabled', ("exchanges", "a.b", "enabled")),
        ("/alerts/routes/0", ("alerts", "routes", "0")),
        ("/a~1b/m~0n/", ("a/b", "m~n", "")),
        ("", ()),
        (["symbols", "-"], ("symbols", "-")),
        (["a", 0], ("a", 0)),
    ],
)
def test_every_form_is_read(text: Any, path: tuple[Any, ...]) -> None:
    assert read_path(text) == path


@pytest.mark.parametrize(
    "wrong",
    [
        "a..b",
        ".a",
        "a.",
        "a b",
        "a[",
        "a[x]",
        "a[]",
        'a["b]',
        'a["\\x"]',
        "/~2",
        "/~",
        ["a", True],
        ["a", None],
    ],
)
def test_what_is_no_path_is_refused_with_an_example(wrong: Any) -> None:
    with pytest.raises(InvalidError) as refused:
        read_path(wrong)
    assert refused.value.hint


def test_a_pointer_begins_with_a_slash() -> None:
    with pytest.raises(InvalidError):
        read_pointer("a")


@pytest.mark.parametrize("vast", ["/a" * (LONGEST + 1), ".".join("a" * (LONGEST + 1)), ["a"] * 10_000])
def test_an_endless_path_is_refused(vast: Any) -> None:
    with pytest.raises(InvalidError, match="steps"):
        read_path(vast)
