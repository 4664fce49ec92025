"""Keys for tests: both halves of each kind, and tokens made with them without our own signer."""

import base64
import json
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from livermore.adapters.exchanges.simulated import Key, Power

CURVE = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)
VIEW: tuple[Power, ...] = ("view",)


class Made(NamedTuple):
    """A key as its owner has it: its name and its secret."""

    name: str
    secret: str


def private_pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """The private half."""
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


def public_pem(key: Any) -> str:
    """The public half."""
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def given(name: str, key: Any, *may: Power, **more: Any) -> Key:
    """What an exchange keeps of a key whose private half is ours; a text is a shared secret."""
    proof = key if isinstance(key, str) else public_pem(key)
    return Key(name=name, proof=proof, may=may or VIEW, **more)


def token(name: str, now: int, *, signer: Any = CURVE, alg: str = "ES256", **claims: Any) -> str:
    """A token for a key of Coinbase's, good at a time (ms) unless claims say otherwise."""
    header = {"alg": alg, "kid": name, "nonce": "ab", "typ": "JWT"}
    seconds = now // 1000
    content = {"sub": name, "iss": "cdp", "nbf": seconds, "exp": seconds + 120} | claims
    head = ".".join(_text(json.dumps(part).encode()) for part in (header, content))
    return f"{head}.{_text(_signed(signer, head.encode()))}"


def _signed(signer: Any, content: bytes) -> bytes:
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return signer.sign(content)
    one, other = decode_dss_signature(signer.sign(content, ec.ECDSA(hashes.SHA256())))
    return one.to_bytes(32) + other.to_bytes(32)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
