"""Runs that several tests look at: each is made once."""

from pathlib import Path
from typing import NamedTuple

import pytest

from .program import livermore
from .recording import Recording, record
from .told import Stored, Told, stored, told_by


class Run(NamedTuple):
    """A recording, what an uninterrupted run of it told and stored, and the folder it ran in."""

    recording: Recording
    told: Told
    stored: Stored
    folder: Path


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A day and a half of minutes of four made-up markets, beginning in the middle of an hour."""
    return record(tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="session")
def finished(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The made-up recording, run through sockets to its end."""
    return run(recording, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two weeks of BTCUSDT and ETHUSDT as Binance published them, run through sockets to their end."""
    names = (f"binance_spot_{symbol}_1m.csv.gz" for symbol in ("BTCUSDT", "ETHUSDT"))
    recording = Recording(shared_data / "ohlcv" / name for name in names)
    return run(recording, tmp_path_factory.mktemp("real"))


def run(recording: Recording, folder: Path) -> Run:
    """Run a recording through sockets, and the same through `livermore replay`."""
    replayed = livermore(folder, "replay", *recording.arguments, "--signals", "signals.csv")
    assert (replayed.code, replayed.err) == (0, "")
    told = told_by(folder, recording, expected=(folder / "signals.csv").read_text().count("\n") - 1)
    return Run(recording, told, stored(folder), folder)
