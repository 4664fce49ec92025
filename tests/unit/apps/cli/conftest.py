"""Running the real program, and the function inside it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from livermore.apps.cli.main import run


class Outcome(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch):
    """No test meets a server or a database that the environment names."""
    for name in ("LIVERMORE_URL", "LIVERMORE_TOKEN", "LIVERMORE_DATABASE_URL", "LIVERMORE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path) -> Run:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Outcome:
        code = run(arguments)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def program(tmp_path) -> Run:
    """Run the command line as a process of its own, in an empty folder."""

    def call(*arguments: str, folder: Path = tmp_path, seconds: float = 60.0) -> Outcome:
        environment = os.environ | {"PYTHONWARNINGS": "error::SyntaxWarning"}
        done = subprocess.run(
            [sys.executable, "-m", "livermore", *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def east_of_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two hours east of Greenwich, so that local times are told apart from UTC."""
    with monkeypatch.context() as context:
        context.setenv("TZ", "Etc/GMT-2")
        time.tzset()
        yield
    time.tzset()
