"""As whom Livermore is logged in at the database server, and whether that login is held to its policies."""

from __future__ import annotations

import msgspec
from sqlalchemy import text

from livermore.adapters.sql.engine import Database

ASK = text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Name a login; `exempt` says what frees it from row-level security, None when it is held to it."""

    name: str
    exempt: str | None


async def login_of(url: str) -> Login | None:
    """Return the login that a URL of PostgreSQL means; an SQLite file has none."""
    database = Database(url)
    if database.file is not None:
        return None
    try:
        async with database.reading() as connection:
            name, superuser, bypasses = (await connection.execute(ASK)).one()
    finally:
        await database.close()
    exempt = "is a superuser" if superuser else "has BYPASSRLS" if bypasses else None
    return Login(name=name, exempt=exempt)
