"""What each request costs, and who has asked for too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.kernel.clock import Clock

WINDOW = 60.0
BAN = 120.0
PREFIX = "/api/v3/"
_WEIGHTS = {"ping": 1, "time": 1, "exchangeInfo": 20, "klines": 2, "account": 20}


class Verdict(NamedTuple):
    """Whether a request is served (200), too much (429) or banned (418), and what has been used."""

    status: int
    used: int
    retry_after: int


@dataclass(slots=True)
class _Account:
    """One address within one minute."""

    since: float
    used: int = 0
    refused: int = 0
    banned_until: float = 0.0


class Weights:
    """Count request weight by address and minute of the wall."""

    def __init__(self, clock: Clock, limit: int, counters: Counters, *, patience: int = 5) -> None:
        self._clock = clock
        self._limit = limit
        self._counters = counters
        self._patience = patience
        self._accounts: dict[str, _Account] = {}

    def charge(self, address: str, path: str, query: Mapping[str, str]) -> Verdict:
        """Charge a request to an address and judge it."""
        now = self._clock.monotonic()
        account = self._account(address, now)
        weight = weight_of(path, query)
        account.used += weight
        self._counters.weight += weight
        if account.used > self._limit and now >= account.banned_until:
            account.refused += 1
            if account.refused > self._patience:
                account.banned_until = now + BAN
        return self._verdict(account, now)

    def _account(self, address: str, now: float) -> _Account:
        account = self._accounts.setdefault(address, _Account(since=now))
        if now - account.since >= WINDOW:
            account.since, account.used, account.refused = now, 0, 0
        return account

    def _verdict(self, account: _Account, now: float) -> Verdict:
        if now < account.banned_until:
            self._counters.banned += 1
            return Verdict(418, account.used, int(account.banned_until - now) + 1)
        if account.used > self._limit:
            self._counters.over_limit += 1
            return Verdict(429, account.used, int(account.since + WINDOW - now) + 1)
        return Verdict(200, account.used, 0)


def weight_of(path: str, query: Mapping[str, str]) -> int:
    """Return what a request costs."""
    name = path.removeprefix(PREFIX)
    return _WEIGHTS.get(name, 1) if name != "ticker/24hr" else _weight_of_days(query)


def _weight_of_days(query: Mapping[str, str]) -> int:
    if "symbol" in query:
        return 2
    count = query["symbols"].count(",") + 1 if "symbols" in query else 101
    return 2 if count <= 20 else 40 if count <= 100 else 80
