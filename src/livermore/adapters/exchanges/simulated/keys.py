"""The keys that a simulated exchange has given out, and whether something was signed with one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Literal

import msgspec

Power = Literal["view", "trade", "withdraw"]
VIEW: tuple[Power, ...] = ("view",)
PAIR = 64  # bytes of a signature of two numbers


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key: its name, what proves it, and what it may do.

    `proof` is the shared secret of HMAC, or a public key as PEM (Ed25519; RSA at Binance, P-256 at Coinbase).
    `account` is what the account itself may do, whatever the key. Without `addresses` it may come from any.
    """

    name: str
    proof: str
    may: tuple[Power, ...] = VIEW
    account: tuple[Power, ...] = ("view", "trade", "withdraw")
    addresses: tuple[str, ...] = ()

    def admits(self, address: str) -> bool:
        """Say whether the key may be used from an address."""
        return not self.addresses or address in self.addresses


class Keys:
    """Find keys by name."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = {key.name: key for key in keys}

    def get(self, name: object) -> Key | None:
        """Return a key, or None for a name that was never given out."""
        return self._keys.get(name) if isinstance(name, str) else None


def proves(key: Key, content: bytes, signature: bytes) -> bool:
    """Say whether content was signed with a key; a P-256 signature is its two numbers in a row."""
    if not key.proof.startswith("-----BEGIN"):
        right = hmac.new(key.proof.encode(), content, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right.encode(), signature)
    from cryptography.exceptions import InvalidSignature

    try:
        _verify(key.proof, content, signature)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify(pem: str, content: bytes, signature: bytes) -> None:
    """Raise InvalidSignature when a signature is not that of the private half of a key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = load_pem_public_key(pem.encode())
    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(signature, content)
    elif isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(public, ec.EllipticCurvePublicKey) and len(signature) == PAIR:
        numbers = (int.from_bytes(signature[: PAIR // 2]), int.from_bytes(signature[PAIR // 2 :]))
        public.verify(utils.encode_dss_signature(*numbers), content, ec.ECDSA(hashes.SHA256()))
    else:
        raise ValueError("no key or no signature of a kind that exchanges take")
