"""A database that cannot be used: two lines, an exit code, and nothing on the disk is touched."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from .program import Outcome, livermore


def garbage(database: Path) -> None:
    """Let a database be none."""
    database.write_bytes(b"this is no database, whatever its name says" * 100)


def torn(database: Path) -> None:
    """Let a database lose its second half."""
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which something was stored, and nothing runs."""
    folder = tmp_path_factory.mktemp("used")
    assert livermore(folder, "db", "upgrade").code == 0
    return folder


@pytest.mark.parametrize("spoil", [garbage, torn])
def test_a_database_that_cannot_be_used(used: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = Path(copytree(used, tmp_path, dirs_exist_ok=True))
    spoil(folder / ".livermore" / "data" / "livermore.db")
    before = contents(folder)
    outcome = livermore(folder, "up", "--exchange", "binance", "--symbol", "BTCUSDT", "--port", "0")
    assert_refused(outcome, 4, "livermore.db")
    assert contents(folder) == before


def assert_refused(outcome: Outcome, code: int, words: str) -> None:
    """Check the two lines of a failure."""
    assert (outcome.code, outcome.out) == (code, "")
    error, hint = outcome.err.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert words in error


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that holds something that matters."""
    kept = (file for file in folder.rglob("*") if file.is_file() and file.name != "lock")
    return {str(file.relative_to(folder)): file.read_bytes() for file in kept}
