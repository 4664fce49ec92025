"""A key to Binance's private interface, and the requests that are signed with it.

Only the names of environment variables are kept; their values are read when a request is signed, and stand
in no error, representation or log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from livermore.accounts.exchange_account import Credentials, value_of
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError

WINDOW = 10_000  # ms that a request may take to arrive
KINDS = "a secret of letters and digits, or an Ed25519 or RSA key as a PEM"
_KEY = re.compile(r"[\w-]{1,128}", re.ASCII)


class Signer:
    """Sign requests, at the time that Binance itself last told."""

    def __init__(self, credentials: Credentials, environment: Mapping[str, str], clock: Clock) -> None:
        self._credentials = credentials
        self._environment = environment
        self._clock = clock
        self._ahead = 0

    def told_time(self, milliseconds: int) -> None:
        """Take the exchange's time: this machine's clock may be wrong."""
        self._ahead = milliseconds - self._clock.now()

    def headers(self) -> dict[str, str]:
        """Return the header that names the key. Errors: InvalidError."""
        variable = self._credentials.key
        name = value_of(variable, self._environment)
        if not _KEY.fullmatch(name):
            raise InvalidError("the environment variable holds no key of Binance's", where=variable)
        return {"X-MBX-APIKEY": name}

    def signed(self, query: Mapping[str, str | int]) -> str:
        """Return the whole query of a request, as it must be sent to the letter. Errors: InvalidError."""
        time = self._clock.now() + self._ahead
        text = urlencode({**query, "recvWindow": WINDOW, "timestamp": time}, quote_via=quote)
        variable = self._credentials.secret
        signature = signature_of(text.encode(), value_of(variable, self._environment), variable)
        return f"{text}&signature={quote(signature, safe='')}"


def signature_of(content: bytes, secret: str, variable: str) -> str:
    """Sign content with a shared secret, else with a private key; raise InvalidError, naming the variable."""
    if secret.startswith("-----BEGIN"):
        return base64.b64encode(_signed_with_pem(content, secret.replace("\\n", "\n"), variable)).decode()
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _signed_with_pem(content: bytes, pem: str, variable: str) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_secret(variable) from None  # what is told of the cause may quote the secret
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(content)
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(content, padding.PKCS1v15(), hashes.SHA256())
    raise _no_secret(variable)


def _no_secret(variable: str) -> InvalidError:
    what = "the environment variable holds no secret that Binance accepts"
    return InvalidError(what, where=variable, hint=KINDS)
