"""What is sent about settings: documents, patches of three kinds, and the revision that they are for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Header, Request
from pydantic import Field, StrictInt, StrictStr

from livermore.apps.access.caller import Operator
from livermore.apps.api.bodies import Body
from livermore.apps.api.errors import UnsupportedTypeError
from livermore.apps.api.queries import PageSize, Parameters
from livermore.apps.api.replies import SCHEMAS
from livermore.kernel.scope import Scope
from livermore.settings.drafts import Drafting, patching, replacing
from livermore.settings.patch import Patch, read_json_patch, read_merge_patch, read_path_patch
from livermore.settings.path import Path, read_path
from livermore.settings.ports import Authorship, RevisionMovedError
from livermore.settings.service import LONGEST_REASON
from livermore.settings.transfer import UnreadableError, read_json

JSON = "application/json"
PATCHES: Mapping[str, Callable[[Any], Patch]] = {
    JSON: read_path_patch,
    "application/json-patch+json": read_json_patch,
    "application/merge-patch+json": read_merge_patch,
}
MOST_PATHS = 1000
SAME = 'send the ETag of GET /api/v1/settings, such as "3"'

IfMatch = Annotated[
    str | None, Header(description="The ETag of the revision that is to be changed; 412 when it has moved.")
]
Through = Annotated[
    Literal["api", "cli"],
    Header(alias="livermore-source", description="What the history says of where the change came from."),
]
Reason = Annotated[
    str | None,
    Field(None, max_length=LONGEST_REASON, description="Why; the history keeps it."),
]
RevisionNumber = Annotated[int, Field(ge=1, lt=2**31)]
AnyPath = StrictStr | list[StrictStr | StrictInt]


class Write(NamedTuple):
    """Who changes settings, through which door, and which revision."""

    scope: Scope
    author: str
    source: Literal["api", "cli"]
    expected: int | None
    is_conditional: bool

    def by(self, reason: str | None = None) -> Authorship:
        """Return what the history says about a change."""
        return Authorship(author=self.author, source=self.source, reason=reason)


async def _write_of(caller: Operator, if_match: IfMatch = None, through: Through = "api") -> Write:
    return Write(
        scope=caller.scope(), author=caller.user.username, source=through,
        expected=_expected(if_match), is_conditional=if_match is not None,
    )  # fmt: skip


Writing = Annotated[Write, Depends(_write_of)]


def _expected(if_match: str | None) -> int | None:
    """Return the revision that a header names; None for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', if_match.strip())
    if found is None:
        raise RevisionMovedError("this If-Match names no revision", hint=SAME)
    return int(found[1])


class WriteOptions(Parameters):
    """What may be said about a change."""

    reason: Reason


class ImportOptions(WriteOptions):
    """How a file is to be taken."""

    dry_run: bool = Field(False, description="Tell what would happen, and store nothing.")
    drop_unknown: bool = Field(False, description="Leave out keys that no setting has, and list them.")


class HistoryPage(Parameters):
    """Which part of the history is wanted."""

    limit: PageSize = Field(50, description="At most so many.")
    before: RevisionNumber | None = Field(None, description="Only revisions before this one.")


class Between(Parameters):
    """Two revisions."""

    start: RevisionNumber | None = Field(
        None, alias="from", description="The earlier one; that before `to` without it."
    )
    end: RevisionNumber | None = Field(None, alias="to", description="The later one; the newest without it.")


class PathPatchBody(Body):
    """One change at one path."""

    path: AnyPath = Field(
        description='Steps such as ["alerts", "levels", "-"], a JSON Pointer, or dotted; parents are made.'
    )
    value: Any = Field(description="What is to stand there.")


class RollbackBody(Body):
    """Back to an earlier revision."""

    revision: RevisionNumber = Field(description="The revision to go back to.")
    reason: Reason
    paths: list[AnyPath] | None = Field(
        None, max_length=MOST_PATHS, description="Only these settings; all of them without it."
    )


class ResetBody(Body):
    """Back to the defaults."""

    paths: list[AnyPath] | None = Field(
        None,
        max_length=MOST_PATHS,
        description="Only these settings; all but the primary exchange without it.",
    )
    reason: Reason


def paths_of(given: list[Any] | None) -> list[Path] | None:
    """Read paths. Raises InvalidError."""
    return None if given is None else [read_path(path) for path in given]


async def json_of(request: Request) -> Any:
    """Read a body as JSON, each key once. Raises UnreadableError."""
    body = await request.body()
    with of_the_body():
        return read_json(body)


@contextmanager
def of_the_body() -> Iterator[None]:
    """Have an error that names no place of a body name the whole."""
    try:
        yield
    except UnreadableError as error:
        error.where = error.where or "body"
        raise


async def patch_of(request: Request) -> Patch:
    """Read a patch of the kind that its content type names. Errors: UnsupportedTypeError, InvalidError."""
    read = PATCHES.get(_media_type(request))
    if read is None:
        raise UnsupportedTypeError(hint=f"send one of: {', '.join(PATCHES)}")
    return read(await json_of(request))


async def drafting_of(request: Request) -> Drafting:
    """Read a patch, or as `application/json` also a whole document. Errors: those of `patch_of`."""
    if _media_type(request) != JSON:
        return patching(await patch_of(request))
    content = await json_of(request)
    is_patch = isinstance(content, dict) and content and content.keys() <= {"path", "value"}
    return patching(read_path_patch(content)) if is_patch else replacing(content)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


# ---------------------------------------------------------------- for the description

WHOLE = {"$ref": SCHEMAS.format(name="SettingsDocument")}
PATH_PATCH = {"$ref": SCHEMAS.format(name="PathPatchBody")}
OPERATION = {
    "type": "object",
    "properties": {
        "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
        "path": {"type": "string"},
        "from": {"type": "string"},
        "value": {},
    },
    "required": ["op", "path"],
}
RFC_PATCHES: Mapping[str, dict[str, Any]] = {
    "application/json-patch+json": {"type": "array", "items": OPERATION},
    "application/merge-patch+json": {"type": "object"},
}


def described_body(*, document: bool, patches: bool) -> dict[str, Any]:
    """Describe what a route takes that reads its body itself."""
    shapes = [(WHOLE, document), (PATH_PATCH, patches)]
    choices = [shape for shape, is_taken in shapes if is_taken]
    content = {JSON: {"schema": choices[0] if len(choices) == 1 else {"anyOf": choices}}}
    if patches:
        content |= {kind: {"schema": schema} for kind, schema in RFC_PATCHES.items()}
    return {"requestBody": {"required": True, "content": content}}
