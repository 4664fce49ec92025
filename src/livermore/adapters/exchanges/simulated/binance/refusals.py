"""How Binance refuses a request."""

from __future__ import annotations

import msgspec
from aiohttp import web


class RefusalError(Exception):
    """A request that Binance answers with a code and, mostly, HTTP 400."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid_symbol() -> RefusalError:
    """Refuse a symbol that is not listed."""
    return RefusalError(-1121, "Invalid symbol.")


def invalid_interval() -> RefusalError:
    """Refuse an interval that is not offered."""
    return RefusalError(-1120, "Invalid interval.")


def illegal(parameter: str, pattern: str) -> RefusalError:
    """Refuse a parameter with characters that it must not have."""
    return RefusalError(
        -1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{pattern}'."
    )


def missing(parameter: str) -> RefusalError:
    """Refuse a request without a parameter that it must have."""
    return RefusalError(
        -1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."
    )


def body(code: int, message: str) -> bytes:
    """Write the body of an error."""
    return msgspec.json.encode({"code": code, "msg": message})


def response(status: int, code: int, message: str, retry_after: int | None = None) -> web.Response:
    """Answer with an error."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.Response(
        status=status, body=body(code, message), content_type="application/json", headers=headers
    )
