"""A request as the gate sees it: what it wants, what it shows, and where it comes from."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from livermore.apps.access.doorway import Doorway

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN = "unknown"


class Visitor:
    """Read what the gate needs from an ASGI scope of type `http` or `websocket`.

    What a proxy tells of scheme and address is believed where the doorway trusts the proxy.
    """

    def __init__(self, scope: Scope, doorway: Doorway) -> None:
        self.path: str = scope["path"]
        self.headers = Headers(scope=scope)
        self.is_websocket = scope["type"] == "websocket"
        self.method: str = "GET" if self.is_websocket else scope["method"]
        self._scheme: str = scope["scheme"]
        self._peer: str = (scope.get("client") or (UNKNOWN, 0))[0]
        self._doorway = doorway
        self._query: bytes = scope["query_string"]

    @property
    def is_secure(self) -> bool:
        """Say whether the browser's connection is encrypted."""
        scheme = self._scheme
        if self._doorway.trusts(self._peer):
            scheme = [scheme, *self._told("x-forwarded-proto")][-1]
        return scheme in {"https", "wss"}

    @property
    def address(self) -> str:
        """Return where the request comes from: the last address of the way that no proxy of ours has."""
        way = [*map(_without_port, self._told("x-forwarded-for")), self._peer]
        while len(way) > 1 and self._doorway.trusts(way[-1]):
            way.pop()
        return way[-1]

    def _told(self, name: str) -> list[str]:
        """Return what proxies have added to a header, one after the other."""
        told = ",".join(self.headers.getlist(name))
        return [part.strip() for part in told.split(",") if part.strip()]

    @property
    def host(self) -> str:
        """Return the name in the Host header, without its port."""
        try:
            return (urlsplit("//" + self.headers.get("host", "")).hostname or "").lower()
        except ValueError:
            return ""

    @property
    def has_nul(self) -> bool:
        """Say whether path or query hold what no database takes."""
        return "\0" in self.path or b"%00" in self._query or b"\0" in self._query

    @property
    def is_safe(self) -> bool:
        """Say whether the method changes nothing."""
        return self.method in SAFE_METHODS

    @property
    def wants_page(self) -> bool:
        """Say whether a person in a browser is asking, rather than a program."""
        return self.method in {"GET", "HEAD"} and "text/html" in self.headers.get("accept", "")

    @property
    def bearer(self) -> str | None:
        """Return the token of the Authorization header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """Return the query's parameters in their order."""
        return parse_qsl(self._query.decode("latin-1"), keep_blank_values=True)

    def parameter(self, name: str) -> str | None:
        """Return one parameter of the query."""
        return dict(self.query).get(name)

    def cookie(self, name: str) -> str | None:
        """Return one cookie."""
        # Read as browsers write them: those of another program under this name may hold anything.
        return cookie_parser(self.headers.get("cookie", "")).get(name)

    def here(self, *, without: str) -> str:
        """Return this address inside the site, without one parameter of its query."""
        rest = urlencode([(name, value) for name, value in self.query if name != without])
        return local("/" + quote(self.path.lstrip("/"))) + ("?" + rest if rest else "")

    def is_from_here(self) -> bool:
        """Say whether a page of this very site sent the request.

        A form is sent with the origin `null` when the page forbids referrers, as ours do; the browser's own
        Sec-Fetch-Site then decides, and without that, nothing does.
        """
        origin = self.headers.get("origin", "null")
        if origin == "null":
            return self.headers.get("sec-fetch-site") == "same-origin"
        try:
            scheme, netloc = urlsplit(origin)[:2]
        except ValueError:
            return False
        # A page that anybody on the way may have written is not ours once ours are encrypted.
        is_alike = scheme == "https" or (scheme == "http" and not self.is_secure)
        return is_alike and netloc.lower() == self.headers.get("host", "").lower()

    @property
    def hides_its_origin(self) -> bool:
        """Say whether nothing tells where a form was sent from, as in browsers without Sec-Fetch-Site."""
        return self.headers.get("origin") == "null" and "sec-fetch-site" not in self.headers

    def is_from_elsewhere(self) -> bool:
        """Say whether a page of another site is known to have sent the request."""
        return "origin" in self.headers and not self.is_from_here()


def _without_port(address: str) -> str:
    """Return an address without the port that some proxies write behind it."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if ":" not in port else address


def local(path: str) -> str:
    """Return a path of this site; what could lead to another one becomes the first page."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe else "/"
