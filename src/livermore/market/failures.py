"""What went wrong on the way to an exchange, in plain words instead of those of a library."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

_BY_NUMBER = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.ECONNRESET: "the connection was cut",
    errno.ECONNABORTED: "the connection was cut",
    errno.EPIPE: "the connection was cut",
    errno.ENETUNREACH: "this machine is not on the network",
    errno.EHOSTUNREACH: "the network does not lead there",
    errno.ETIMEDOUT: "there was no answer in time",
}
_BY_KIND: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "there was no answer in time"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "no encrypted connection could be made"),
    (socket.gaierror, "its name is not known to the network"),
    (ConnectionError, "the connection was cut"),
)
_BY_NAME = {
    "ServerDisconnectedError": "the connection was cut",
    "ClientConnectionResetError": "the connection was cut",
    "ClientPayloadError": "the answer was cut short",
    "InvalidURL": "its address is none",
    "InvalidUrlClientError": "its address is none",
    "WebSocketError": "what it sent could not be read",
}
UNKNOWN = "the network failed"


def in_plain_words(error: BaseException | None) -> str:
    """Say what a failure of the network means, looking through the errors that led to it."""
    for one in _chain(error):
        for kind, words in _BY_KIND:
            if isinstance(one, kind):
                return _of_number(one) or words
        told = _of_number(one) or _BY_NAME.get(type(one).__name__)
        if told:
            return told
    return UNKNOWN


def _of_number(error: BaseException) -> str | None:
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those behind it, the innermost first: it knows best."""
    behind = None if error is None else getattr(error, "os_error", None) or error.__cause__
    if isinstance(behind, BaseException):
        yield from _chain(behind)
    if error is not None:
        yield error
