"""A database of PostgreSQL for one run, with a login that is held to its policies; nothing of it is left."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from livermore.adapters.sql.engine import read_url
from livermore.adapters.sql.errors import translated
from livermore.kernel.errors import NotAllowedError

PRIVILEGES = text("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user")
REFUSED = "this login may not create a database to try it in"
HINT = "let it (ALTER ROLE … CREATEDB), or unset LIVERMORE_DATABASE_URL to prove it on SQLite"


@asynccontextmanager
async def throwaway_database(server: str) -> AsyncIterator[str]:
    """Create an empty database beside the one that a URL names, and drop it at the end; gives its URL.

    A superuser is held to no policy, so that it makes a login without its powers, and lends that.
    Errors: NotAllowedError when the login may not create a database, StorageUnavailableError.
    """
    url = read_url(server)
    name = f"livermore_isolation_{secrets.token_hex(6)}"
    async with _outside_transactions(url) as connection, AsyncExitStack() as afterwards:
        is_superuser, may_create = (await connection.execute(PRIVILEGES)).one()
        if not (is_superuser or may_create):
            raise NotAllowedError(REFUSED, where=_place(url), hint=HINT)
        login: dict[str, Any] = {}
        if is_superuser:
            login = {"username": name, "password": secrets.token_hex(16)}
            await _run(connection, f"CREATE ROLE {name} LOGIN PASSWORD '{login['password']}'")
            afterwards.push_async_callback(_run, connection, f"DROP ROLE {name}")
        owner = f" OWNER {name}" if login else ""
        await _run(connection, f"CREATE DATABASE {name}{owner}")
        afterwards.push_async_callback(_run, connection, f"DROP DATABASE {name} WITH (FORCE)")
        yield url.set(database=name, **login).render_as_string(hide_password=False)


@asynccontextmanager
async def _outside_transactions(url: URL) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        with translated(_place(url), OSError):
            connection = await engine.connect()
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _run(connection: AsyncConnection, statement: str) -> None:
    await connection.execute(text(statement))


def _place(url: URL) -> str:
    return url.render_as_string(hide_password=True)
