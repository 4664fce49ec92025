"""One table from errors to statuses, complete."""

import msgspec
import pytest

from livermore.apps.api.errors import STATUS, _livermore_error
from livermore.kernel import errors
from livermore.kernel.errors import LivermoreError
from livermore.settings.problems import SettingsProblemsError

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LivermoreError)
]


def test_the_table_knows_every_error() -> None:
    assert set(STATUS) >= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_becomes_a_problem(kind: type[LivermoreError]) -> None:
    answer = await _livermore_error(None, kind("what", where="there", hint="do this"))  # type: ignore[arg-type]
    problem = msgspec.json.decode(answer.body)
    assert answer.status_code == problem["status"] == STATUS[kind]
    assert answer.media_type == "application/problem+json"
    assert problem["detail"] == "what (there)"
    assert problem["hint"] == "do this"
    assert problem["code"] == kind.code
    assert problem["type"] == f"urn:livermore:problem:{kind.code}"


@pytest.mark.parametrize("kind", [errors.StorageUnavailableError, errors.InvalidError])
async def test_where_the_database_is_stays_at_home(
    kind: type[LivermoreError], capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind("the database does not answer: no 10.0.0.5", where="postgresql://ada:***@10.0.0.5/x")
    error.abroad = "the database does not answer"
    answer = await _livermore_error(None, error)  # type: ignore[arg-type]
    assert msgspec.json.decode(answer.body)["detail"] == "the database does not answer"
    assert b"10.0.0.5" not in answer.body
    assert "10.0.0.5" in "".join(capsys.readouterr())


def test_whose_fault_it_is_shows_in_the_status() -> None:
    for kind, status in STATUS.items():
        assert (400 <= status < 500) == issubclass(
            kind, (errors.RefusedError, errors.RateLimitedError)
        ) or status == 501


async def test_settings_name_every_place() -> None:
    error = SettingsProblemsError([{"path": "a.b", "message": "is not a setting", "suggestion": "a.c"}])
    answer = await _livermore_error(None, error)  # type: ignore[arg-type]
    problem = msgspec.json.decode(answer.body)
    assert problem["errors"] == [{"path": "a.b", "message": "is not a setting", "suggestion": "a.c"}]
    assert problem["code"] == "settings_invalid"
