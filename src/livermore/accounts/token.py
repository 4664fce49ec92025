"""A token: what a program shows instead of a password."""

from __future__ import annotations

import hashlib

import msgspec

from livermore.kernel.ids import new_secret
from livermore.kernel.role import Role

PREFIX = "lvm_"


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `api_tokens`, without the hash; times are ms UTC."""

    id: int
    user_id: int
    name: str
    role: Role
    created_at: int
    last_used_at: int | None = None
    revoked_at: int | None = None


def new_token() -> str:
    """Return a new token of 256 random bits; its prefix gives it away where it should not be."""
    return PREFIX + new_secret()


def digest(secret: str) -> bytes:
    """Return what is stored of a token or of a session: its SHA-256.

    Nobody guesses 256 random bits, so that neither salt nor slowness would add anything.
    """
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
