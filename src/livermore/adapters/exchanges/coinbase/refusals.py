"""What Coinbase's refusals mean to us: one table from status and words to the kernel's errors."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from livermore.adapters.exchanges.coinbase.wire import Fault
from livermore.kernel.errors import (
    BlockedError,
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    NotFoundError,
    RateLimitedError,
)

LONGEST_WAIT = 3600.0
KEY_REFUSED = "check the key, its permission to view, and this machine's clock: a token lives for two minutes"
NOT_HERE = "Coinbase refuses this address: try from another network"
_BY_STATUS: dict[int, type[LivermoreError]] = {
    400: InvalidError,
    403: ExchangeRefusedError,
    404: NotFoundError,
    451: BlockedError,
}


def refusal(status: int, body: bytes, where: str, *, signed: bool = False) -> LivermoreError:
    """Return the error that an answer stands for which is neither 200 nor a demand to slow down."""
    words = words_of(body)
    if status == 401 and signed:
        return ExchangeRefusedError(
            words or "Coinbase does not accept the key", where=where, hint=KEY_REFUSED
        )
    kind = _BY_STATUS.get(status)
    if kind is None:
        return ExchangeUnreachableError(f"Coinbase answered HTTP {status}", where=where)
    what = words or f"Coinbase answered HTTP {status}"
    return kind(what, where=where, hint=_hint(kind, signed=signed))


def _hint(kind: type[LivermoreError], *, signed: bool) -> str | None:
    if kind is ExchangeRefusedError and signed:
        return KEY_REFUSED
    return NOT_HERE if issubclass(kind, ExchangeRefusedError) else None


def too_many(body: bytes, where: str, wait: float) -> RateLimitedError:
    """Return the error for being asked to slow down, whatever form that took."""
    return RateLimitedError(words_of(body) or "Coinbase asks us to slow down", where=where, retry_after=wait)


def words_of(body: bytes) -> str:
    """Return what an error's body says, in any of its shapes; nothing of one that is no JSON."""
    try:
        fault = msgspec.json.decode(body, type=Fault)
    except (ValueError, RecursionError):
        return ""
    first = fault.errors[0] if fault.errors else fault
    return first.error_details or first.message or first.error or first.id


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, at most an hour; None when it is not told."""
    told = headers.get("Retry-After", "")
    return min(float(told), LONGEST_WAIT) if told.isascii() and told.isdigit() else None
