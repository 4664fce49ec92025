"""Signed requests, judged in Binance's order: a key, its time, its signature, what it may do."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

from aiohttp import web

from livermore.adapters.exchanges.simulated.binance.parameters import number_of
from livermore.adapters.exchanges.simulated.binance.refusals import RefusalError, missing
from livermore.adapters.exchanges.simulated.keys import Key, Keys, proves

AHEAD = 1000  # ms
WINDOW, LONGEST_WINDOW = 5000, 60_000  # ms
_KEY = re.compile(r"[\w-]{1,128}", re.ASCII)


def key_of(request: web.Request, keys: Keys, now: int) -> Key:
    """Return the key that a request is signed with, at a time in ms. Errors: RefusalError."""
    name = request.headers.get("X-MBX-APIKEY", "")
    if not _KEY.fullmatch(name):
        raise RefusalError(-2014, "API-key format invalid.", status=401)
    _check_time(request, now)
    key = keys.get(name)
    if key is None or not key.admits(request.remote or ""):
        raise not_permitted()
    content, signed, signature = request.raw_path.partition("?")[2].rpartition("&signature=")
    if not signed:
        raise missing("signature")
    if not proves(key, content.encode(), _bytes(unquote(signature), key)):
        raise RefusalError(-1022, "Signature for this request is not valid.")
    return key


def not_permitted() -> RefusalError:
    """Refuse a key that is not known, comes from elsewhere, or may not do this."""
    return RefusalError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def _check_time(request: web.Request, now: int) -> None:
    stamp, window = number_of(request.query, "timestamp"), number_of(request.query, "recvWindow")
    if stamp is None:
        raise missing("timestamp")
    if window is not None and window > LONGEST_WINDOW:
        raise RefusalError(-1131, f"recvWindow must be less than {LONGEST_WINDOW}.")
    if stamp >= now + AHEAD:
        raise RefusalError(-1021, f"Timestamp for this request was {AHEAD}ms ahead of the server's time.")
    if now - stamp > (WINDOW if window is None else window):
        raise RefusalError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _bytes(signature: str, key: Key) -> bytes:
    """Return a signature as its key makes it: in hexadecimal with a shared secret, else in base64."""
    if not key.proof.startswith("-----BEGIN"):
        return signature.encode()
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
