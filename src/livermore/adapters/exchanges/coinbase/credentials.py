"""A key to Coinbase's private interface, and the tokens that are signed with it.

Only the names of environment variables are kept; their values are read when a token is made, and stand in no
error, representation or log.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from livermore.accounts.exchange_account import Credentials, value_of
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey

LIFETIME = 120
ISSUER = "cdp"


class Signer:
    """Sign tokens, each good for one request or message, at the time that Coinbase itself last told."""

    def __init__(self, credentials: Credentials, environment: Mapping[str, str], clock: Clock) -> None:
        self._credentials = credentials
        self._environment = environment
        self._clock = clock
        self._ahead = 0

    def told_time(self, milliseconds: int) -> None:
        """Take the exchange's time: this machine's clock may be wrong."""
        self._ahead = milliseconds - self._clock.now()

    def token(self, uri: str | None = None) -> str:
        """Return a new token, for a request made out to its `uri` (`GET host/path`), else for the socket.

        Errors: InvalidError when a variable is not set, or holds no key.
        """
        from joserfc import errors, jws, jwt  # slow to import, and most never need it

        named = self._credentials
        name = value_of(named.key, self._environment)
        algorithm, key = _key_of(value_of(named.secret, self._environment), named.secret)
        now = (self._clock.now() + self._ahead) // 1000
        header = {"alg": algorithm, "kid": name, "nonce": secrets.token_hex(16), "typ": "JWT"}
        claims = {"sub": name, "iss": ISSUER, "nbf": now, "exp": now + LIFETIME}
        if uri is not None:
            claims["uri"] = uri
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        with warnings.catch_warnings():
            # EdDSA has a newer name, which Coinbase does not take.
            warnings.simplefilter("ignore", errors.SecurityWarning)
            return jwt.encode(header, claims, key, registry=registry)


def _key_of(secret: str, variable: str) -> tuple[str, ECKey | OKPKey]:
    """Return the algorithm and the key of a secret, which is a PEM, or base64 of a seed or a key pair."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from joserfc.jwk import ECKey, OKPKey

    text = secret.replace("\\n", "\n")
    try:
        if text.startswith("-----BEGIN"):
            private = load_pem_private_key(text.encode(), None)
        else:
            private = ed25519.Ed25519PrivateKey.from_private_bytes(_seed(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_key(variable) from None  # what is told of the cause may quote the secret
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name == ec.SECP256R1.name:
        return "ES256", ECKey.import_key(private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "EdDSA", OKPKey.import_key(private)
    raise _no_key(variable)


def _seed(text: str) -> bytes:
    """Return the 32 bytes of an Ed25519 seed; of a pair the public half comes second."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
    if len(raw) not in {32, 64}:
        raise ValueError
    return raw[:32]


def _no_key(variable: str) -> InvalidError:
    return InvalidError(
        "the environment variable holds no key that Coinbase accepts",
        where=variable,
        hint="a P-256 key or an Ed25519 key, as a PEM or in base64",
    )
