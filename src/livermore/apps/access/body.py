"""Bodies of requests: no larger than need be."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Message, Receive

LARGEST_BODY = 1_000_000
DIGITS = re.compile(r"[0-9]{1,20}")


class BodyTooLargeError(Exception):
    """The body of a request is larger than anything that is asked of this server."""


async def bounded(headers: Headers, receive: Receive) -> Receive:
    """Return a `receive` whose body is small enough; raise BodyTooLargeError.

    A body without an announced length is read at once, before anybody starts to answer.
    """
    length = headers.get("content-length")
    if length is not None:
        if DIGITS.fullmatch(length) is None or int(length) > LARGEST_BODY:
            raise BodyTooLargeError
        return receive
    return await _read(receive) if "transfer-encoding" in headers else receive


async def _read(receive: Receive) -> Receive:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise BodyTooLargeError
        if not message.get("more_body"):
            break
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
