"""`livermore user`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, moment, table
from livermore.apps.cli.people import acting, given_password, looking, role_of
from livermore.apps.cli.reading import plain
from livermore.kernel.errors import InvalidError

if TYPE_CHECKING:
    from livermore.accounts.service import Accounts
    from livermore.accounts.user import User

app = new_app("List users, let somebody in, set a password or change a role.", group=DefaultGroup)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
Role = Annotated[
    str,
    typer.Option("--role", metavar="ROLE", help="viewer looks, operator also commands, admin may all."),
]
NewRole = Annotated[
    str | None,
    typer.Option("--role", metavar="ROLE", help="viewer, operator or admin."),
]
Active = Annotated[
    bool | None,
    typer.Option("--active/--inactive", help="Whether the user may come in."),
]
Called = Annotated[
    str | None, typer.Option("--display-name", metavar="TEXT", help="What the user is called on pages.")
]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
]
Without = Annotated[
    bool, typer.Option("--no-password", help="Set none: only tokens, or an identity, let the user in.")
]
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="Let an identity in: its provider's name."),
]
Subject = Annotated[
    str | None,
    typer.Option("--subject", metavar="SUB", help="The identity, as its provider calls it."),
]
Sure = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list", epilog=examples("livermore user list", "livermore user list --json"))
def list_users(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """List users, what they may do and when they came last."""
    users = looking(workspace, source, lambda accounts: accounts.users())
    emit({"users": [_shape(user) for user in users]}, as_json, lambda: _show(users))


@app.command(
    epilog=examples(
        "livermore user add edwin --role operator",
        "livermore user add desk --no-password",
        "livermore user add anna --provider oidc --subject 248289761001",
    )
)
def add(
    name: Name,
    role: Role = "viewer",
    password_stdin: FromStdin = False,
    no_password: Without = False,
    provider: Provider = None,
    subject: Subject = None,
    display_name: Called = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody in, by a password that is asked for, or by an identity."""
    from livermore.accounts.naming import check_username
    from livermore.accounts.password import check_password

    chosen, known_as = role_of(role), check_username(name)
    identity = _identity(provider, subject)
    password = None
    if password_stdin or not (no_password or identity):
        password = given_password(password_stdin)
        check_password(password, known_as)
    user = acting(
        workspace,
        source,
        lambda accounts: accounts.create_user(
            name, chosen, password, identity=identity, display_name=display_name
        ),
    )
    emit(_shape(user), as_json, lambda: print(f"{user.username} added: {user.role}"))


@app.command(
    epilog=examples(
        "livermore user password local", "pass show desk | livermore user password desk --password-stdin"
    )
)
def password(
    name: Name,
    password_stdin: FromStdin = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Give a user a new password; it ends the user's sessions."""
    from livermore.accounts.password import check_password

    new = given_password(password_stdin)
    check_password(new, name)

    async def set_it(accounts: Accounts) -> User:
        user = await accounts.user_named(name)
        await accounts.set_password(user.id, new)
        return await accounts.user(user.id)

    user = acting(workspace, source, set_it)
    emit(_shape(user), as_json, lambda: print(f"{user.username} has a new password"))


@app.command(
    epilog=examples("livermore user change edwin --role admin", "livermore user change edwin --inactive")
)
def change(
    name: Name,
    role: NewRole = None,
    active: Active = None,
    display_name: Called = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Change what a user may do or is called, or keep the user out."""
    given: dict[str, Any] = {"role": None if role is None else role_of(role), "is_active": active}
    if display_name is not None:
        given["display_name"] = display_name
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("say what to change: --role, --active, --inactive or --display-name")
    user = acting(
        workspace, source, _on(name, lambda accounts, user: accounts.change_user(user.id, **changes))
    )
    state = "active" if user.is_active else "inactive"
    emit(_shape(user), as_json, lambda: print(f"{user.username} changed: {user.role}, {state}"))


@app.command(epilog=examples("livermore user remove edwin --yes"))
def remove(
    name: Name,
    yes: Sure = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Delete a user with settings, signals, alerts, tokens and sessions."""
    if not yes and not _confirmed(name):
        raise InvalidError("nothing was deleted", where=name, hint="add --yes to delete the user")

    async def delete(accounts: Accounts, user: User) -> User:
        await accounts.delete_user(user.id)
        return user

    user = acting(workspace, source, _on(name, delete))
    emit({"deleted": _shape(user)}, as_json, lambda: print(f"{user.username} deleted"))


def _on(name: str, act: Callable[[Accounts, User], Awaitable[User]]) -> Callable[[Accounts], Awaitable[User]]:
    async def find_and_act(accounts: Accounts) -> User:
        return await act(accounts, await accounts.user_named(name))

    return find_and_act


def _confirmed(name: str) -> bool:
    if not sys.stdin.isatty():
        return False
    print(
        f"Delete {name} with settings, signals, alerts, tokens and sessions? [y/N] ", end="", file=sys.stderr
    )
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def _identity(provider: str | None, subject: str | None) -> tuple[str, str] | None:
    if provider is None and subject is None:
        return None
    if provider is None or subject is None:
        raise typer.BadParameter("an identity takes both: --provider and --subject")
    return provider, subject


def _shape(user: User) -> Any:
    from livermore.apps.api.account_shapes import user_shape

    return plain(user_shape(user))


def _show(users: list[User]) -> None:
    rows = [
        (
            user.username,
            user.role,
            "yes" if user.is_active else "no",
            ", ".join(_ways(user)) or "-",
            moment(user.last_login_at),
        )
        for user in users
    ]
    table(("name", "role", "active", "comes in by", "last login (UTC)"), rows)


def _ways(user: User) -> list[str]:
    from livermore.accounts.naming import LOCAL

    ways = ["password"] if user.has_password else []
    return ways if user.identity_provider == LOCAL else [*ways, user.identity_provider]
