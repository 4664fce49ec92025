"""A program that is begun by a fork is one of its own: its folder, environment, output, signals and end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.program import until
from tests.forks import Fork, completed

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("LIVERMORE_")}


def begun(folder: Path, name: str) -> Fork:
    """Begin a simulated exchange that says into a file where it is."""
    words = ("simulate", "--port", "0", "--symbol", "BTCUSDT")
    with (folder / name).open("wb") as out:
        return Fork("livermore", *words, cwd=folder, env=CLEAN, stdout=out, stderr=out)


def by_an_interpreter(folder: Path, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "livermore", *arguments]
    done = subprocess.run(command, cwd=folder, env=CLEAN, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [("version",), ("status",), ("nonsense",)])
def test_it_says_what_one_of_an_interpreter_of_its_own_says(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = completed("livermore", *arguments, cwd=tmp_path, env=CLEAN, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == by_an_interpreter(tmp_path, *arguments)


def test_its_environment_is_what_it_was_given(tmp_path: Path) -> None:
    elsewhere = CLEAN | {"LIVERMORE_URL": "http://127.0.0.1:1"}
    done = completed("livermore", "status", cwd=tmp_path, env=elsewhere, timeout=60)
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr


def test_each_has_an_end_of_its_own(tmp_path: Path) -> None:
    first, second = begun(tmp_path, "first"), begun(tmp_path, "second")
    until(lambda: "http://" in (tmp_path / "second").read_text())
    with pytest.raises(subprocess.TimeoutExpired):
        first.wait(0)
    first.kill()
    assert first.wait(60) == -signal.SIGKILL
    assert second.poll() is None
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == second.poll() == 0


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        completed("livermore", "simulate", "--port", "0", cwd=tmp_path, env=CLEAN, timeout=0.1)
