"""How often a password may be guessed: the rules, and under which names the guesses are counted."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address

import msgspec

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
DISAGREEMENT = MINUTE  # by which the clocks of two processes may differ
# Whoever rents one address of the sixth version has all that share its first half.
HALF = 64  # bits


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Let some guesses pass, then make each wait twice as long as the one before; times are ms.

    `memory` after the last one that was counted, all are forgotten; it is longer than any wait.
    """

    free: int
    first_wait: int
    longest_wait: int
    memory: int

    def wait_after(self, failures: int) -> int:
        """Return how long the next guess waits after so many."""
        if failures < self.free:
            return 0
        doubled = min(failures - self.free, 40)  # farther than any wait
        return min(self.first_wait << doubled, self.longest_wait)

    def refuses_until(self, until: int, now: int) -> int:
        """Return until when a stored time (ms UTC) refuses; 0 for one that a clock wrote which ran ahead."""
        return until if until - now <= self.longest_wait + DISAGREEMENT else 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted under one name; times are ms UTC."""

    failures: int
    refused_until: int
    forgotten_at: int


PAIR = Rule(free=5, first_wait=2 * SECOND, longest_wait=15 * MINUTE, memory=DAY)
# Strangers can use these up for others: they are wide, and the account's waits stay short.
ACCOUNT = Rule(free=40, first_wait=1 * SECOND, longest_wait=30 * SECOND, memory=DAY)
ADDRESS = Rule(free=40, first_wait=2 * SECOND, longest_wait=15 * MINUTE, memory=DAY)
KNOWN_FOR = 90 * DAY


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A guess at an account from an address, and the names (32 bytes each) under which it is counted."""

    account: str
    address: str

    @property
    def pair(self) -> bytes:
        """Name this account from this address."""
        return _name("pair", self.account, network(self.address))

    @property
    def known(self) -> bytes:
        """Name the fact that this account was once logged in to from this address."""
        return _name("known", self.account, network(self.address))

    @property
    def from_anywhere(self) -> bytes:
        """Name this account, from wherever."""
        return _name("account", self.account)

    @property
    def at_anybody(self) -> bytes:
        """Name this address, whoever is guessed at."""
        return _name("address", network(self.address))

    def rules(self, *, known: bool) -> dict[bytes, Rule]:
        """Return the rules of this guess by name.

        Where the account was logged in to before, nobody else's guesses count against it.
        """
        own = {self.pair: PAIR}
        return own if known else own | {self.from_anywhere: ACCOUNT, self.at_anybody: ADDRESS}


def counted(rule: Rule, failures: int, now: int) -> Tally:
    """Return what holds after so many guesses, the last of them now."""
    wait = rule.wait_after(failures)
    # Clocks differ a little: a time of now would already refuse somebody's guess of this very moment.
    until = now + wait if wait else 0
    return Tally(failures=failures, refused_until=until, forgotten_at=now + rule.memory)


def network(address: str) -> str:
    """Return whose address this is: itself, or of the sixth version the half that one customer gets."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return f"{int(ip) >> HALF:x}::/{HALF}"


def _name(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).digest()
