"""What somebody may do: three roles, each of which covers the one below."""

from __future__ import annotations

from typing import Final, Literal

Role = Literal["viewer", "operator", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "admin")


def covers(role: Role, needed: Role) -> bool:
    """Say whether a role may do what another is needed for."""
    return ROLES.index(role) >= ROLES.index(needed)


def lower_of(one: Role, other: Role) -> Role:
    """Return the role that may do less."""
    return other if covers(one, other) else one
