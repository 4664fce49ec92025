"""Identifiers: random ones for what happens once, derived ones for what must never happen twice."""

from __future__ import annotations

import hashlib
import secrets
import uuid


def new_id() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def derived_id(*parts: object) -> str:
    """Return the same 32 hexadecimal digits for the same parts, on every machine."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def new_secret() -> str:
    """Return a secret that is safe in a URL (256 bits)."""
    return secrets.token_urlsafe(32)
