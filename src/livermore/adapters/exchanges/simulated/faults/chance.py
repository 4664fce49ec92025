"""Chance that depends on a seed and on what is asked about, never on the order of asking."""

from __future__ import annotations

from hashlib import blake2b


def chance(*about: int | str) -> float:
    """Return a number in [0, 1), always the same about the same."""
    digest = blake2b("/".join(map(str, about)).encode(), digest_size=7)
    return int.from_bytes(digest.digest()) / 2**56
