"""What ccxt's errors mean to us: one table from their names, so that this module needs no ccxt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from livermore.kernel.errors import (
    BlockedError,
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
)

USUAL_WAIT = 60.0
NOT_HERE = "it does not serve this country or address: set the host that does in its row (rest_url, ws_url)"
_BY_NAME: dict[str, type[LivermoreError]] = {
    "RateLimitExceeded": RateLimitedError,
    "DDoSProtection": RateLimitedError,
    "BadSymbol": NotFoundError,
    "BadRequest": InvalidError,
    "ArgumentsRequired": InvalidError,
    "AuthenticationError": ExchangeRefusedError,
    "RestrictedLocation": BlockedError,
    "NotSupported": ExchangeRefusedError,
    "BaseError": ExchangeUnreachableError,
}


@contextlib.contextmanager
def translated(where: str, limited: Callable[[], float] = lambda: USUAL_WAIT) -> Iterator[None]:
    """Turn whatever ccxt raises within into one of the kernel's errors.

    `limited` is called when the exchange asks us to slow down, and says for how many seconds.
    """
    try:
        yield
    except LivermoreError:
        raise
    except Exception as error:
        raise refusal(error, where, limited) from error


@contextlib.contextmanager
def streaming(where: str) -> Iterator[None]:
    """Turn errors as `translated` does; a refusal ends the connection, for silence would look like quiet."""
    try:
        with translated(where):
            yield
    except RefusedError as error:
        raise ExchangeUnreachableError(f"a subscription was refused: {error.what}", where=where) from error


def refusal(error: Exception, where: str, limited: Callable[[], float]) -> LivermoreError:
    """Return the error that one of ccxt's stands for; what is none of its own is an unreadable answer."""
    text = _excerpt(error)
    names = (kind.__name__ for kind in type(error).__mro__)
    kind = next((_BY_NAME[name] for name in names if name in _BY_NAME), None)
    if kind is None:
        return ExchangeUnreachableError(f"the answer could not be read: {error!r}", where=where)
    if kind is RateLimitedError:
        return RateLimitedError(text, where=where, retry_after=limited())
    return kind(text, where=where, hint=NOT_HERE if kind is BlockedError else None)


def _excerpt(error: Exception) -> str:
    """Return what an error says; ccxt puts whole pages of HTML into some."""
    return " ".join(str(error).split())[:300] or type(error).__name__
