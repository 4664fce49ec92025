"""A program that stood still for longer than its leases: another took over, and is not disturbed later."""

import json
import signal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from . import program
from .program import URL as ADDRESS
from .program import Program, until

TURNS = 20


@pytest.fixture
def _servers(monkeypatch: pytest.MonkeyPatch, postgres_database: str, redis_url: str) -> None:
    """Name both servers to the programs that are started."""
    monkeypatch.setitem(program.CLEAN, "LIVERMORE_DATABASE_URL", postgres_database)
    monkeypatch.setitem(program.CLEAN, "LIVERMORE_REDIS_URL", redis_url)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two workspaces."""
    found = [tmp_path / name for name in ("one", "other")]
    for folder in found:
        folder.mkdir()
    return found


def ask(one: Program, name: str) -> Any:
    """Command a runtime and return what has become of it."""
    address, _ = one.printed(ADDRESS)
    token = json.loads((one.folder / ".livermore/run/server.json").read_bytes())["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"{address}/api/v1/commands?wait=20", json.dumps({"type": name}).encode(), headers)
    with urlopen(request, timeout=40) as answer:
        return json.load(answer)


def state_of(one: Program) -> str:
    """Return how the user's runtime is where a program looks."""
    return str(one.get("/runtime")["state"])


@pytest.mark.soak
@pytest.mark.usefixtures("_servers")
def test_who_wakes_after_its_lease_has_ended_carries_nothing_out(folders: list[Path]) -> None:
    with Program(folders[0]) as one:
        until(lambda: state_of(one) == "running")
        with Program(folders[1]) as other:
            assert state_of(other) == "stopped"
            one.process.send_signal(signal.SIGSTOP)
            until(lambda: state_of(other) == "running")
            one.process.send_signal(signal.SIGCONT)
            done = [ask(other, name) for name in ["pause", "resume"] * TURNS]
            assert {command["status"] for command in done} == {"succeeded"}, done
            until(lambda: state_of(one) == "stopped")
            assert ask(one, "pause")["status"] == "succeeded"
            assert (state_of(one), state_of(other)) == ("stopped", "paused")
