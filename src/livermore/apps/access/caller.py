"""Who is asking, and what they may: every route states the role that it needs, or is refused to everybody."""

# Without postponed annotations: FastAPI reads those of an instance's __call__ as they stand.
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from livermore.accounts.principal import Principal
from livermore.apps.access.visit import visit_of
from livermore.kernel.errors import NotAllowedError
from livermore.kernel.role import Role, covers

MISSING = "no role is stated for this route, so that nobody may use it"


class Needs:
    """Hand a route its caller; refuse one whose role is too low with NotAllowedError."""

    def __init__(self, role: Role) -> None:
        self.role: Role = role

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Return the caller whom the gate let in."""
        principal = visit_of(connection.scope).principal
        if principal is None:
            raise NotAllowedError("a login is needed")
        check_role(principal, self.role)
        return principal


def check_role(principal: Principal, needed: Role) -> None:
    """Raise NotAllowedError where a caller's role is too low."""
    if not covers(principal.role, needed):
        raise NotAllowedError(f"this needs the role {needed}, and this login has the role {principal.role}")


class NeedsNothing:
    """State that a route is for everybody, logged in or not."""

    async def __call__(self) -> None:
        """Let everybody in."""


Viewer = Annotated[Principal, Depends(Needs("viewer"))]
Operator = Annotated[Principal, Depends(Needs("operator"))]
Admin = Annotated[Principal, Depends(Needs("admin"))]
FOR_ALL = Depends(NeedsNothing())


class StatedRoute(APIRoute):
    """A route that answers only when it states for whom it is."""

    @property
    def stated(self) -> Needs | NeedsNothing | None:
        """Return what the route needs; None when it does not say."""
        return next(_stated(self.dependant), None)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers, or what refuses where no role is stated."""
        return super().get_route_handler() if self.stated is not None else _refuse


def _stated(dependant: Dependant) -> Any:
    for below in dependant.dependencies:
        if isinstance(below.call, Needs | NeedsNothing):
            yield below.call
        yield from _stated(below)


async def _refuse(_: Request) -> Response:
    raise NotAllowedError(MISSING)
