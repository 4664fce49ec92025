"""The real program as a process of its own: started, asked over its API, stopped or killed."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.request import Request, urlopen

import pytest

from tests.forks import Fork, completed

SECONDS = 60.0
FREE_PORT = ("--port", "0")  # another one behind it counts
URL = re.compile(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("LIVERMORE_")}


class Outcome(NamedTuple):
    """What a verb left behind."""

    code: int
    out: str
    err: str


class Program:
    """A running `livermore up` (or another verb that stays), and all that it has printed."""

    def __init__(
        self, folder: Path, *arguments: str, verb: str = "up", port: tuple[str, ...] = FREE_PORT
    ) -> None:
        self.folder = folder
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._behind = out.tell()
            self.process = Fork(
                "livermore", verb, *port, *arguments, cwd=folder, env=CLEAN, stdout=out, stderr=err
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    @property
    def out(self) -> str:
        """What this process has printed."""
        return self._out.read_bytes()[self._behind :].decode()

    @property
    def err(self) -> str:
        """What every process of this folder has said on standard error."""
        return self._err.read_text()

    def printed(self, words: re.Pattern[str]) -> tuple[str, ...]:
        """Wait for words and return their groups; fail at once when the process ends without them."""

        def look() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            found = words.search(self.out)
            if ended and found is None:
                pytest.fail(f"ended with {self.process.returncode}: {self.err or self.out}")
            return found

        return tuple(until(look).groups())

    def get(self, path: str) -> Any:
        """Ask the API."""
        address, _ = self.printed(URL)
        token = json.loads((self.folder / ".livermore/run/server.json").read_bytes())["token"]
        request = Request(f"{address}/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def pages(self, what: str) -> Iterator[Any]:
        """Ask for everything of a listing, newest first."""
        page = self.get(f"/{what}?limit=1000")
        yield from page[what]
        while page["next"]:
            page = self.get(f"/{what}?limit=1000&before={page['next']}")
            yield from page[what]

    def exchange(self) -> Any:
        """Return how the connection to the one watched exchange is."""
        return self.get("/runtime")["exchanges"][0]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def wait(self, seconds: float) -> int:
        """Wait for its end. Raises TimeoutError while it runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None

    def stop(self) -> tuple[int, float]:
        """Ask it to end; return its exit code and the seconds that it took."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - before


def livermore(folder: Path, *arguments: str) -> Outcome:
    """Run a verb to its end."""
    done = completed("livermore", *arguments, cwd=folder, env=CLEAN, timeout=SECONDS)
    return Outcome(done.returncode, done.stdout, done.stderr)


def until(look: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Look again and again until there is something."""
    found = sooner_or_later(look, seconds)
    return found or pytest.fail(f"nothing within {seconds:.0f} s")


def sooner_or_later(look: Callable[[], Any], seconds: float) -> Any:
    """Look again and again until there is something or the time is over; return what was seen last."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
