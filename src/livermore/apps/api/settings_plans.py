"""Changes of settings that are looked at before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query, Request
from starlette.responses import Response

from livermore.apps.access.caller import Operator
from livermore.apps.api.replies import described, reply
from livermore.apps.api.settings_answers import PATH, etag
from livermore.apps.api.settings_bodies import WriteOptions, Writing, described_body, drafting_of
from livermore.apps.api.settings_shapes import AppliedShape, applied_shape
from livermore.kernel.errors import ConflictError
from livermore.settings.plan import Plan
from livermore.settings.ports import RevisionMovedError

if TYPE_CHECKING:
    from livermore.bootstrap import System

PlanId = Annotated[str, Path(max_length=100, description="The id of a plan.")]


def add_routes(app: FastAPI, system: System) -> None:
    """Serve plans."""

    @app.post(f"{PATH}/plan", responses=described(Plan), tags=["settings"],
              openapi_extra=described_body(document=True, patches=True))  # fmt: skip
    async def plan(request: Request, caller: Operator) -> Response:
        """Say what a change would do, and store nothing: differences, effects, requests, seconds, warnings.

        The body is that of PUT or of PATCH.
        """
        return reply(await system.planner.plan(caller.scope(), await drafting_of(request)))

    @app.post(f"{PATH}/plan/{{id}}/apply", responses=described(AppliedShape), tags=["settings"])
    async def apply(id: PlanId, write: Writing, options: Annotated[WriteOptions, Query()]) -> Response:  # noqa: A002 - the word on the wire
        """Store what was planned, have it hold, and say whether it does.

        409 when the revision that it was planned on is not the newest any more, or the plan has expired.
        """
        try:
            applied = await system.planner.apply(write.scope, id, write.by(options.reason))
        except RevisionMovedError as error:
            raise ConflictError(error.what, hint="plan anew") from None
        return reply(applied_shape(applied), headers=etag(applied.change.revision))
