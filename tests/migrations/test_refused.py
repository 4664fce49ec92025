"""`livermore up` on a database that cannot be migrated: two lines with the remedy, and nothing is touched."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from livermore.adapters.sql.migration import _config
from tests.acceptance.program import livermore


def put_first_revision(file: Path) -> None:
    """Make the database that the first version wrote."""
    file.parent.mkdir(parents=True)
    config = _config()
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


def test_up_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / ".livermore" / "data" / "livermore.db"
    put_first_revision(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE workspaces (mine TEXT)")  # in the way of the next revision
        connection.execute("INSERT INTO workspaces VALUES ('kept')")
        connection.commit()
    before = file.read_bytes()
    up = ("up", "--exchange", "binance", "--symbol", "BTCUSDT", "--port", "0")
    for verb in (up, ("db", "upgrade")):
        outcome = livermore(tmp_path, *verb)
        assert (outcome.code, outcome.out) == (4, "")
        error, hint = outcome.err.splitlines()
        assert error.startswith("error: the database could not be upgraded, and is as it was: ")
        assert error.endswith(f"({file})")
        assert hint.startswith("hint: go on with the version that wrote it (revision 0001)")
        assert hint.endswith(f"a copy of it lies in {file}.0001.backup")
        assert file.read_bytes() == before
    assert Path(f"{file}.0001.backup").exists()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE workspaces")
    assert livermore(tmp_path, "db", "upgrade").code == 0
