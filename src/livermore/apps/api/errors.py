"""What HTTP says when something goes wrong: one table of statuses, and problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from livermore.apps.wording import plain
from livermore.control.registry import UnknownTypeError
from livermore.kernel import errors
from livermore.kernel.errors import InvalidError, LivermoreError
from livermore.kernel.log import logger
from livermore.settings.ports import RevisionMovedError
from livermore.settings.transfer import UnreadableError


class UnconditionalError(InvalidError):
    """A whole document is replaced only by who says which one."""


class UnsupportedTypeError(InvalidError):
    """This content type is not taken here."""


STATUS: Mapping[type[LivermoreError], int] = {
    errors.LivermoreError: 500,
    errors.RefusedError: 400,
    errors.InvalidError: 422,
    UnknownTypeError: 422,
    UnreadableError: 400,
    UnsupportedTypeError: 415,
    UnconditionalError: 428,
    errors.SettingsInvalidError: 422,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    RevisionMovedError: 412,
    errors.NotAllowedError: 403,
    errors.NotImplementedYetError: 501,
    errors.TransientError: 503,
    errors.ExchangeUnreachableError: 502,
    errors.RateLimitedError: 429,
    errors.StorageUnavailableError: 503,
    errors.TerminalError: 500,
    errors.ExchangeRefusedError: 502,
    errors.BlockedError: 502,
    errors.CorruptDataError: 500,
    errors.NewerFormatError: 500,
}
CODES = {
    400: "invalid_payload",
    401: "not_allowed",
    403: "not_allowed",
    404: "not_found",
    422: "invalid_payload",
}
MEDIA_TYPE = "application/problem+json"
log = logger("api")


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place of a request that does not fit; `suggestion` is the nearest name or value that would."""

    path: str
    message: str
    suggestion: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document; `code` is one of the error codes that commands use, too.

    `command_id` is that of the command which was refused and is kept in the history.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    errors: list[Fault] | None = None
    command_id: str | None = None


def problem(
    status: int, detail: str, *, code: str | None = None, hint: str | None = None,
    faults: list[Fault] | None = None, headers: Mapping[str, str] | None = None,
    command_id: str | None = None,
) -> Response:  # fmt: skip
    """Write a problem document."""
    code = code or CODES.get(status, "internal" if status >= 500 else "invalid_payload")
    document = Problem(
        type=f"urn:livermore:problem:{code}", title=HTTPStatus(status).phrase, status=status,
        detail=detail, code=code, hint=hint, errors=faults, command_id=command_id,
    )  # fmt: skip
    return Response(msgspec.json.encode(document), status, dict(headers or {}), MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Make an application answer every error with a problem document."""
    app.exception_handler(LivermoreError)(_livermore_error)
    app.exception_handler(RequestValidationError)(_validation_error)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(Exception)(_unexpected_error)


async def _livermore_error(_: Request, error: LivermoreError) -> Response:
    return problem_of(error)


def problem_of(error: LivermoreError) -> Response:
    """Write an error as a problem document."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    wait = getattr(error, "retry_after", None)
    headers = {"retry-after": str(ceil(wait))} if wait is not None else None
    if error.abroad is not None:
        log.warning("an error was told in short", error=str(error))
    return problem(
        status, told_of(error), code=error.code, hint=error.hint, faults=_faults_of(error), headers=headers,
        command_id=error.command_id,
    )  # fmt: skip


def told_of(error: LivermoreError) -> str:
    """Return what is told of an error over the network."""
    return error.abroad if error.abroad is not None else str(error)


def _faults_of(error: LivermoreError) -> list[Fault] | None:
    """Return the places that an error names: its own list, or the one where it happened."""
    if not isinstance(error, errors.InvalidError) or error.abroad is not None:
        return None
    named = getattr(error, "errors", None)
    if named is not None:
        return [msgspec.convert(fault, Fault) for fault in named]
    return [Fault(path=error.where, message=error.what)] if error.where else None


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    faults = [_fault(detail, request) for detail in error.errors()]
    first = faults[0]
    hint = f"did you mean {first.suggestion}?" if first.suggestion else None
    return problem(422, f"{first.path} {first.message}", hint=hint, faults=faults)


def _fault(detail: dict[str, Any], request: Request) -> Fault:
    if detail["type"] == "json_invalid":
        return Fault(path="body", message="is no JSON")
    path = ".".join(str(step) for step in detail["loc"][1:]) or "the request"
    if detail["type"] == "extra_forbidden":
        word = "field" if detail["loc"][0] == "body" else "parameter"
        return Fault(path=path, message=f"is not a {word}", suggestion=_nearest(path, request))
    return Fault(path=path, message=plain(detail["msg"]))


def _nearest(name: str, request: Request) -> str | None:
    """Return the parameter or field of the route that a wrong name was probably meant to be."""
    route = request.scope["route"].dependant
    given = (field.field_info.annotation for field in (*route.query_params, *route.body_params))
    models = (model for model in given if hasattr(model, "model_fields"))
    known = [field.alias or of_model for model in models for of_model, field in model.model_fields.items()]
    return next(iter(get_close_matches(name, known, n=1)), None)


async def _http_error(request: Request, error: HTTPException) -> Response:
    said = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not possible at {request.url.path}",
    }
    detail = said.get(error.status_code, error.detail)
    hint = "see /api/v1/docs" if error.status_code in said else None
    return problem(error.status_code, detail, hint=hint, headers=error.headers)


async def _unexpected_error(_: Request, __: Exception) -> Response:
    return problem(500, "something went wrong inside Livermore", hint="the log of the server says what")
