"""What a client may ask over the socket."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from livermore.adapters.exchanges.simulated.coinbase.frames import CHANNELS, HEARTBEATS, OF_PRODUCTS

KINDS = ("subscribe", "unsubscribe")


class Request(NamedTuple):
    """A channel and the products, by their canonical names, that a client does or no longer does ask for."""

    subscribes: bool
    channel: str
    products: tuple[str, ...]


class RequestError(Exception):
    """A request that is answered with an error frame."""


class Products(Protocol):
    """The names of products, each with the one under which it is told."""

    @property
    def listed(self) -> Mapping[str, str]:
        """Return those that may be asked for."""
        ...

    @property
    def ever(self) -> Mapping[str, str]:
        """Return those too that are listed no more, of which a client may want to hear no more either."""
        ...


def request_of(text: str, products: Products, admits: Callable[[object], bool]) -> Request:
    """Read a request; `admits` says whether a token is good."""
    asked = _read(text)
    kind, channel = asked.get("type"), asked.get("channel")
    if kind not in KINDS:
        raise RequestError("message type is not known")
    if "jwt" in asked and not admits(asked["jwt"]):
        raise RequestError("authentication failure")
    if channel not in CHANNELS:
        raise RequestError(f"failure to {kind}")
    subscribes = kind == "subscribe"
    known = products.listed if subscribes else products.ever
    return Request(subscribes, channel, _products(asked, kind, channel, known))


def error(message: str) -> bytes:
    """Write an error frame: it has a type and no channel."""
    return msgspec.json.encode({"type": "error", "message": message})


def _read(text: str) -> dict[str, Any]:
    try:
        asked = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
        raise RequestError("message is not valid JSON") from fault
    if not isinstance(asked, dict):
        raise RequestError("message is not valid JSON")
    return asked


def _products(
    asked: Mapping[str, Any], kind: str, channel: str, canonical: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the products that a request names: all where it names none and the channel allows that."""
    if channel == HEARTBEATS:
        return (HEARTBEATS,)
    names = asked.get("product_ids", [])
    if not isinstance(names, list) or not all(_is_known(name, canonical) for name in names):
        raise RequestError(f"failure to {kind}")
    if not names and channel in OF_PRODUCTS:
        raise RequestError(f"failure to {kind}")
    return tuple(dict.fromkeys(canonical[name] for name in names or canonical))


def _is_known(name: object, canonical: Collection[str]) -> bool:
    return isinstance(name, str) and name in canonical
