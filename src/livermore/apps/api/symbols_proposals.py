"""What the scanner proposes: the newest proposal, another one tried out, and what is taken of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, FastAPI, Query, Request
from starlette.responses import Response

from livermore.apps.access.caller import Operator, Viewer
from livermore.apps.api.command_bodies import Patience, described_headers, id_of, source_of
from livermore.apps.api.commands import OUTCOME, answered, waited
from livermore.apps.api.presence import unheard, while_there
from livermore.apps.api.replies import described, reply
from livermore.apps.api.symbols_bodies import AcceptBody, TryBody
from livermore.apps.api.symbols_lookup import on_watchlist
from livermore.apps.api.symbols_shapes import NewestProposalShape
from livermore.kernel.errors import ConflictError, InvalidError, NotFoundError
from livermore.market.scanner import Proposal, filters_of
from livermore.settings.forms import qualify

if TYPE_CHECKING:
    from collections.abc import Collection

    from livermore.apps.api.events import Streams
    from livermore.bootstrap import System

PATH = "/api/v1/symbols/proposal"


def add_routes(app: FastAPI, system: System, streams: Streams) -> None:
    """Serve proposals."""
    _add_reading(app, system)
    _add_taking(app, system, streams)


def _add_reading(app: FastAPI, system: System) -> None:
    @app.get(PATH, responses=described(NewestProposalShape), tags=["symbols"])
    async def proposal(caller: Viewer) -> Response:
        """Return the newest proposal of the caller's scanner; null when it has made none.

        The command `scan-symbols` makes one, on demand and by the scanner's schedule.
        """
        return reply(NewestProposalShape(proposal=await system.scanner.newest(caller.scope())))

    @app.post(f"{PATH}/try", responses=described(Proposal), tags=["symbols"])
    async def attempt(request: Request, caller: Viewer, given: TryBody) -> Response:
        """Scan with other filters than those of the settings; nothing is stored, nothing is added.

        Each user tries one at a time, else 409, and for 25 seconds, else 502: where age or spread has to be
        asked of many markets, the command `scan-symbols` takes the time that it needs. Who closes the
        connection ends the scan.
        """
        scope = caller.scope()
        filters = given.over(filters_of((await system.settings.current(scope)).document))
        proposal = await while_there(request, system.scanner.tried(scope, filters))
        return unheard() if proposal is None else reply(proposal)


def _add_taking(app: FastAPI, system: System, streams: Streams) -> None:
    @app.post(f"{PATH}/accept", responses=OUTCOME, tags=["symbols"],
              dependencies=[Depends(described_headers)])  # fmt: skip
    async def accept(
        request: Request, caller: Operator, given: AcceptBody, patience: Annotated[Patience, Query()]
    ) -> Response:
        """Add some of the newest proposal to the watchlist, or all: submits `bulk-add-symbols`.

        Answers as `POST /commands` does: 202 with the command at once, or with `wait` 200 once it has ended.
        404 where nothing was proposed, 409 where all of it is on the watchlist, and where `command_id` names
        another proposal than the newest.
        """
        scope, key = caller.scope(), request.headers.get("idempotency-key")
        newest = await system.scanner.newest(scope)
        if newest is None:
            raise NotFoundError("nothing was proposed yet", hint="submit the command scan-symbols first")
        if given.command_id not in (None, newest.command_id):
            raise ConflictError("there is a newer proposal", hint="look at GET /symbols/proposal again")
        chosen = taken(newest.proposal, given.symbols, await on_watchlist(system, scope))
        command = await system.control.channel.submit(
            scope, "bulk-add-symbols", {"symbols": chosen, "exchange": newest.proposal.exchange},
            author=caller.user.username, role=caller.role, source=source_of(request),
            command_id=None if key is None else id_of(key),
        )  # fmt: skip
        return answered(await waited(system, streams, scope, command, patience.wait))


def taken(
    proposal: Proposal, wanted: Sequence[str] | None, watched: Collection[tuple[str, str]]
) -> list[str]:
    """Return what is to be added of a proposal: what is wanted of it, else all that is not `watched`.

    Errors: InvalidError for what was not proposed, ConflictError where nothing is left.
    """
    proposed = {candidate.symbol for candidate in proposal.candidates}
    if wanted is None:
        chosen = [one.symbol for one in proposal.candidates if (proposal.exchange, one.symbol) not in watched]
        if not chosen:
            raise ConflictError("all that is proposed is on the watchlist", hint="nothing is left to add")
        return chosen
    for place, name in enumerate(wanted):
        exchange, symbol = qualify(name, proposal.exchange)
        if exchange != proposal.exchange or symbol not in proposed:
            hint = "choose among the candidates of GET /symbols/proposal"
            raise InvalidError(f"{name[:100]!r} was not proposed", where=f"symbols.{place}", hint=hint)
    return [qualify(name, proposal.exchange).symbol for name in wanted]
