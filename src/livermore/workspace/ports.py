"""What the workspace room needs from the world: places for preferences and for workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from livermore.kernel.scope import Scope
from livermore.workspace.preference import Owner, Preference
from livermore.workspace.row import WorkspaceRow


class PreferenceBook(Protocol):
    """Keep preferences."""

    async def get(self, scope: Scope, key: str) -> Preference | None:
        """Return a user's own preference, else the installation's."""
        ...

    async def all(self, owner: Owner) -> list[Preference]:
        """Return what an owner has, ordered by key."""
        ...

    async def put(self, owner: Owner, values: Mapping[str, str]) -> list[Preference]:
        """Set every key or, by an error, none; return what was set. Raises InvalidError without room."""
        ...

    async def delete(self, owner: Owner, key: str) -> bool:
        """Delete a preference; say whether it was there."""
        ...


class WorkspaceBook(Protocol):
    """Keep the workspaces that use one database."""

    async def put(self, row: WorkspaceRow) -> None:
        """Insert the row of a folder or replace it."""
        ...

    async def all(self) -> list[WorkspaceRow]:
        """Return every row, opened last first."""
        ...


class Recent(Protocol):
    """Remember the workspaces of this machine, whatever database each of them uses."""

    def put(self, row: WorkspaceRow) -> None:
        """Note a folder; raise OSError where that is not possible."""
        ...

    def all(self) -> list[WorkspaceRow]:
        """Return those whose folders are still there, opened last first."""
        ...
