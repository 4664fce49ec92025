"""What there is to ask: every route of the application itself, whether it is described or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from livermore.apps.access.caller import Needs, NeedsNothing, StatedRoute
from livermore.apps.api.openapi import description
from livermore.apps.isolation.samples import sample
from livermore.kernel.role import Role, covers

# What the interface says, to be held against what the routes say of themselves.
OPEN = frozenset({"/healthz", "/readyz", "/api/v1/login"})
ADMINS = ("/api/v1/users", "/metrics")
# A viewer logs out, and has a password, tokens and preferences: all of them the viewer's own.
OWN = ("/api/v1/logout", "/api/v1/me/password", "/api/v1/tokens", "/api/v1/preferences")
# Questions that are too long for an address: they change nothing.
QUESTIONS = frozenset({
    "/api/v1/symbols/validate", "/api/v1/symbols/import/preview", "/api/v1/symbols/proposal/try",
})  # fmt: skip


class Operation(NamedTuple):
    """One method of one route; `stated` is the role that it asks for, None where it is for everybody."""

    method: str
    path: str
    stated: Role | None
    parameters: tuple[str, ...]
    body: Any

    @property
    def label(self) -> str:
        """Return what to call it."""
        return f"{self.method.upper()} {self.path}"

    @property
    def is_safe(self) -> bool:
        """Say whether it changes nothing."""
        return self.method == "get" or self.path in QUESTIONS

    @property
    def is_administration(self) -> bool:
        """Say whether it is for admins to read and change what concerns others."""
        return self.path.startswith(ADMINS)

    def opens_to(self, role: Role | None) -> bool:
        """Say whether it is for callers of a role, by its own word."""
        return self.stated is None or (role is not None and covers(role, self.stated))

    @property
    def least(self) -> Role | None:
        """Return the lowest role that the interface lets in."""
        if self.path in OPEN:
            return None
        if self.is_administration:
            return "admin"
        return "viewer" if self.is_safe or self.path.startswith(OWN) else "operator"

    @property
    def is_too_open(self) -> bool:
        """Say whether it asks for less than the interface does."""
        return self.least is not None and (self.stated is None or not covers(self.stated, self.least))


def operations(app: FastAPI) -> list[Operation]:
    """Return every operation of the API."""
    document = description(app)
    return [
        _operation(route, method.lower(), document)
        for route in app.routes
        if isinstance(route, StatedRoute)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def unstated(app: FastAPI) -> list[str]:
    """Return the paths of the API's routes that cannot state a role: there should be none."""
    return [str(getattr(route, "path", route)) for route in app.routes if not isinstance(route, StatedRoute)]


def page_paths(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Yield the paths of pages and files, those of mounted applications included."""
    for route in routes:
        if isinstance(route, Mount):
            yield from page_paths(list(route.routes or []), prefix + route.path)
            yield f"{prefix}{route.path}/anything"
        elif isinstance(route, Route | APIRoute):
            yield prefix + route.path


def _operation(route: StatedRoute, method: str, document: dict[str, Any]) -> Operation:
    described = document["paths"].get(route.path_format, {}).get(method, {})
    parameters = (each["name"] for each in described.get("parameters", ()) if each["in"] == "query")
    content = described.get("requestBody", {}).get("content", {})
    schemas = [each["schema"] for each in content.values()]
    body = sample(schemas[0], document) if schemas else None
    return Operation(method, route.path_format, _stated(route), tuple(parameters), body)


def _stated(route: StatedRoute) -> Role | None:
    """Return the role; one that states nothing is refused to all, so that nobody should get in."""
    stated = route.stated
    if isinstance(stated, Needs):
        return stated.role
    return None if isinstance(stated, NeedsNothing) else "admin"
