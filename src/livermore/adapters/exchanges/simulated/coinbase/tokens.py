"""JSON Web Tokens, read as Coinbase reads them: whose key, still good, for this request, truly signed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from livermore.adapters.exchanges.simulated.keys import Key, Keys, proves

ALGORITHMS = ("ES256", "EdDSA")
PARTS = 3
HOST = "api.coinbase.com"
LIFETIME = 120  # seconds
LEEWAY = 60  # seconds by which the client's clock may be ahead


def key_of(token: object, keys: Keys, now: int, uri: str | None = None) -> Key | None:
    """Return the key that a token was signed with, made out to a `uri`; None for a token that is not good.

    `now` is in ms; a token for a socket has no `uri`.
    """
    parts = token.split(".") if isinstance(token, str) and token.isascii() else []
    if len(parts) != PARTS:
        return None
    header, claims = (_decoded(part) for part in parts[:2])
    key = keys.get(header.get("kid"))
    if key is None or not _fits(header, claims, now // 1000, uri):
        return None
    return key if proves(key, ".".join(parts[:2]).encode(), _bytes(parts[2])) else None


def _fits(header: dict[str, Any], claims: dict[str, Any], now: int, uri: str | None) -> bool:
    """Say whether a token is formed as it must be, at a time in seconds."""
    begins, ends = claims.get("nbf"), claims.get("exp")
    return (
        header.get("alg") in ALGORITHMS
        and claims.get("iss") == "cdp"
        and claims.get("sub") == header["kid"]
        and claims.get("uri") == uri
        and isinstance(begins, int)
        and isinstance(ends, int)
        and begins <= now + LEEWAY
        and now < ends <= begins + LIFETIME
    )


def _decoded(part: str) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(_bytes(part))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""
