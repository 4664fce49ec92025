"""The books of the workspace room in memory: what the doors need of it, without plumbing."""

from __future__ import annotations

from collections.abc import Mapping

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.scope import Scope
from livermore.workspace.preference import INSTALLATION, Owner, Preference, check_room
from livermore.workspace.row import WorkspaceRow
from livermore.workspace.service import PreferenceService, WorkspaceService


class PreferenceTwin:
    """Keep preferences in dictionaries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Owner, dict[str, Preference]] = {}

    async def get(self, scope: Scope, key: str) -> Preference | None:
        return self._of(scope).get(key) or self._of(INSTALLATION).get(key)

    async def all(self, owner: Owner) -> list[Preference]:
        return [one for _, one in sorted(self._of(owner).items())]

    async def put(self, owner: Owner, values: Mapping[str, str]) -> list[Preference]:
        now = rfc3339(self._clock.now())
        stored = {key: Preference(key=key, value=value, updated_at=now) for key, value in values.items()}
        both = {**self._of(owner), **stored}
        check_room([(one.key, one.value or "") for one in both.values()], "memory")
        self._kept[owner] = both
        return list(stored.values())

    async def delete(self, owner: Owner, key: str) -> bool:
        return self._of(owner).pop(key, None) is not None

    def _of(self, owner: Owner) -> dict[str, Preference]:
        return self._kept.setdefault(owner, {})


class WorkspaceTwin:
    """Keep rows in a dictionary, as a book and as the notes of a machine."""

    def __init__(self) -> None:
        self.rows: dict[str, WorkspaceRow] = {}

    async def put(self, row: WorkspaceRow) -> None:
        self.rows[row.project_dir] = row

    async def all(self) -> list[WorkspaceRow]:
        return list(self.rows.values())


class NotesTwin:
    """Know of one folder that uses another database."""

    def put(self, row: WorkspaceRow) -> None:
        return None

    def all(self) -> list[WorkspaceRow]:
        return [WorkspaceRow(project_dir="/elsewhere", name="elsewhere", last_opened=1)]


def preferences_in_memory(clock: Clock) -> PreferenceService:
    """Join the preferences over a twin."""
    return PreferenceService(PreferenceTwin(clock))


def workspaces_in_memory(clock: Clock) -> WorkspaceService:
    """Join the workspaces over twins."""
    return WorkspaceService(WorkspaceTwin(), NotesTwin(), clock)
