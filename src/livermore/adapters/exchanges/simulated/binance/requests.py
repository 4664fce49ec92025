"""What a client may ask over the socket, and how it is answered."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_UNKNOWN_PROPERTY, _WRONG_VALUE, _INVALID_REQUEST, _INVALID_JSON = range(4)


class Subscriber(Protocol):
    """Whose requests are answered."""

    combined: bool
    streams: set[str]

    def changed(self) -> None:
        """Take note that other streams are asked for."""
        ...


class Fault(Exception):
    """A request cannot be answered."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def answer(text: str, subscriber: Subscriber) -> bytes:
    """Do what a request asks and return the answer."""
    number = None
    try:
        request = _read(text)
        number = request.get("id")
        return msgspec.json.encode({"result": _do(request, subscriber), "id": number})
    except Fault as fault:
        return msgspec.json.encode({"code": fault.code, "msg": fault.message, "id": number})


def _read(text: str) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Fault(_INVALID_JSON, f"Invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise Fault(_INVALID_REQUEST, "Invalid request: a request is an object")
    return request


def _do(request: dict[str, Any], subscriber: Subscriber) -> Any:
    method, params = request.get("method"), request.get("params", [])
    if method == "LIST_SUBSCRIPTIONS":
        return sorted(subscriber.streams)
    if method == "SET_PROPERTY":
        return _set_property(params, subscriber)
    if method == "GET_PROPERTY":
        return _get_property(params, subscriber)
    if method not in _METHODS:
        expected = ", ".join(f"`{name}`" for name in _METHODS)
        raise Fault(
            _INVALID_REQUEST, f"Invalid request: unknown variant `{method}`, expected one of {expected}"
        )
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise Fault(_INVALID_REQUEST, "Invalid request: `params` must be a list of stream names")
    change = subscriber.streams.update if method == "SUBSCRIBE" else subscriber.streams.difference_update
    change(params)
    subscriber.changed()
    return None


def _set_property(params: Any, subscriber: Subscriber) -> None:
    match params:
        case ["combined", bool(value)]:
            subscriber.combined = value
        case ["combined", _]:
            raise Fault(_WRONG_VALUE, "Invalid value type: expected Boolean")
        case _:
            raise Fault(_UNKNOWN_PROPERTY, "Unknown property")


def _get_property(params: Any, subscriber: Subscriber) -> bool:
    if params != ["combined"]:
        raise Fault(_UNKNOWN_PROPERTY, "Unknown property")
    return subscriber.combined
