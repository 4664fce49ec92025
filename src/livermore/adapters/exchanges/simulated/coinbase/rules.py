"""What a client of Coinbase must keep to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinbaseRules:
    """What a connection and an address must keep to; times in seconds of the wall."""

    messages_per_second: int = 8
    subscribe_within: float = 5.0
    silence: float = 75.0
    requests_per_second: int = 10
    private_requests_per_second: int = 30
    cached_for: float = 1.0
    most_unread: int = 2**24
