"""What is remembered in a database, joined from its books."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from livermore.accounts.service import FIRST_SETTINGS, LOCAL, local_user
from livermore.adapters.sql import Database, SqlPreferenceBook, SqlUserBook, SqlWorkspaceBook, migrate
from livermore.kernel.clock import Clock, SystemClock
from livermore.workspace.preference import INSTALLATION, Owner
from livermore.workspace.recent import RecentNotes, state_folder
from livermore.workspace.service import PreferenceService, WorkspaceService

WORKSPACE_USERS = (LOCAL, "demo", "replay")


class StoredPreferences(NamedTuple):
    """The preferences of a database that no server holds, and who owns them there."""

    service: PreferenceService
    users: SqlUserBook

    async def owner(self, *, installation: bool) -> Owner:
        """Return the installation, or the user of the workspace, who is created by the first write."""
        if installation:
            return INSTALLATION
        for name in WORKSPACE_USERS:
            user = await self.users.find(LOCAL, name)
            if user is not None:
                return user.scope()
        return (await local_user(self.users, dict(FIRST_SETTINGS))).scope()


def preferences_of(database: Database, clock: Clock) -> PreferenceService:
    """Join the preferences over a database."""
    return PreferenceService(SqlPreferenceBook(database, clock))


def workspaces_of(database: Database, clock: Clock) -> WorkspaceService:
    """Join the workspaces over a database and the notes of this machine."""
    return WorkspaceService(SqlWorkspaceBook(database), RecentNotes(state_folder(os.environ)), clock)


@asynccontextmanager
async def preferences(url: str) -> AsyncIterator[StoredPreferences]:
    """Lend the preferences of a database for writing; it is brought to this version's tables first."""
    await migrate(url)
    database, clock = Database(url), SystemClock()
    try:
        yield StoredPreferences(preferences_of(database, clock), SqlUserBook(database, clock))
    finally:
        await database.close()
