"""Passwords: what a new one must be, and argon2id, by which alone they are known."""

from __future__ import annotations

import asyncio
import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING

from livermore.kernel.errors import InvalidError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 10, 1000  # characters
FEWEST_DIFFERENT = 4
HINT = "three or four words that have nothing to do with each other are long and easy to keep"
# Only those that are long enough to be allowed otherwise.
TRIED_FIRST = """
0123456789 0987654321 1234567890 1234567891 12345678910 123456789a 1q2w3e4r5t 1qaz2wsx3edc 9876543210
a123456789 abcd123456 abcdefghij
admin12345 adminadmin administrator changeme123 football123 iloveyou12 iloveyou123
letmein123 livermore1 livermore123 p@ssword123 passw0rd123 password01 password10 password12 password123
password1234 passwordpassword princess123 q1w2e3r4t5 qazwsxedcr qwerty1234 qwerty12345 qwerty123456 qwertyuiop
qwertyuiop123 sunshine123 superman123 trustno1trustno1 welcome123 zaq12wsxcde3
"""
COMMONEST = frozenset(TRIED_FIRST.split())


class Passwords:
    """Hash and verify passwords off the event loop, only a few at once: each takes `memory` KiB."""

    def __init__(self, *, memory: int = 47_104, passes: int = 2, together: int = 2) -> None:
        self._memory = memory
        self._passes = passes
        self._room = asyncio.Semaphore(together)

    async def hash(self, password: str) -> str:
        """Return what is stored of a password."""
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, _written(password))

    async def fits(self, stored: str | None, password: str) -> bool:
        """Say whether a password is the stored one; where none is stored, no takes as long."""
        async with self._room:
            return await asyncio.to_thread(self._verify, stored, password)

    def is_dated(self, stored: str) -> bool:
        """Say whether a hash was made in another way than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        # Drawn in any case: the first stranger must not be told from the first user by it.
        nobody = self._nobody
        try:
            self._hasher.verify(stored or nobody, _written(password))
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return PasswordHasher(time_cost=self._passes, memory_cost=self._memory, parallelism=1)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("the password of nobody")


def check_password(password: str, username: str, where: str = "password") -> None:
    """Refuse a new password that is easy to guess, without repeating it; raise InvalidError."""
    fault = _fault(password, username)
    if fault is not None:
        raise InvalidError(fault, where=where, hint=HINT)


def _fault(password: str, username: str) -> str | None:
    plain = password.casefold()
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST:,} characters"
    if username.casefold() in (plain, plain[::-1]):
        return "a password is not the name of its user"
    if len(set(plain)) < FEWEST_DIFFERENT:
        return f"a password has at least {FEWEST_DIFFERENT} different characters"
    return "this password is among the first that anybody tries" if plain in COMMONEST else None


def _written(password: str) -> bytes:
    """Write a password as bytes, the same ones on whatever keyboard it was typed."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
