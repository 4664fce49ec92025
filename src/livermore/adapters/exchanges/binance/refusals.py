"""What Binance's refusals mean to us: one table from status and code to the kernel's errors."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from livermore.adapters.exchanges.binance.wire import Fault
from livermore.kernel.errors import (
    BlockedError,
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    NotFoundError,
    RateLimitedError,
)

TOO_MANY = frozenset({418, 429})
KEY_REFUSED = "check the key, its permission to read, and the addresses that it is allowed from"
WRONG_SIGNATURE = "check that the secret is the one of this key"
NOT_HERE = "Binance does not serve this country or address: try `livermore exchanges add binance_us`"
FIREWALL = "Binance's firewall refused this address; wait some minutes, or try from another network"
_REFUSED: dict[int, tuple[type[ExchangeRefusedError], str]] = {
    401: (ExchangeRefusedError, NOT_HERE),
    403: (ExchangeRefusedError, FIREWALL),
    451: (BlockedError, NOT_HERE),
}
_WAIT_BY_STATUS = {429: 60.0, 418: 120.0}
_BY_CODE: dict[int, type[LivermoreError]] = {
    -1000: ExchangeUnreachableError,
    -1007: ExchangeUnreachableError,
    -1008: ExchangeUnreachableError,
    -1021: ExchangeUnreachableError,
    -1121: NotFoundError,
}
_OF_A_KEY = {-1022: WRONG_SIGNATURE, -2014: KEY_REFUSED, -2015: KEY_REFUSED}


class NoInterfaceError(ExchangeUnreachableError):
    """The exchange has nothing at this address."""


def refusal(status: int, headers: Mapping[str, str], body: bytes, where: str) -> LivermoreError:
    """Return the error that an answer other than 200 stands for."""
    fault = read_fault(body)
    if status in TOO_MANY or fault.code == -1003:
        return RateLimitedError(
            fault.msg or "Binance asks us to slow down", where=where, retry_after=retry_after(status, headers)
        )
    if fault.code in _OF_A_KEY:
        return ExchangeRefusedError(fault.msg, where=where, hint=_OF_A_KEY[fault.code])
    if status in _REFUSED:
        kind, hint = _REFUSED[status]
        return kind(fault.msg or f"Binance refuses to serve us: HTTP {status}", where=where, hint=hint)
    if fault.code in _BY_CODE:
        return _BY_CODE[fault.code](fault.msg, where=where)
    if status == 400 and fault.code:
        return InvalidError(fault.msg, where=where)
    absent = NoInterfaceError if status == 404 else ExchangeUnreachableError
    return absent(f"Binance answered HTTP {status}", where=where)


def read_fault(body: bytes) -> Fault:
    """Read an error's body; a body that is none has code 0 and says nothing."""
    try:
        return msgspec.json.decode(body, type=Fault)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Fault(0)


def retry_after(status: int, headers: Mapping[str, str]) -> float:
    """Return the seconds of `Retry-After`, or what is usual for the status."""
    told = headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() else _WAIT_BY_STATUS.get(status, 60.0)
