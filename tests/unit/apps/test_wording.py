"""What pydantic and typer say reaches people in plain words."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from livermore.apps.cli.main import run
from livermore.apps.wording import plain, plain_usage


class Body(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=3)]
    number: Annotated[int, Field(ge=1)] = 1
    share: float = 0.0
    on: bool = True
    many: list[int] = []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "is missing"),
        ({"name": 5}, "must be a text"),
        ({"name": ""}, "must have at least 1 character"),
        ({"name": "long"}, "must have at most 3 characters"),
        ({"name": "a", "number": "x"}, "must be a whole number"),
        ({"name": "a", "number": 0}, "must be greater than or equal to 1"),
        ({"name": "a", "share": "x"}, "must be a number"),
        ({"name": "a", "on": "x"}, "must be true or false"),
        ({"name": "a", "many": 1}, "must be a list"),
        ({"name": "\ud800"}, "must be a text"),
        ([], "must be a JSON object"),
    ],
)
def test_a_value_that_does_not_fit(given: Any, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Body.model_validate(given, from_attributes=True)
    assert plain(refused.value.errors()[0]["msg"]) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token", "revoke", "abc"], "error: 'ID' must be a whole number (livermore token revoke)"),
        (["up", "--port", "99999"], "error: '--port' must be less than or equal to 65535 (livermore up)"),
        (["up", "--bogus"], "error: No such option: --bogus"),
        (["user", "add", "eve", "--subject", "x"], "error: an identity takes both: --provider and --subject"),
    ],
)
def test_a_command_line_that_does_not_fit(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.startswith(said)


def test_other_words_stay_as_they_are() -> None:
    assert plain_usage("Missing argument 'NAME'") == "Missing argument 'NAME'"
