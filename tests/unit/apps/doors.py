"""The gate over an invented system, and the key that opens it."""

from __future__ import annotations

from typing import Any

from livermore.accounts.user import User
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.guard import Guard, Opening
from livermore.kernel.role import Role
from tests.unit.apps.standin import StandIn

KEY = "the-key-of-this-run-in-this-test"
LINK = "the-link-of-this-run-in-this-test"
BEARER = {"authorization": f"Bearer {KEY}"}


def guard_of(system: StandIn, **changes: Any) -> Guard:
    """Guard a system as `livermore up` does."""
    opening = Opening(keys=(KEY,), link=LINK, provider=changes.pop("provider", None))
    return Guard.joined(system, doorway=Doorway(**changes), opening=opening)  # type: ignore[arg-type]


async def somebody(system: StandIn, name: str, role: Role = "viewer", **given: Any) -> User:
    """Let somebody in."""
    return await system.accounts.create_user(name, role, **given)


async def bearer_of(system: StandIn, user: User, role: Role | None = None) -> dict[str, str]:
    """Make a token of a user."""
    _, secret = await system.accounts.create_token(user.scope(), "test", role or user.role)
    return {"authorization": f"Bearer {secret}"}
