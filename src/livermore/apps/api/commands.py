"""What is asked: commands, what became of them, and the proof that their history is whole."""

# Without postponed annotations: who may command is known only when the routes are made.
import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from starlette.responses import Response

from livermore.accounts.principal import Principal
from livermore.apps.access.caller import Viewer
from livermore.apps.api.command_bodies import (
    BODY,
    CommandFilter,
    Commanding,
    Patience,
    Proof,
    described_headers,
    submitted,
)
from livermore.apps.api.command_shapes import (
    ChainShape,
    CommandShape,
    CommandsShape,
    chain_shape,
    commands_shape,
)
from livermore.apps.api.events import Streams
from livermore.apps.api.replies import described, reply
from livermore.control.command import Command
from livermore.control.shape import shape_of
from livermore.kernel.errors import NotFoundError, StorageUnavailableError
from livermore.kernel.scope import Scope

if TYPE_CHECKING:
    from livermore.bootstrap import System

PATH = "/api/v1/commands"
OUTCOME: dict[int | str, dict[str, Any]] = described(CommandShape, status=202) | described(CommandShape)
CommandId = Annotated[str, Path(description="The id of a command.")]


def add_routes(app: FastAPI, system: "System", streams: Streams) -> None:
    """Serve commands."""
    _add_asking(app, system, streams)
    _add_history(app, system, streams)


def _add_asking(app: FastAPI, system: "System", streams: Streams) -> None:
    commanding = Depends(Commanding(lambda: system.control.channel))

    @app.post(PATH, responses=OUTCOME, tags=["commands"], openapi_extra=BODY,
              dependencies=[Depends(described_headers)])  # fmt: skip
    async def submit(
        request: Request, caller: Annotated[Principal, commanding], patience: Annotated[Patience, Query()]
    ) -> Response:
        """Submit a command: 202 with it at once, or with `wait` 200 once it has ended, however that was.

        What is malformed, unknown or not allowed is refused with the `command_id` under which the history
        keeps it. 409 when the id stands for another command.
        """
        command = await submitted(system.control.channel, caller, request)
        return answered(await waited(system, streams, caller.scope(), command, patience.wait))


def _add_history(app: FastAPI, system: "System", streams: Streams) -> None:
    @app.get(PATH, responses=described(CommandsShape), tags=["commands"])
    async def commands(caller: Viewer, wanted: Annotated[CommandFilter, Query()]) -> Response:
        """Return the caller's commands, newest first, those included that were refused."""
        page = await system.control.journal.history(
            caller.scope(), system.clock.now(), limit=wanted.limit, before=wanted.before,
            of_type=wanted.type, status=wanted.status,
        )  # fmt: skip
        return reply(commands_shape(page))

    @app.get(f"{PATH}/verify", responses=described(ChainShape), tags=["commands"])
    async def verify(caller: Viewer, proof: Annotated[Proof, Query()]) -> Response:
        """Compute the chain of what happened to the caller's commands anew, and say whether it is whole."""
        (report,) = await system.control.trail.verify(caller.scope(), proof.expect)
        return reply(chain_shape(report))

    @app.get(f"{PATH}/{{id}}", responses=described(CommandShape), tags=["commands"])
    async def command(
        caller: Viewer, id: CommandId, patience: Annotated[Patience, Query()]  # noqa: A002 - the word on the wire
    ) -> Response:  # fmt: skip
        """Return one of the caller's commands; with `wait` once it has ended, or after so many seconds."""
        found = await system.control.journal.get(caller.scope(), id.lower(), system.clock.now())
        if found is None:
            raise NotFoundError(f"there is no command {id}")
        return reply(shape_of(await waited(system, streams, caller.scope(), found, patience.wait)))


async def waited(
    system: "System", streams: Streams, scope: Scope, command: Command, seconds: float | None
) -> Command:
    """Return a command once it has ended; or as it stands, after so many seconds or when the server ends."""
    if seconds is None or not command.is_open:
        return command
    waiting = asyncio.ensure_future(system.control.channel.wait(scope, command.id, seconds))
    ending = asyncio.ensure_future(streams.closed())
    try:
        await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else command
    except StorageUnavailableError:
        return command
    finally:
        waiting.cancel()
        ending.cancel()


def answered(command: Command) -> Response:
    """Answer with a command: 202 while it is open."""
    return reply(shape_of(command), status=202 if command.is_open else 200)
