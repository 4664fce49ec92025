"""What people read of a network that failed: plain words, whichever library said it and however deep."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp
import pytest

from livermore.market.failures import UNKNOWN, in_plain_words


def behind(inner: BaseException) -> Exception:
    """An error of a library that says little of itself."""
    try:
        raise RuntimeError("ClientConnectorError: [Errno 111] ssl:default") from inner
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "nothing listens there"),
        (ConnectionResetError("Cannot write to closing transport"), "the connection was cut"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "this machine is not on the network"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "its name is not known to the network",
        ),
        (ssl.SSLCertVerificationError(1, "self-signed"), "its certificate is not trusted"),
        (ssl.SSLError(1, "wrong version number"), "no encrypted connection could be made"),
        (TimeoutError(), "there was no answer in time"),
        (aiohttp.ServerDisconnectedError(), "the connection was cut"),
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), "the connection was cut"),
        (aiohttp.ClientPayloadError("not enough data"), "the answer was cut short"),
        (aiohttp.InvalidURL("http://["), "its address is none"),
        (ValueError("something else"), UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_a_failure_is_told_in_plain_words(error: BaseException | None, words: str) -> None:
    assert in_plain_words(error) == words
    if error is not None:
        assert in_plain_words(behind(error)) == words
