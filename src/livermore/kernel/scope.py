"""Whose it is: no user's data is reached without a `Scope`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Name the user on whose behalf something is read or written."""

    user_id: int
    identity_sub: str


class Everybody(Enum):
    """Reach every row, as what serves the whole installation must: logging in, delivering, pruning."""

    EVERYBODY = "*"


EVERYBODY: Final = Everybody.EVERYBODY
Reach = Scope | Everybody
