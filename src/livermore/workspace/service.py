"""Preferences and workspaces: read, set, deleted, listed, remembered."""

from __future__ import annotations

from collections.abc import Mapping

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.workspace.folder import Workspace
from livermore.workspace.ports import PreferenceBook, Recent, WorkspaceBook
from livermore.workspace.preference import INSTALLATION, Owner, Preference, check_all, check_key
from livermore.workspace.row import HowOpened, WorkspaceRow

log = logger("workspace")


class PreferenceService:
    """Keep what a user chose about the looks of things, above what the installation says."""

    def __init__(self, book: PreferenceBook) -> None:
        self._book = book

    async def get(self, scope: Scope, key: str) -> Preference:
        """Return what counts for a user: the own value, else the installation's, else null."""
        check_key(key)
        return await self._book.get(scope, key) or Preference(key=key)

    async def all(self, scope: Scope) -> list[Preference]:
        """Return what counts for a user, ordered by key."""
        counts = {one.key: one for one in await self._book.all(INSTALLATION)}
        counts |= {one.key: one for one in await self._book.all(scope)}
        return [counts[key] for key in sorted(counts)]

    async def of(self, owner: Owner) -> list[Preference]:
        """Return what is an owner's own, ordered by key."""
        return await self._book.all(owner)

    async def own(self, owner: Owner, key: str) -> Preference:
        """Return an owner's own value, or null, whatever else would count."""
        check_key(key)
        found = (one for one in await self._book.all(owner) if one.key == key)
        return next(found, Preference(key=key))

    async def set(self, owner: Owner, key: str, value: str) -> Preference:
        """Store a value, which may be empty; raise InvalidError for one that does not fit."""
        (stored,) = await self.set_all(owner, {key: value})
        return stored

    async def set_all(self, owner: Owner, values: Mapping[str, str]) -> list[Preference]:
        """Store every value or none; raise InvalidError naming the first that does not fit."""
        check_all(values)
        return await self._book.put(owner, values) if values else []

    async def delete(self, owner: Owner, key: str) -> bool:
        """Delete an owner's value; say whether there was one."""
        check_key(key)
        return await self._book.delete(owner, key)


class WorkspaceService:
    """Remember folders: in the database that each uses, and on this machine for those of other databases."""

    def __init__(self, book: WorkspaceBook, recent: Recent, clock: Clock) -> None:
        self._book = book
        self._recent = recent
        self._clock = clock

    async def opened(self, folder: Workspace, opening: HowOpened) -> WorkspaceRow:
        """Remember that a folder was opened now, and how."""
        row = WorkspaceRow(
            project_dir=str(folder.directory),
            name=folder.directory.name or str(folder.directory),
            last_opened=self._clock.now(),
            config=opening,
        )
        await self._book.put(row)
        try:
            self._recent.put(row)
        except OSError as error:
            # Watching a market matters more than a list of folders.
            log.warning("this folder is not noted among the recent ones", reason=str(error))
        return row

    async def all(self, *, everywhere: bool) -> list[WorkspaceRow]:
        """Return the workspaces of this database, or those of this machine as well, opened last first."""
        rows = await self._book.all()
        known = {row.project_dir for row in rows}
        others = [row for row in self._recent.all() if row.project_dir not in known] if everywhere else []
        return by_last_opened([*rows, *others])


def by_last_opened(rows: list[WorkspaceRow]) -> list[WorkspaceRow]:
    """Order workspaces, opened last first."""
    return sorted(rows, key=lambda row: (-(row.last_opened or 0), row.project_dir))
