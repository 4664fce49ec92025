"""What is remembered of each user's choices: texts under keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from fastapi import Body, FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.queries import Parameters
from livermore.apps.api.replies import described, reply
from livermore.kernel.errors import NotAllowedError
from livermore.kernel.role import covers
from livermore.workspace.preference import INSTALLATION, LARGEST_VALUE, LONGEST_KEY, Owner, Preference

if TYPE_CHECKING:
    from livermore.accounts.principal import Principal
    from livermore.bootstrap import System

Key = Annotated[str, Path(description=f"A key of up to {LONGEST_KEY} characters, slashes included.")]
ONE = "/api/v1/preferences/{key:path}"


class Whose(Parameters):
    """Whose preferences are meant."""

    of: Literal["user", "installation"] | None = Field(
        None, description="The caller's own, or the installation's, which count for whoever has no own."
    )


class NewValue(BaseModel):
    """A value to be stored."""

    model_config = ConfigDict(extra="forbid")

    value: str = Field(description=f"Any text of up to {LARGEST_VALUE:,} bytes; it may be empty.")


class NewValues(BaseModel):
    """Values to be stored by their keys."""

    model_config = ConfigDict(extra="forbid")

    preferences: dict[str, str] = Field(description="Values by key.")


class PreferencesShape(msgspec.Struct, frozen=True, kw_only=True):
    """Preferences, ordered by key."""

    preferences: list[Preference]


class DeletedShape(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there was something to delete."""

    key: str
    existed: bool


def add_routes(app: FastAPI, system: System) -> None:
    """Serve preferences."""

    @app.get("/api/v1/preferences", responses=described(PreferencesShape), tags=["preferences"])
    async def preferences(caller: Viewer, whose: Annotated[Whose, Query()]) -> Response:
        """Return what counts for the caller: the own preferences, and the installation's below them."""
        service, scope = system.preferences, caller.scope()
        found = await (service.of(_owner(caller, whose)) if whose.of else service.all(scope))
        return reply(PreferencesShape(preferences=found))

    @app.patch("/api/v1/preferences", responses=described(PreferencesShape), tags=["preferences"])
    async def set_preferences(
        caller: Viewer, whose: Annotated[Whose, Query()], given: Annotated[NewValues, Body()]
    ) -> Response:
        """Store many values, all or none of them; keys that are not named stay as they are.

        The installation's need the role admin.
        """
        stored = await system.preferences.set_all(_writable(caller, whose), given.preferences)
        return reply(PreferencesShape(preferences=stored))

    @app.get(ONE, responses=described(Preference), tags=["preferences"])
    async def preference(caller: Viewer, key: Key, whose: Annotated[Whose, Query()]) -> Response:
        """Return the value that counts for the caller, or null; 200 in either case."""
        if whose.of is None:
            return reply(await system.preferences.get(caller.scope(), key))
        return reply(await system.preferences.own(_owner(caller, whose), key))

    @app.put(ONE, responses=described(Preference), tags=["preferences"])
    async def set_preference(
        caller: Viewer, key: Key, whose: Annotated[Whose, Query()], given: Annotated[NewValue, Body()]
    ) -> Response:
        """Store a value under a key; the installation's need the role admin."""
        return reply(await system.preferences.set(_writable(caller, whose), key, given.value))

    @app.delete(ONE, responses=described(DeletedShape), tags=["preferences"])
    async def delete_preference(caller: Viewer, key: Key, whose: Annotated[Whose, Query()]) -> Response:
        """Delete a value, and say whether there was one; the installation's need the role admin."""
        existed = await system.preferences.delete(_writable(caller, whose), key)
        return reply(DeletedShape(key=key, existed=existed))


def _owner(caller: Principal, whose: Whose) -> Owner:
    return INSTALLATION if whose.of == "installation" else caller.scope()


def _writable(caller: Principal, whose: Whose) -> Owner:
    """Return whose preferences are to be written; raise NotAllowedError for the installation's."""
    owner = _owner(caller, whose)
    if owner is INSTALLATION and not covers(caller.role, "admin"):
        raise NotAllowedError(
            "the installation's preferences need the role admin",
            hint="set your own, which count before them: leave out of=installation",
        )
    return owner
