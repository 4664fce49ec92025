"""One process for each workspace, by a lock that dies with its process."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Self

from livermore.kernel.errors import ConflictError
from livermore.workspace.folder import Workspace

if sys.platform == "win32":
    import msvcrt

    # Windows bars others from reading what is locked; this byte lies behind the text that they should read.
    FAR = 1 << 20

    def _take(descriptor: int) -> None:
        os.lseek(descriptor, FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class WorkspaceLock:
    """Hold a prepared workspace as long as the block or the process lasts."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the workspace; raise ConflictError naming the process and the URL that hold it."""
        # The file stays when the lock goes: removing it could take it away from under another process.
        descriptor = os.open(self._workspace.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(descriptor)
        except OSError:
            os.close(descriptor)
            raise self._conflict() from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; closing the file ends the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Acquire."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release."""
        self.release()

    def _conflict(self) -> ConflictError:
        holder = self._workspace.lock_file.read_text(encoding="utf-8").strip() or "unknown"
        server = self._workspace.read_server()
        # A note of another process was left behind by one that died; it says nothing about this one.
        place = f" at {server.url}" if server and str(server.pid) == holder else ""
        return ConflictError(
            f"Livermore already runs in this workspace: process {holder}{place}",
            where=str(self._workspace.directory),
            hint="use the running one, stop it, or choose another folder with --workspace",
        )
