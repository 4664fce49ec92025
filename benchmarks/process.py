"""The real program, started as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

LIVERMORE = (sys.executable, "-m", "livermore")
PATIENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running `livermore up`: its address, its token, and the moment (s) at which it was started."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    started: float

    def ask(self, path: str) -> Any:
        """Return what an API path answers; None while it does not."""
        request = Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except (URLError, TimeoutError):
            return None

    def resident(self) -> int:
        """Return the bytes of memory that the program and what it started hold."""
        return sum(_resident(pid) for pid in (self.process.pid, *_children(self.process.pid)))


@contextmanager
def up(*arguments: str) -> Iterator[Program]:
    """Run `livermore up` in a folder of its own until its address appears."""
    with tempfile.TemporaryDirectory(prefix="lm-bench-") as folder:
        command = [*LIVERMORE, "up", *arguments, "--port", "0", "--workspace", folder]
        said = Path(folder, "said")
        started = perf_counter()
        # A file and no pipe: a pipe that nobody reads fills up, and the program would wait.
        with said.open("w") as output, subprocess.Popen(command, stdout=output) as process:
            try:
                url = _address(process, said)
                token = json.loads(Path(folder, ".livermore/run/server.json").read_bytes())["token"]
                yield Program(process=process, url=url, token=token, started=started)
            finally:
                process.terminate()


def until(holds: Callable[[], object], *, every: float) -> None:
    """Wait until something holds; raise TimeoutError when it takes too long."""
    end = perf_counter() + PATIENCE
    while not holds():
        if perf_counter() > end:
            raise TimeoutError("the program takes too long")
        sleep(every)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    """Wait for the line with the address."""

    def line() -> str | None:
        assert process.poll() is None, "livermore up has ended before it printed an address"
        return next((line for line in said.read_text().splitlines() if line.startswith("http")), None)

    until(line, every=0.005)
    return (line() or "").partition("/?token=")[0]


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
