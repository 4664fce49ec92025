"""Whose it is: no user's data is reached without a `Scope`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Name the user on whose behalf something is read or written."""

    user_id: int
    identity_sub: str
