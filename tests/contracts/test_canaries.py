"""The watch for canary secrets sees one wherever it may come out."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.canaries import HOOK, KEY, PEM, SECRET, files_with_canaries, holds_a_canary, watch_readers
from tests.conftest import ROOT

LEAKS = f'''
import os, sqlite3, pytest

def test_good():
    print("nothing to see")

def test_prints():
    print("key", os.environ["{KEY}"])

def test_takes_what_it_printed(capsys):
    print("secret", os.environ["{SECRET}"])
    capsys.readouterr()

def test_raises():
    raise ValueError(os.environ["{PEM}"])

def test_stores(tmp_path):
    with sqlite3.connect(tmp_path / "some.db") as database:
        database.execute("CREATE TABLE t (v)")
        database.execute("INSERT INTO t VALUES (?)", [os.environ["{SECRET}"]])
    database.close()
'''


def test_every_form_is_seen() -> None:
    for name in (KEY, SECRET, HOOK):
        assert holds_a_canary(f"it is {os.environ[name]}!")
    assert holds_a_canary(os.environ[PEM].replace("\n", "\\n"))
    assert holds_a_canary(os.environ[PEM].splitlines()[1].encode())
    assert not holds_a_canary(f"{KEY} {SECRET} -----BEGIN EC PRIVATE KEY-----")


def test_a_leak_fails_the_test_or_the_run_and_is_not_shown(tmp_path: Path) -> None:
    """A run of its own: its tests leak in every way, and are in the folder that has the hooks."""
    inner = tmp_path / "test_leaks.py"
    inner.write_text(LEAKS)
    (tmp_path / "conftest.py").write_text(
        "from tests.canaries import _canaries, pytest_runtest_makereport, pytest_sessionfinish\n"
    )
    where = [
        "--rootdir",
        str(tmp_path),
        "-c",
        str(ROOT / "pyproject.toml"),
        "--basetemp",
        str(tmp_path / "t"),
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *where, str(inner)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = run.stdout + run.stderr
    assert run.returncode == 1, told
    assert "3 failed, 2 passed" in told
    for name in ("prints", "takes_what_it_printed", "raises"):
        assert f"test_leaks.py::test_{name} (call): a canary secret stands in" in told
    assert "FAILED: a canary secret stands in" in told
    assert not holds_a_canary(told)
    (tmp_path / "t" / "test_stores0" / "some.db").unlink()


def test_files_are_searched_by_their_kind(tmp_path: Path) -> None:
    for name in ("in.db", "in.log", "in.png", "without.db"):
        (tmp_path / name).write_text("x" if name.startswith("without") else os.environ[KEY])
    found = files_with_canaries(tmp_path)
    for name in ("in.db", "in.log", "in.png"):
        (tmp_path / name).unlink()
    assert sorted(file.name for file in found) == ["in.db", "in.log"]


async def test_answers_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("tests.canaries.look_at", lambda where, content: seen.append(where))
    watch_readers(monkeypatch)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        await client.get("/some/path")
    assert set(seen) == {"the answer of /some/path"}
