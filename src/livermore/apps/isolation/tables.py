"""The tables themselves: whose rows a query sees that has no filter at all."""

from __future__ import annotations

from collections.abc import Sequence

from livermore.apps.isolation.proof import Caller, Notebook
from livermore.bootstrap.canaries import House

WHAT = "tables"


async def look_into_tables(house: House, notebook: Notebook, callers: Sequence[Caller]) -> None:
    """Ask PostgreSQL as each user and as nobody; of SQLite only see that every table holds canaries.

    A file has no walls of its own: there, repositories alone keep tenants apart, behind the routes.
    """
    everybody = {canary.user.id for canary in house.canaries}
    for table, owners in (await house.owners()).items():
        if not everybody <= owners:
            notebook.found("hollow", WHAT, table, callers[-1], "it holds nothing of some canary")
    if house.login is None:
        return
    for caller in callers:
        allowed = {None} if caller.canary is None else {None, caller.canary.user.id}
        for table, owners in (await house.owners_seen(caller.canary)).items():
            others = owners - allowed
            leaks = [f"shows rows of {len(others)} others to a query without a filter"] if others else []
            own = caller.canary is not None and caller.canary.user.id in owners
            notebook.asked(WHAT, table, caller, refused=not owners, own=own, leaks=leaks)
