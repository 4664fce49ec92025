"""One folder on disk, and where everything in it lies."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from livermore.kernel.errors import InvalidError

DatabaseName = Literal["livermore", "demo", "replay"]
# Hashes of passwords lie there: other users of the machine have nothing to look for in it.
PRIVATE = 0o700


class ServerNote(msgspec.Struct, frozen=True, kw_only=True):
    """How a client in the same folder reaches the running server."""

    url: str
    token: str
    pid: int


class Workspace:
    """Name the places of a folder; nothing is created before `prepare`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.home = self.directory / ".livermore"
        self.data = self.home / "data"
        self.run = self.home / "run"
        self.server_file = self.run / "server.json"
        self.lock_file = self.run / "lock"

    def database(self, name: DatabaseName = "livermore") -> Path:
        """Return the database file of live, demonstration or replay data, which are never mixed."""
        return self.data / f"{name}.db"

    def replay_database(self, digest: str) -> Path:
        """Return the database file of one recording; another recording has another."""
        return self.data / f"replay-{digest}.db"

    def prepare(self) -> None:
        """Create the folders, which git ignores; raise InvalidError where that is not possible."""
        try:
            for folder in (self.data, self.run):
                folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
            (self.home / ".gitignore").write_text("*\n", encoding="utf-8")
            self._try_to_write()
        except OSError as error:
            raise InvalidError(
                f"this folder cannot hold a workspace: {error.strerror}",
                where=str(self.directory),
                hint="choose another one with --workspace, or allow writing to it",
            ) from error

    def _try_to_write(self) -> None:
        """Write where the databases and the notes will lie, which may be older and closed to us."""
        for folder in (self.data, self.run):
            probe = folder / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()

    def write_server(self, note: ServerNote) -> None:
        """Note how the server is reached, readable for this user only."""
        draft = self.server_file.with_suffix(f".{note.pid}")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(note))
        draft.replace(self.server_file)

    def read_server(self) -> ServerNote | None:
        """Return the note of the server, which may have died since."""
        try:
            return msgspec.json.decode(self.server_file.read_bytes(), type=ServerNote)
        except (OSError, msgspec.DecodeError):
            return None

    def remove_server(self) -> None:
        """Take the note away when the server stops."""
        self.server_file.unlink(missing_ok=True)
