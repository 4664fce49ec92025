"""Programs as processes of their own, begun by a fork: it takes milliseconds, where to import takes seconds.

A process that has imported all of Livermore waits for orders and forks for each. What it begins has a memory,
signals, files, an environment and an end of its own, as if it had been begun by `python -m`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
ORDERS = 1 << 20  # bytes at most
# What is imported late: when something is asked for the first time.
LATE = ("aiosqlite", "asyncpg", "httpx", "redis.asyncio", "uvicorn.lifespan.on", "uvicorn.loops.auto")


class Fork:
    """A module that runs as a program; it is asked, signalled and awaited as a `subprocess.Popen` is."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str],
        stdout: IO[bytes],
        stderr: IO[bytes],
    ) -> None:
        orders = {"module": module, "arguments": arguments, "cwd": str(cwd), "env": dict(env)}
        self.returncode: int | None = None
        self._ended, tells = os.pipe()
        try:
            self.pid = _forker().begin(orders, stdout.fileno(), stderr.fileno(), tells)
        finally:
            os.close(tells)

    def poll(self) -> int | None:
        """Return the exit code, or minus the signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired while it runs."""
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            self.returncode = int(os.read(self._ended, 16))
            os.close(self._ended)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


class _Forker:
    """The process that forks, as this one sees it."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def begin(self, orders: Mapping[str, Any], *files: int) -> int:
        """Have a process begun and return its number."""
        with self._asking:
            socket.send_fds(self._control, [json.dumps(orders).encode() + b"\n"], files)
            return int(self._control.recv(16))

    def close(self) -> None:
        """End the process that forks; what it has begun goes on."""
        self._control.close()
        self._process.wait()


@functools.cache
def _forker() -> _Forker:
    return _Forker()


def close() -> None:
    """End what forks, if anything was ever forked."""
    if _forker.cache_info().currsize:
        _forker().close()
        _forker.cache_clear()


def completed(
    module: str, *arguments: str, cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a module as a program to its end. Raises subprocess.TimeoutExpired, after it was killed."""
    with _anonymous() as out, _anonymous() as err:
        fork = Fork(module, *arguments, cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            code = fork.wait(timeout)
        except subprocess.TimeoutExpired:
            fork.kill()
            fork.wait()
            raise
        return subprocess.CompletedProcess([module, *arguments], code, _text(out), _text(err))


def _anonymous() -> IO[bytes]:
    """Open a file without a name, so that no pipe fills up while nobody reads."""
    return tempfile.TemporaryFile()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


# ---------------------------------------------------------------- the process that forks


class _Serving:
    """Fork for each order that comes, and tell who gave it how the process ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._telling: dict[int, int] = {}
        self._woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        self._wakes = wakes
        signal.set_wakeup_fd(wakes)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who gives the orders

    def serve(self) -> dict[str, Any] | None:
        """Serve until nobody can ask any more; in a process that has just begun, return its orders."""
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._control.fileno() in ready:
                line, files = self._read()
                if not line:
                    return None
                if self._forked(files):
                    return dict(json.loads(line))

    def _read(self) -> tuple[bytes, list[int]]:
        line, files, _, _ = socket.recv_fds(self._control, ORDERS, 3)
        while line and not line.endswith(b"\n"):
            line += self._control.recv(ORDERS)
        return line, files

    def _forked(self, files: list[int]) -> bool:
        """Fork, and say whether this is the new process."""
        out, err, tells = files
        child = os.fork()
        if child == 0:
            self._become(out, err)
        else:
            self._telling[child] = tells
            self._control.send(str(child).encode())
        for file in (out, err, *([tells] if child == 0 else [])):
            os.close(file)
        return child == 0

    def _become(self, out: int, err: int) -> None:
        """Keep nothing of the process that forks."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._control.close()
        for file in (self._woken, self._wakes, *self._telling.values()):
            os.close(file)
        os.dup2(out, 1)
        os.dup2(err, 2)

    def _reap(self) -> None:
        while self._telling:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            tells = self._telling.pop(child)
            with contextlib.suppress(BrokenPipeError):  # who began it has forgotten it
                os.write(tells, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(tells)


def _import_all() -> None:
    livermore = importlib.import_module("livermore")
    for module in pkgutil.walk_packages(livermore.__path__, "livermore."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)


def _carry_out(orders: dict[str, Any]) -> None:
    os.chdir(orders["cwd"])
    os.environ.clear()
    os.environ.update(orders["env"])
    sys.argv = [orders["module"], *orders["arguments"]]
    runpy.run_module(orders["module"], run_name="__main__", alter_sys=True)


def _main() -> None:
    _import_all()
    gc.freeze()
    orders = _Serving(socket.socket(fileno=int(sys.argv[1]))).serve()
    if orders is not None:
        _carry_out(orders)


if __name__ == "__main__":
    _main()
