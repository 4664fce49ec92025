"""What the verbs on users and tokens share: whose database it is, and how a password gets in unseen."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from livermore.apps.cli.database import writable_database
from livermore.apps.cli.stored import SERVER_VARIABLE, find_database
from livermore.kernel.errors import InvalidError

if TYPE_CHECKING:
    from livermore.accounts.service import Accounts
    from livermore.accounts.user import User
    from livermore.kernel.role import Role

LIVE = "live"

Answer = TypeVar("Answer")


def meant(source: str | None) -> str | None:
    """Return the source that is meant; None where the environment names a database."""
    return source if source is not None or os.environ.get(SERVER_VARIABLE) else LIVE


def acting(workspace: Path, source: str | None, act: Callable[[Accounts], Awaitable[Answer]]) -> Answer:
    """Act on the accounts of a database, which is made or brought to this version's tables first."""
    return asyncio.run(_done(writable_database(workspace, meant(source)).url, act, upgrade=True))


def looking(workspace: Path, source: str | None, look: Callable[[Accounts], Awaitable[Answer]]) -> Answer:
    """Look at the accounts of a database that is there; nothing is touched. Errors: NotRunningError."""
    return asyncio.run(_done(find_database(workspace, meant(source)).url, look, upgrade=False))


async def _done(url: str, act: Callable[[Accounts], Awaitable[Answer]], *, upgrade: bool) -> Answer:
    from livermore import bootstrap

    async with bootstrap.accounts(url, upgrade=upgrade) as accounts:
        return await act(accounts)


def role_of(text: str) -> Role:
    """Read a role option."""
    from livermore.kernel.role import ROLES

    for role in ROLES:
        if role == text:
            return role
    raise InvalidError(f"there is no role {text!r}", where="--role", hint=f"one of: {', '.join(ROLES)}")


def given_password(from_stdin: bool) -> str:
    """Read a new password from standard input, or ask for it twice without showing it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidError(
            "there is no terminal to ask for a password on",
            where="password",
            hint="pipe it in: --password-stdin",
        )
    try:
        first = getpass("New password: ")
        again = getpass("The same again: ")
    except EOFError:
        raise InvalidError("no password was given", where="password", hint="type it twice") from None
    if first != again:
        raise InvalidError("the two are not the same", where="password", hint="try again")
    return first


def own_user(users: list[User]) -> User:
    """Return the user that a workspace's first start has made, or the only one there is."""
    from livermore.accounts.naming import is_workspace

    own = [user for user in users if is_workspace(user)] or users
    if len(own) != 1:
        raise InvalidError(
            "it has to be said whose it is", where="--user", hint="add --user NAME; see: livermore user list"
        )
    return own[0]
