"""`livermore token`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, moment, note, table
from livermore.apps.cli.people import acting, looking, own_user, role_of
from livermore.apps.cli.reading import plain
from livermore.kernel.errors import NotFoundError

if TYPE_CHECKING:
    from livermore.accounts.service import Accounts
    from livermore.accounts.token import ApiToken
    from livermore.accounts.user import User

app = new_app("List tokens, create one for a program, or revoke one.", group=DefaultGroup)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is for, so that you know it again.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**31 - 1, help="Its number in the list.")]
Role = Annotated[
    str,
    typer.Option(
        "--role", metavar="ROLE", help="What it may do, at most what its user may: viewer, operator or admin."
    ),
]
Whose = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Its user; without it the workspace's own."),
]
Only = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only those of this user.")]


@app.command("list", epilog=examples("livermore token list", "livermore token list --user edwin --json"))
def list_tokens(
    user: Only = None, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False
) -> None:
    """List tokens, what they may do and when they were used last; no secret is stored, so none is shown."""
    found = looking(workspace, source, lambda accounts: _tokens(accounts, user))
    emit({"tokens": [_shape(*one) for one in found]}, as_json, lambda: _show(found))


@app.command(epilog=examples("livermore token create grafana", "livermore token create bot --role operator"))
def create(
    name: Name,
    role: Role = "viewer",
    user: Whose = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Create a token for a program; it is shown this once and never again."""
    chosen = role_of(role)

    async def make(accounts: Accounts) -> tuple[User, ApiToken, str]:
        owner = own_user(await accounts.users()) if user is None else await accounts.user_named(user)
        return owner, *await accounts.create_token(owner.scope(), name, chosen)

    owner, token, secret = acting(workspace, source, make)

    def show() -> None:
        print(secret)
        note(f"this is the token {token.name!r} of {owner.username} ({token.role}); it is not shown again")
        note("a program sends it as the header Authorization: Bearer <token>; this one reads LIVERMORE_TOKEN")

    emit(_shape(owner, token) | {"secret": secret}, as_json, show)


@app.command(epilog=examples("livermore token revoke 3"))
def revoke(
    number: Number, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False
) -> None:
    """Revoke a token: from the next request on it is of no use."""

    async def end(accounts: Accounts) -> tuple[User, ApiToken]:
        owner = await _owner(accounts, number)
        await accounts.revoke_token(owner.scope(), number)
        return next((user, token) for user, token in await _tokens(accounts, None) if token.id == number)

    owner, token = acting(workspace, source, end)
    emit(_shape(owner, token), as_json, lambda: print(f"{token.name!r} of {owner.username} is revoked"))


async def _tokens(accounts: Accounts, username: str | None) -> list[tuple[User, ApiToken]]:
    users = await accounts.users() if username is None else [await accounts.user_named(username)]
    return [(user, token) for user in users for token in await accounts.tokens(user.scope())]


async def _owner(accounts: Accounts, number: int) -> User:
    for user, token in await _tokens(accounts, None):
        if token.id == number:
            return user
    raise NotFoundError("there is no such token", where=str(number), hint="see: livermore token list")


def _shape(user: User, token: ApiToken) -> Any:
    from livermore.apps.api.account_shapes import token_shape

    return plain(token_shape(token)) | {"user": user.username}


def _show(found: list[tuple[User, ApiToken]]) -> None:
    rows = [
        (
            str(token.id),
            user.username,
            token.name,
            token.role,
            moment(token.created_at),
            moment(token.last_used_at),
            "-" if token.revoked_at is None else moment(token.revoked_at),
        )
        for user, token in found
    ]
    table(("id", "user", "name", "role", "created (UTC)", "last used", "revoked"), rows, right=("id",))
