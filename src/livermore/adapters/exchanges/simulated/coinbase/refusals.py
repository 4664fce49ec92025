"""How Coinbase refuses a request: not always in the same way, and not always in JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from aiohttp import web


class RefusalError(Exception):
    """A request that is answered with an error and its code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """Write the answer."""
        body = {"error": self.code, "error_details": self.message, "message": self.message}
        return web.json_response(body, status=self.status)


def invalid(message: str) -> RefusalError:
    """Refuse a parameter."""
    return RefusalError(400, "INVALID_ARGUMENT", message)


def unknown_product() -> RefusalError:
    """Refuse a product that is not listed."""
    return RefusalError(404, "NOT_FOUND", "valid product_id is required")


def not_permitted() -> RefusalError:
    """Refuse what a key may not do."""
    return RefusalError(403, "PERMISSION_DENIED", "Missing required scopes")


def unauthorized() -> web.Response:
    """Refuse a request without a token that is good for it."""
    body = {"error": "UNAUTHORIZED", "code": 16, "message": "Unauthorized", "details": []}
    return web.json_response(body, status=401)


def too_many() -> Iterator[web.Response]:
    """Refuse one request after the other that came too soon: in JSON, in words, as if a key were missing."""
    body = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
    for way in itertools.cycle(range(3)):
        if way == 0:
            yield web.json_response(body, status=429)
        elif way == 1:
            yield web.Response(text="Too Many Requests", status=429)
        else:
            yield web.Response(text="Unauthorized", status=401)
