"""Killed at any moment and started again, a recording ends with the same bits as if nothing had happened."""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest

from tests.reference.rules import TIMEFRAMES

from .conftest import Run, run
from .program import Program, until
from .recording import JUDGED, MINUTE, Recording, record
from .told import start, stored, wait_for_the_end

# Two writers follow the market on their own: what a crash leaves may be older of the one or of the other.
CANDLES = ("candles", "indicator_checkpoints")
SIGNALS = ("signals", "signal_state", "alerts")


def moment(recording: Recording, part: float) -> int:
    """Return the market time (ms) at which a part of a recording is over."""
    first = min(told[0][0] for told in recording.told.values())
    return first + int(part * (recording.end - first))


def reach(program: Program, time: int) -> None:
    """Wait until a market time (ms)."""
    until(lambda: program.exchange()["market_time"] >= time)


def test_killed_again_and_again(finished: Run, tmp_path: Path) -> None:
    kill_and_compare(finished, tmp_path, kills=3)


@pytest.mark.soak
def test_killed_fifty_times(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    kill_and_compare(run(record(tmp_path, minutes=40_000), whole), torn, kills=50)


def kill_and_compare(finished: Run, folder: Path, kills: int) -> None:
    """Kill a run at seeded moments, let it come to its end, and hold it against the uninterrupted one."""
    source, recording = random.Random(f"{kills} kills"), finished.recording
    for part in sorted(source.uniform(0, 0.6) for _ in range(kills)):
        with start(folder, recording) as program:
            reach(program, moment(recording, part))
            with pytest.raises(TimeoutError):
                program.wait(source.uniform(0, 0.05))
            program.kill()
            assert stored_to(folder) < recording.end, "the kill came too late to be one"
    end_and_compare(finished, folder)


class Stop(NamedTuple):
    """A run that was asked to end in the middle: what it had told by then, and how it ended."""

    folder: Path
    bars: set[tuple[float, ...]]
    signals: set[str]
    code: int
    seconds: float


def stop_at(folder: Path, recording: Recording, part: float) -> Stop:
    """Run a part of a recording, and ask it to end."""
    with start(folder, recording) as program:
        reach(program, moment(recording, part))
        bars = bars_told(program, "ALPHAUSDT")
        signals = {signal["id"] for signal in program.get("/signals")["signals"]}
        stop = Stop(folder, bars, signals, *program.stop())
    assert program.err == ""
    assert stored_to(folder) < recording.end, "it was asked too late"
    return stop


@pytest.fixture(scope="module")
def stops(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stop, Stop]:
    """One run, asked to end at an earlier and, started again, at a later moment."""
    earlier, later = (tmp_path_factory.mktemp(name) for name in ("earlier", "later"))
    first = stop_at(earlier, finished.recording, 0.05)
    copytree(earlier, later, dirs_exist_ok=True)
    return first, stop_at(later, finished.recording, 0.3)


def test_asked_to_end_it_ends_soon_and_loses_nothing(stops: tuple[Stop, Stop]) -> None:
    for stop in stops:
        assert stop.code == 0
        assert stop.seconds < 5
        lying = stored(stop.folder).tables
        assert stop.bars <= {row[3:8] for row in lying["candles"] if row[1:3] == ("ALPHAUSDT", "1m")}
        assert stop.signals <= {row[1] for row in lying["signals"]}
    assert len(stops[0].bars) < len(stops[1].bars)
    assert stops[1].signals


def bars_told(program: Program, symbol: str) -> set[tuple[float, ...]]:
    """Return the closed minutes that the API tells now."""
    told = program.get(f"/candles/binance/{symbol}/1m?limit=100000")["candles"]
    return {tuple(bar[name] for name in ("time", "open", "high", "low", "close")) for bar in told}


def stored_to(folder: Path) -> int:
    """Return the time (ms) up to which minutes are stored."""
    return max((row[3] + MINUTE for row in stored(folder).tables["candles"] if row[2] == "1m"), default=0)


@pytest.mark.parametrize(
    "behind",
    [(), CANDLES, SIGNALS],
    ids=["together", "candles behind signals", "signals behind candles"],
)
def test_a_crash_between_two_transactions(
    finished: Run, stops: tuple[Stop, Stop], tmp_path: Path, behind: Iterable[str]
) -> None:
    """Join both disks to one, as a crash between the two writers leaves it, and go on."""
    earlier, later = (stop.folder for stop in stops)
    copytree(later, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(database(tmp_path))) as connection, connection:
        connection.execute("ATTACH ? AS earlier", (str(database(earlier)),))
        for table in behind:
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} SELECT * FROM earlier.{table}")
    end_and_compare(finished, tmp_path)


def database(folder: Path) -> Path:
    """Return the one database of a folder."""
    (file,) = (folder / ".livermore" / "data").glob("replay-*.db")
    return file


def end_and_compare(finished: Run, folder: Path) -> None:
    """Let a run come to its end, and hold what it stored against the uninterrupted one."""
    with start(folder, finished.recording) as program:
        wait_for_the_end(program, finished.recording)
        until(lambda: not program.get("/alerts?state=pending")["alerts"])
        assert program.stop()[0] == 0
    assert program.err == ""
    ended = stored(folder)
    for table, rows in finished.stored.tables.items():
        assert sorted(set(rows) ^ set(ended.tables[table]), key=repr)[:6] == []
        assert len(rows) == len(ended.tables[table])
    nothing_is_missing_or_doubled(finished.recording, folder)
    every_alert_is_sent_once(folder)


def nothing_is_missing_or_doubled(recording: Recording, folder: Path) -> None:
    """Check the grid of every series, and that no signal exists twice under two ids."""
    tables = stored(folder).tables
    for symbol in recording.told:
        for timeframe in JUDGED:
            times = [row[3] for row in tables["candles"] if row[1:3] == (symbol, timeframe)]
            assert {after - before for before, after in pairwise(times)} <= {TIMEFRAMES[timeframe]}
    signals = Counter(row[2:9] for row in tables["signals"])
    assert set(signals.values()) == {1}


def every_alert_is_sent_once(folder: Path) -> None:
    """Check that every alert in the outbox has been sent, and that none lies in it twice."""
    alerts = stored(folder).alerts
    assert [alert for alert in alerts if alert[2] != "sent"] == []
    assert set(Counter((signal, channel) for signal, channel, *_ in alerts).values()) == {1}
