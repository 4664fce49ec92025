"""What the doctor looks at; each check gives one finding and changes nothing."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from livermore.apps.cli.network import listen
from livermore.apps.cli.reading import plain, read
from livermore.apps.cli.server import find_server
from livermore.apps.cli.stored import SERVER_VARIABLE, find_database
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import ConflictError, LivermoreError, TransientError

NEEDED = (
    "numpy",
    "pyarrow",
    "scipy",
    "sqlalchemy",
    "aiosqlite",
    "alembic",
    "fastapi",
    "nicegui",
    "uvicorn",
    "aiohttp",
)
SCARCE, TOO_SCARCE = 2 * 10**9, 2 * 10**8
SKEW_SECONDS = 2.0
ORDINARY = (
    "there is no second wall between users: let Livermore log in as an ordinary role that "
    "owns its database, made with CREATE ROLE livermore LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '…'"
)


class Finding(NamedTuple):
    """One line of the doctor's."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    hint: str | None = None


def local_checks(workspace: Path, port: int) -> Iterator[Finding]:
    """Look at this machine and this folder."""
    yield check_python()
    yield check_packages()
    yield check_workspace(workspace)
    yield check_disk(workspace)
    yield check_database(workspace)
    yield from check_login()
    yield check_port(workspace, port)


def check_python() -> Finding:
    """Name the Python that runs this; an older one than we need could not have installed us."""
    return Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")


def check_packages() -> Finding:
    """Find every package that a running Livermore imports."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "install them with: make setup")
    return Finding("packages", "ok", f"{len(NEEDED)} of {len(NEEDED)} found")


def check_workspace(workspace: Path) -> Finding:
    """Ask whether the folder may be written, without writing."""
    from livermore.workspace.folder import Workspace

    folder = Workspace(workspace)
    nearest = _nearest(folder.data)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            "workspace", "fail", f"{nearest} cannot be written", "choose another folder with --workspace"
        )
    return Finding(
        "workspace", "ok", str(folder.directory if folder.home.exists() else f"{folder.directory} (new)")
    )


def check_disk(workspace: Path) -> Finding:
    """Ask how much room is left."""
    free = shutil.disk_usage(_nearest(workspace.absolute())).free
    state: Literal["ok", "warn", "fail"] = "fail" if free < TOO_SCARCE else "warn" if free < SCARCE else "ok"
    hint = None if state == "ok" else "make room: candles of ten symbols take about 1 GB a year"
    return Finding("disk", state, f"{free / 1e9:.1f} GB free", hint)


def check_database(workspace: Path) -> Finding:
    """Compare the database's revision with the one that this version knows."""
    try:
        stored = find_database(workspace, None)
        from livermore import bootstrap

        condition = asyncio.run(bootstrap.database(stored.url).check())
    except TransientError as error:
        absent = "LIVERMORE_DATABASE_URL" not in os.environ
        return (
            Finding("database", "ok", "none yet")
            if absent
            else Finding("database", "fail", str(error), error.hint)
        )
    except LivermoreError as error:
        return Finding("database", "fail", str(error), error.hint)
    if condition.pending:
        return Finding(
            "database",
            "warn",
            f"{stored.name} is older",
            "livermore up upgrades it, or: livermore db upgrade",
        )
    return Finding("database", "ok", f"{stored.name} at revision {condition.revision}")


def check_login() -> Iterator[Finding]:
    """Ask whether the database server holds Livermore to the rows of the user whom it serves."""
    url = os.environ.get(SERVER_VARIABLE)
    if url is None:
        return
    from livermore import bootstrap

    try:
        login = asyncio.run(bootstrap.database(url).login())
    except LivermoreError:
        return  # the check before this one has said why
    if login is None:
        return
    if login.exempt:
        yield Finding("tenancy", "warn", f"the database login {login.name} {login.exempt}", ORDINARY)
    else:
        yield Finding("tenancy", "ok", f"the database login {login.name} is held to row-level security")


def check_port(workspace: Path, port: int) -> Finding:
    """Try to listen where `up` would."""
    try:
        listen("127.0.0.1", port).close()
    except ConflictError:
        server = find_server(workspace)
        if server and server.url.endswith(f":{port}"):
            return Finding("port", "ok", f"{port}: Livermore runs here, {server.url}")
        return Finding("port", "warn", f"{port} is in use", "start with another one: livermore up --port 0")
    except LivermoreError as error:
        return Finding("port", "fail", str(error), error.hint)
    return Finding("port", "ok", f"{port} is free")


def _nearest(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def network_checks(workspace: Path) -> list[Finding]:
    """Reach every active exchange and compare this machine's clock with its own."""
    return [finding for info in _exchanges(workspace) for finding in asyncio.run(_reach(info))]


def _exchanges(workspace: Path) -> list[dict[str, Any]]:
    try:
        rows = read(workspace, None, lambda reader: reader.exchanges())["exchanges"]
    except LivermoreError:
        from livermore.market.exchange import SEEDED

        rows = plain(list(SEEDED))
    return [row for row in rows if row["is_active"] and row["rest_url"]]


async def _reach(info: dict[str, Any]) -> list[Finding]:
    """Ask an exchange for anything: whatever it answers, its time stands in the answer."""
    import httpx

    name, url = info["name"], info["rest_url"]
    clock = SystemClock()
    try:
        async with httpx.AsyncClient(timeout=10.0) as client:
            answer = await client.get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = str(error) or type(error).__name__
        return [
            Finding(
                name, "fail", f"{url}: {what}", "check the network, a proxy, and: livermore exchanges list"
            )
        ]
    reached = Finding(name, "ok", f"{url} answers")
    date = answer.headers.get("date")
    return [reached, _skew(name, clock.now(), date)] if date else [reached]


def _skew(name: str, now: int, date: str) -> Finding:
    """Compare two clocks; the exchange tells whole seconds."""
    try:
        seconds = now / 1000 - parsedate_to_datetime(date).timestamp() - 0.5
    except ValueError:
        return Finding("clock", "warn", f"{name} tells no time: {date!r}")
    if abs(seconds) > SKEW_SECONDS:
        detail = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {name}"
        return Finding("clock", "warn", detail, "let the machine set its clock by NTP")
    return Finding("clock", "ok", f"agrees with {name} within {SKEW_SECONDS:.0f} s")
