"""The tree of errors, as it is drawn and as it is."""

import inspect
import re

import pytest

from livermore.kernel import errors
from livermore.kernel.errors import LivermoreError, NotFoundError, RateLimitedError

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, LivermoreError)]
BRANCH = re.compile(r"^(?P<indent>[│ ]*)(?P<tip>[├└]── )?(?P<name>\w+Error)\b(?P<rest>.*)$")


def drawn() -> dict[str, tuple[str | None, str]]:
    """Read the drawing: each class with its parent and what stands behind its name."""
    found: dict[str, tuple[str | None, str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        branch = BRANCH.match(line)
        if branch:
            depth = (len(branch["indent"]) + len(branch["tip"] or "")) // 4
            path[depth:] = [branch["name"]]
            found[branch["name"]] = (path[depth - 1] if depth else None, branch["rest"])
    return found


def test_the_drawing_shows_every_class_under_its_parent() -> None:
    real = {one.__name__: one.__base__.__name__ for one in CLASSES if one.__base__}
    assert {name: parent or "Exception" for name, (parent, _) in drawn().items()} == real


def test_the_drawing_ends_each_leaf_with_its_code() -> None:
    for one in CLASSES:
        _, rest = drawn()[one.__name__]
        leaf = not one.__subclasses__()
        if leaf or rest.split():
            told = rest.split()[-1] if re.search(r"  \w+$", rest) else one.code
            assert told == one.code or not leaf, one


@pytest.mark.parametrize("one", CLASSES)
def test_an_error_without_words_says_what_its_class_says(one: type[LivermoreError]) -> None:
    error = one()
    assert error.what == str(error) == one.__doc__
    assert (error.where, error.hint) == (None, None)


def test_an_error_says_where_and_keeps_its_hint_to_itself() -> None:
    error = NotFoundError("no such symbol", where="symbols[3]", hint="try another")
    assert str(error) == "no such symbol (symbols[3])"
    assert error.hint == "try another"


def test_a_rate_limit_carries_how_long_to_wait() -> None:
    assert RateLimitedError("slow down", retry_after=2.5).retry_after == 2.5
    assert RateLimitedError().retry_after is None
