"""A folder in which it cannot run: two lines, an exit code, and nothing in it is touched."""

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest

from .program import Outcome, Program, livermore, until

UP = ("up", "--exchange", "binance", "--symbol", "BTCUSDT")


def newer(database: Path) -> None:
    """Let a database say that a later version wrote it."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def garbage(database: Path) -> None:
    """Let a database be none."""
    database.write_bytes(b"this is no database, whatever its name says" * 100)


def torn(database: Path) -> None:
    """Let a database lose its second half."""
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose exchange is not there, in which nothing runs."""
    folder = tmp_path_factory.mktemp("used")
    assert livermore(folder, "db", "upgrade").code == 0
    nowhere = ("--rest-url", "http://127.0.0.1:9", "--ws-url", "ws://127.0.0.1:9")
    assert livermore(folder, "exchanges", "edit", "binance", *nowhere).code == 0
    return folder


@pytest.fixture
def folder(used: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(copytree(used, tmp_path, dirs_exist_ok=True))


@pytest.mark.parametrize(
    ("spoil", "words"), [(newer, "9999"), (garbage, "livermore.db"), (torn, "livermore.db")]
)
def test_a_database_that_cannot_be_used(folder: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(folder / ".livermore" / "data" / "livermore.db")
    before = contents(folder)
    outcome = livermore(folder, *UP, "--port", "0")
    assert_refused(outcome, 4, words)
    assert contents(folder) == before


def test_a_port_that_is_taken(folder: Path) -> None:
    before = contents(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(livermore(folder, *UP, "--port", port), 5, port)
    assert contents(folder) == before


@pytest.fixture
def running(folder: Path) -> Iterator[Program]:
    """A Livermore that runs in the workspace and waits for its exchange."""
    with Program(folder, *UP[1:]) as program:
        until(lambda: program.exchange()["state"] == "disconnected")
        yield program


def test_a_second_one_in_the_same_folder(running: Program) -> None:
    note = (running.folder / ".livermore" / "run" / "server.json").read_bytes()
    assert_refused(livermore(running.folder, *UP, "--port", "0"), 5, str(running.process.pid))
    assert (running.folder / ".livermore" / "run" / "server.json").read_bytes() == note
    assert running.get("/runtime")["state"] == "starting"
    running.kill()
    with Program(running.folder, *UP[1:]) as after:
        assert after.exchange()["name"] == "binance"
        assert after.stop()[0] == 0


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
