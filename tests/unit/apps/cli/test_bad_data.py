"""Files, folders and databases that are not as they should be: one line, a hint, a documented exit code."""

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

HEAD = "timestamp_ms,open,high,low,close,volume\n"
T = 1_700_000_100_000
GOOD = HEAD + "".join(f"{T + minute * 60_000},1,2,0.5,1,3\n" for minute in range(40))
BAD = {
    "text in a price": GOOD + f"{T + 2_400_000},1,2,0.5,cheap,1\n",
    "unsorted": HEAD + f"{T + 60_000},1,2,0.5,1,1\n{T},1,2,0.5,1,1\n",
    "twice": HEAD + f"{T},1,2,0.5,1,1\n{T},1,2,0.5,1,1\n",
    "a column short": f"timestamp_ms,open,high,low,close\n{T},1,2,0.5,1\n",
    "no rows": HEAD,
    "nothing at all": "",
    "high below low": HEAD + f"{T},1,0.5,2,1,1\n",
    "not a number": HEAD + f"{T},1,2,0.5,nan,1\n",
}


def assert_refused(outcome: Any, code: int, *words: str) -> None:
    """Check the two lines of a failure."""
    error, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (code, "")
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A small recording that is as it should be."""
    file = tmp_path / "binance_spot_ABCUSDT_1m.csv"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
@pytest.mark.parametrize("verb", [["replay"], ["up", "--port", "0", "--replay"], ["simulate"]], ids=" ".join)
def test_a_recording_that_is_wrong(cli, recording, verb, text):
    recording.write_text(text)
    assert_refused(cli(*verb, recording.name), 4, recording.name)


def test_a_recording_that_is_no_text(cli, tmp_path):
    (tmp_path / "binance_spot_ABCUSDT_1m.csv.gz").write_bytes(b"\x00\x01\x02")
    (tmp_path / "binance_spot_ABCUSDT_1m.parquet").write_bytes(b"PAR?")
    assert_refused(cli("replay", "binance_spot_ABCUSDT_1m.csv.gz"), 4)
    assert_refused(cli("replay", "binance_spot_ABCUSDT_1m.parquet"), 4)


def test_a_recording_whose_market_nobody_knows(cli, recording):
    recording.rename("candles.csv")
    assert_refused(cli("replay", "candles.csv"), 4, "--symbol")


@pytest.mark.parametrize(
    "text", ['{"version": 3}', '{"version": 2, "alarms": {}}', '{"symbols": "BTC"}', "{", ""]
)
def test_settings_that_do_not_fit(cli, recording, text):
    Path("settings.json").write_text(text)
    assert_refused(cli("replay", recording.name, "--settings", "settings.json"), 4)


def test_output_that_cannot_be_written(cli, recording):
    assert_refused(cli("replay", recording.name, "--signals", f"{recording.name}/signals.csv"), 5)
    assert_refused(cli("replay", recording.name, "--signals", "signals.txt"), 4, "signals.txt")


def test_a_timeframe_that_is_shorter_than_the_recording(cli, tmp_path):
    lines = "".join(f"{T + bar * 300_000},1,2,0.5,1,3\n" for bar in range(40))
    (tmp_path / "binance_spot_ABCUSDT_5m.csv").write_text(HEAD + lines)
    assert_refused(cli("replay", "binance_spot_ABCUSDT_5m.csv", "--timeframe", "1m"), 4, "1m")


@pytest.mark.parametrize("verb", [["up", "--demo"], ["simulate"]], ids=" ".join)
def test_a_port_that_is_taken(cli, verb):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert_refused(cli(*verb, "--port", str(port)), 5, str(port))


def test_a_workspace_that_cannot_be_one(cli, tmp_path):
    (tmp_path / "file").touch()
    assert_refused(cli("up", "--demo", "--port", "0", "--workspace", "file"), 4, "file")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_workspace_that_may_not_be_written(cli, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert_refused(cli("up", "--demo", "--port", "0", "--workspace", "closed"), 4, "closed")


@pytest.fixture
def database(cli: Any, tmp_path: Path) -> Path:
    """The database of a workspace, with its tables and nothing in them."""
    assert cli("db", "upgrade").code == 0
    return tmp_path / ".livermore" / "data" / "livermore.db"


def test_the_database_is_made_checked_and_backed_up(cli, database):
    assert "nothing to upgrade" in cli("db", "check").out
    assert cli("db", "backup", "copy.db").code == 0
    assert_refused(cli("db", "backup", "copy.db"), 5, "copy.db")
    assert "is up to date" in cli("db", "upgrade").out


@pytest.mark.parametrize(
    "words",
    [["up", "--port", "0"], ["signals"], ["candles", "export", "out"], ["db", "check"], ["db", "upgrade"]],
)
def test_a_database_of_a_newer_version(cli, database, words):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert_refused(cli(*words), 4, "9999")


def test_a_database_that_is_none(cli, database):
    database.write_bytes(b"this is no database, whatever its name says" * 100)
    assert_refused(cli("signals"), 4, "livermore.db")


def test_the_doctor_fails_when_something_does(cli, database):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    outcome = cli("doctor", "--port", "0")
    assert outcome.code == 1
    assert [line for line in outcome.out.splitlines() if line.startswith("fail  database")]
    assert outcome.err == ""
