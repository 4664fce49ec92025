"""A Redis of a test's own, that can be killed, frozen and started again on the same socket."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import find_redis_server, missing, server_folder, start_redis


class RedisServer:
    """Run Redis on a Unix socket; when it comes back, it knows nothing of before."""

    def __init__(self, program: str, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._program = program
        self._folder = folder
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers: a socket is there before anybody listens at it."""
        self._process = start_redis(self._program, self._folder)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.005)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.connect(str(self.socket))
            asking.sendall(b"PING\r\n")
            return asking.recv(7) == b"+PONG\r\n"
        return False

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait(10)
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()

    def freeze(self) -> None:
        """Stop it where it stands: it listens, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def own_redis() -> Iterator[RedisServer]:
    """Lend a Redis that nobody else uses; skip the test where there is none."""
    program = find_redis_server()
    if program is None:
        missing("no redis-server to kill and start")
    with server_folder("own") as folder:
        server = RedisServer(program, folder)
        try:
            yield server
        finally:
            server.kill()
