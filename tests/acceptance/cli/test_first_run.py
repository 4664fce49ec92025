"""The first ten minutes of a user, with the real program: start, look, stop, export, replay."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from tests.forks import completed

SECONDS = 30
URL = re.compile(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)")
LENGTH = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("LIVERMORE_")}


class Demo:
    """A running `livermore up --demo`, and what it has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        with (folder / "stderr").open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "livermore", "up", "--demo", "--port", "0"],
                cwd=folder, env=CLEAN, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        found = until(lambda: next(filter(None, map(URL.fullmatch, self.lines)), None))
        self.url, self.link = found.groups()
        note = json.loads((folder / ".livermore" / "run" / "server.json").read_bytes())
        self.token = note["token"]

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def get(self, path: str, token: str | None = None) -> Any:
        request = Request(self.url + path, headers={"Authorization": f"Bearer {token or self.token}"})
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(10)
        self.reader.join(10)
        return code


def until(look: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Look again and again until there is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"nothing within {seconds} s")


def livermore(folder: Path, *arguments: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = CLEAN | ({"LIVERMORE_TOKEN": token} if token else {})
    return completed("livermore", *arguments, cwd=folder, env=environment, timeout=60)


def document(folder: Path, *arguments: str) -> Any:
    done = livermore(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()
        running.reader.join()


def test_the_first_run(demo: Demo) -> None:
    assert [line for line in demo.lines if URL.search(line)] == [f"{demo.url}/?token={demo.link}"]
    the_link_opens_once(demo)
    assert demo.lines[0].startswith("watching a simulated market")
    opened = forming_times(demo)
    the_folder_is_as_it_should_be(demo)
    alert = until(lambda: alert_behind(demo, opened))
    assert alert["state"] in ("pending", "sent")
    until(lambda: any(" level " in line or " reversal " in line for line in demo.lines))
    other_verbs_find_the_server(demo)
    until(lambda: demo.get("/api/v1/runtime")["state"] == "running")
    a_second_start_is_refused(demo)
    before = time.monotonic()
    assert demo.stop() == 0
    assert time.monotonic() - before < 5
    assert (demo.folder / "stderr").read_text() == ""
    assert not (demo.folder / ".livermore" / "run" / "server.json").exists()
    what_is_stored_is_still_told(demo)
    a_replay_of_the_export_says_the_same(demo.folder)


def the_link_opens_once(demo: Demo) -> None:
    """Open the page as a browser does; the key of the other verbs is another secret."""
    assert demo.link != demo.token
    opener = build_opener(HTTPCookieProcessor())
    page = Request(f"{demo.url}/?token={demo.link}", headers={"Accept": "text/html"})
    with opener.open(page, timeout=10) as answer:
        assert "Market – Livermore" in answer.read().decode()
    with pytest.raises(HTTPError) as refused:
        urlopen(page, timeout=10)
    with refused.value as answer:
        assert "used already" in answer.read().decode()


def forming_times(demo: Demo) -> dict[str, int]:
    """Return the open of the running bar of each timeframe, now that the address is known."""
    symbol = until(lambda: demo.get("/api/v1/symbols")["symbols"])[0]["symbol"]
    return {
        name: newest(demo, f"/api/v1/candles/binance/{symbol}/{name}?limit=1") + LENGTH[name]
        for name in LENGTH
    }


def newest(demo: Demo, path: str) -> int:
    """Return the open of the newest closed bar, once candles are loaded."""
    return int(until(lambda: demo.get(path)["candles"])[-1]["time"])


def alert_behind(demo: Demo, opened: dict[str, int]) -> Any:
    """Return an alert on a bar that closed after the address was printed."""
    fresh = {
        found["id"]
        for found in demo.get("/api/v1/signals")["signals"]
        if found["time"] >= opened[found["timeframe"]]
    }
    alerts = demo.get("/api/v1/alerts")["alerts"]
    return next((alert for alert in alerts if alert["signal_id"] in fresh), None)


def the_folder_is_as_it_should_be(demo: Demo) -> None:
    note = demo.folder / ".livermore" / "run" / "server.json"
    assert note.stat().st_mode & 0o777 == 0o600
    assert (demo.folder / ".livermore" / ".gitignore").read_text() == "*\n"
    assert (demo.folder / ".livermore" / "data" / "demo.db").exists()
    assert not (demo.folder / ".livermore" / "data" / "livermore.db").exists()


def other_verbs_find_the_server(demo: Demo) -> None:
    assert document(demo.folder, "status").keys() >= {"state", "mode", "symbols", "exchanges", "settings"}
    page = document(demo.folder, "signals", "--limit", "3")
    assert page.keys() == {"signals", "next"}
    assert len(page["signals"]) == 3
    candles = document(demo.folder, "candles", "BTCUSDT", "--timeframe", "5m", "--limit", "2")
    assert (candles["exchange"], len(candles["candles"])) == ("binance", 2)
    for name in ("binance", "coinbase"):
        assert name in livermore(demo.folder, "exchanges").stdout
        assert name in livermore(demo.folder, "status").stdout
    assert "terminal" in livermore(demo.folder, "alerts").stdout
    wrong = livermore(demo.folder, "status", token="wrong")
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (7, "", 2)


def a_second_start_is_refused(demo: Demo) -> None:
    second = livermore(demo.folder, "up", "--demo", "--port", "0")
    assert (second.returncode, second.stdout) == (5, "")
    assert demo.url in second.stderr


def what_is_stored_is_still_told(demo: Demo) -> None:
    stored = livermore(demo.folder, "signals", "--json", "--limit", "1")
    assert ".livermore/data/demo.db" in stored.stderr
    newest = json.loads(stored.stdout)["signals"][0]
    explained = document(demo.folder, "signals", "explain", newest["id"])
    assert explained["agrees"]
    assert livermore(demo.folder, "status").returncode == 3


def a_replay_of_the_export_says_the_same(folder: Path) -> None:
    """Export, replay, and compare every signal: bar, kind, level and MACD-V to the bit."""
    written = document(folder, "candles", "export", "recordings")
    assert len(written["files"]) == 60
    files = [f"recordings/{name}" for name in written["files"]]
    report = document(folder, "replay", *files, "--signals", "signals.csv")
    assert report["symbols"] == 10
    with (folder / "signals.csv").open(newline="") as file:
        replayed = {key(row): float(row["macdv"]) for row in csv.DictReader(file)}
    assert {key(found): found["macdv"] for found in all_signals(folder)} == replayed
    assert sum(report["signals"].values()) == len(replayed)


def key(row: Any) -> tuple[str, ...]:
    level = "" if row["level"] is None else str(row["level"])
    return (row["exchange"], row["symbol"], row["timeframe"], str(row["time"]), row["kind"], level)


def all_signals(folder: Path) -> Iterator[Any]:
    page = document(folder, "signals", "--limit", "1000")
    yield from page["signals"]
    while page["next"]:
        page = document(folder, "signals", "--limit", "1000", "--before", page["next"])
        yield from page["signals"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_it_starts_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "livermore", "up", "--demo", "--port", "0"],
        cwd=tmp_path, env=CLEAN, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: (tmp_path / ".livermore" / "data" / "demo.db").exists())
    process.send_signal(number)
    assert process.communicate(timeout=15)[1] == ""
    assert process.returncode == 0
