"""The workspaces of this machine: a small note for each, in the folder where a user's programs keep state."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from livermore.workspace.folder import Workspace
from livermore.workspace.row import WorkspaceRow
from livermore.workspace.service import by_last_opened


class RecentNotes:
    """Keep one file for each workspace, so that two that are opened at once need no lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, row: WorkspaceRow) -> None:
        """Note a folder, and forget those that are gone; raise OSError where that is not possible."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        note = self._folder / f"{hashlib.sha256(row.project_dir.encode()).hexdigest()[:32]}.json"
        draft = note.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(row))
        draft.replace(note)
        for file in self._folder.glob("*.json"):
            if (found := _read(file)) is not None and not _is_there(found):
                file.unlink(missing_ok=True)

    def all(self) -> list[WorkspaceRow]:
        """Return those whose folders are still there, opened last first."""
        found = [_read(file) for file in self._folder.glob("*.json")]
        return by_last_opened([row for row in found if row is not None and _is_there(row)])


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return where notes lie: below XDG_STATE_HOME, on Windows below LOCALAPPDATA."""
    name = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME"
    given = environment.get(name, "")
    # The XDG specification says that a path which is not absolute counts as none.
    home = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    return home / "livermore" / "workspaces"


def _read(file: Path) -> WorkspaceRow | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=WorkspaceRow)
    except (OSError, msgspec.DecodeError):
        return None


def _is_there(row: WorkspaceRow) -> bool:
    return Workspace(Path(row.project_dir)).home.is_dir()
