"""A login of PostgreSQL that is held to its policies, as a superuser (which tests connect as) is not."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url

from tests.conftest import run_sql

USE = (
    "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
)


@asynccontextmanager
async def ordinary_login(server: str, database: str, *, owner: bool = False) -> AsyncIterator[str]:
    """Create a login that is no superuser and give the database's URL for it.

    It may use the tables that are there; as `owner` it may make its own, which a schema of its own takes.
    """
    role, password = f"livermore_{secrets.token_hex(6)}", secrets.token_hex(12)
    await run_sql(
        server,
        f"CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{password}'",
    )
    try:
        grants = (f"GRANT ALL ON SCHEMA public TO {role}",) if owner else USE
        await run_sql(database, *(grant.format(role=role) for grant in grants))
        yield make_url(database).set(username=role, password=password).render_as_string(hide_password=False)
    finally:
        await run_sql(database, f"DROP OWNED BY {role} CASCADE")
        await run_sql(server, f"DROP ROLE {role}")
