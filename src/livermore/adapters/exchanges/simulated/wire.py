"""What goes over the wire around a frame."""

from __future__ import annotations


def on_the_wire(payload: bytes) -> bytes:
    """Return a text frame of the WebSocket protocol, as a server sends it (RFC 6455, 5.2)."""
    length = len(payload)
    if length < 126:
        return b"\x81%c%b" % (length, payload)
    if length < 2**16:
        return b"\x81\x7e%b%b" % (length.to_bytes(2), payload)
    return b"\x81\x7f%b%b" % (length.to_bytes(8), payload)
