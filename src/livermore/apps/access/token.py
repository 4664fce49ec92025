"""The login token, and the sessions that are signed with it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from livermore.kernel.clock import Clock

WEEK = 7 * 24 * 3600 * 1000


class Token:
    """Recognise one token without telling, by the time it takes, how much of a guess was right."""

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)

    def matches(self, given: str) -> bool:
        """Say whether this is the token."""
        return hmac.compare_digest(self._digest, _digest(given))


class Sessions:
    """Make and check session cookies: random, signed with a key drawn from the token, good for a week.

    Nothing is stored, so a session outlives a restart as long as the token stays; a new token ends them all.
    """

    def __init__(self, token: str, clock: Clock) -> None:
        self._key = _digest("session\x1f" + token)
        self._clock = clock

    def open(self) -> str:
        """Return the value of a new session's cookie."""
        content = f"{secrets.token_urlsafe(18)}.{self._clock.now() + WEEK}"
        return f"{content}.{self._signature(content)}"

    def is_open(self, cookie: str) -> bool:
        """Say whether a cookie is ours and not yet too old."""
        content, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(self._signature(content).encode(), signature.encode()):
            return False
        return int(content.rpartition(".")[2]) > self._clock.now()

    def _signature(self, content: str) -> str:
        return hmac.new(self._key, content.encode(), hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
