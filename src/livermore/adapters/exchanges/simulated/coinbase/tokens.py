"""JSON Web Tokens, as far as a simulated exchange reads them: their form, not their signature."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

ALGORITHMS = ("ES256", "EdDSA")
PARTS = 3


def is_token(token: object) -> bool:
    """Say whether a token is formed as Coinbase's are: header and claims that name a key, and a signature."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != PARTS or not parts[-1]:
        return False
    header, claims = map(_decoded, parts[:2])
    return (
        header.get("alg") in ALGORITHMS
        and bool(header.get("kid"))
        and claims.get("iss") == "cdp"
        and claims.get("sub") == header.get("kid")
        and isinstance(claims.get("exp"), int)
    )


def _decoded(part: str) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return {}
    return content if isinstance(content, dict) else {}
