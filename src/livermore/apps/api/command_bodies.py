"""What is sent as a command: read so that whatever was meant as one is answered and kept."""

# Without postponed annotations: FastAPI reads those of an instance's __call__ as they stand.
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, NamedTuple, cast

import msgspec
from fastapi import Header, Request
from pydantic import Field
from starlette.requests import HTTPConnection

from livermore.accounts.principal import Principal
from livermore.apps.access.caller import Needs
from livermore.apps.access.visit import visit_of
from livermore.apps.api.errors import UnsupportedTypeError
from livermore.apps.api.queries import Name, PageSize, Parameters
from livermore.apps.api.replies import SCHEMAS
from livermore.control.channel import Channel
from livermore.control.command import HIGHEST, LOWEST, Command, Source
from livermore.control.lifecycle import Status
from livermore.control.wire import LONGEST_TYPE, check_id
from livermore.kernel.errors import InvalidError, LivermoreError, NotAllowedError

LONGEST_WAIT = 60
JSON = "application/json"
Key = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        description="The command's id, a UUID: a repeat returns what became of the first.",
    ),
]
Through = Annotated[
    Literal["api", "cli"],
    Header(alias="livermore-source", description="What the history says of where the command came from."),
]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_WAIT)]


class CommandBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of the runtime."""

    type: Annotated[
        str, msgspec.Meta(description="The type of command.", extra_json_schema={"maxLength": LONGEST_TYPE})
    ]
    payload: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="What the command needs to know, by its type.")
    ] = None
    priority: Annotated[
        int | None,
        msgspec.Meta(
            description=f"{HIGHEST} to {LOWEST}, lower is sooner; that of the type without it.",
            extra_json_schema={"minimum": HIGHEST, "maximum": LOWEST},
        ),
    ] = None


class Patience(Parameters):
    """How long to wait for the outcome."""

    wait: Seconds | None = Field(
        None, description=f"Seconds, up to {LONGEST_WAIT}, to wait for the command's end."
    )


class CommandFilter(Parameters):
    """Which commands are wanted."""

    limit: PageSize = Field(50, description="At most so many.")
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = Field(
        None, description="The cursor `next` of the page before."
    )
    type: Name | None = Field(None, description="Only of this type.")
    status: Status | None = Field(None, description="Only those that stand so.")


class Proof(Parameters):
    """What the chain is held against."""

    expect: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="A head that was noted earlier; `expected_place` says where the chain has it."
    )


class Asked(NamedTuple):
    """What could be read of a command, and what is wrong with it, if that is plain already."""

    body: CommandBody
    id: str | None = None
    misfit: LivermoreError | None = None


async def described_headers(key: Key = None, through: Through = "api") -> None:
    """Name the headers of a command, which `submitted` reads."""


async def submitted(
    channel: Channel, caller: Principal, request: Request, misfit: LivermoreError | None = None
) -> Command:
    """Submit what a request asks for, in the name of who asks; what does not fit is kept and raised.

    Raises UnsupportedTypeError for what is no JSON by its own word, of which nothing is kept; else as
    `Channel.submit` does.
    """
    asked = _asked(await _body(request), request.headers.get("idempotency-key"))
    return await channel.submit(
        caller.scope(), asked.body.type, asked.body.payload or {}, author=caller.user.username,
        role=caller.role, source=source_of(request), priority=asked.body.priority, command_id=asked.id,
        misfit=misfit or asked.misfit,
    )  # fmt: skip


class Commanding(Needs):
    """Hand a route its caller, who may command; keep in the history what is refused to one who may not."""

    def __init__(self, channel: Callable[[], Channel]) -> None:
        super().__init__("operator")
        self._channel = channel

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Return the caller. Raises NotAllowedError."""
        try:
            return await super().__call__(connection)
        except NotAllowedError as refusal:
            caller = visit_of(connection.scope).principal
            if caller is not None:
                with suppress(LivermoreError):
                    await submitted(self._channel(), caller, cast("Request", connection), refusal)
            raise


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise UnsupportedTypeError(where="content-type", hint=f"send a command as {JSON}")
    return await request.body()


def _asked(body: bytes, key: str | None) -> Asked:
    """Read a command and the id that it is to have."""
    asked = _read(body)
    if key is None:
        return asked
    try:
        return asked._replace(id=id_of(key))
    except InvalidError as error:
        return asked._replace(misfit=asked.misfit or error)


def id_of(key: str) -> str:
    """Read the id that a command is to have; raise InvalidError for what is none."""
    try:
        return check_id(key)
    except InvalidError as error:
        hint = "leave the header out, and an id is made"
        raise InvalidError(error.what, where="Idempotency-Key", hint=hint) from None


def _read(body: bytes) -> Asked:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Asked(CommandBody(type=""), misfit=InvalidError(f"this is no JSON: {error}", where="body"))
    try:
        return Asked(msgspec.convert(found, CommandBody))
    except msgspec.ValidationError as error:
        return Asked(_legible(found), misfit=_misfit(error))


def _legible(found: Any) -> CommandBody:
    """Return what the history can say of a command that does not fit."""
    given: Mapping[str, Any] = found if isinstance(found, dict) else {}
    name, payload = given.get("type"), given.get("payload")
    return CommandBody(
        type=name if isinstance(name, str) else "", payload=payload if isinstance(payload, dict) else None
    )


def _misfit(error: msgspec.ValidationError) -> InvalidError:
    what, _, place = str(error).partition(" - at `$")
    where = place.rstrip("`").lstrip(".") or "body"
    return InvalidError(what[:1].lower() + what[1:], where=where, hint='such as {"type": "pause"}')


def source_of(request: Request) -> Source:
    """Return where a command comes from: a page shows a session, a program a token."""
    if request.headers.get("livermore-source") == "cli":
        return "cli"
    return "api" if visit_of(request.scope).visitor.bearer is not None else "ui"


# ---------------------------------------------------------------- for the description

BODY = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"$ref": SCHEMAS.format(name=CommandBody.__name__)}}},
    }
}
