"""What is described is what is answered: thousands of made-up requests over both databases."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from livermore import bootstrap
from livermore.accounts.service import local_user
from livermore.adapters.sql import Database, SqlUserBook, migrate
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.guard import Guard, Opening
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from livermore.apps.api.openapi import description
from livermore.apps.web import bound_socket
from livermore.kernel.clock import SystemClock
from tests.unit.apps.doors import BEARER, KEY

EACH = 36  # requests at most for each method of each route, over each database; test_limits.py has more
LEAST = 2_000  # requests to each database, every day
NOTHING = cast("Any", None)
ENDLESS = "/api/v1/events"
DESCRIPTION = description(
    api_app(NOTHING, streams=Streams(NOTHING), counted=Metrics(NOTHING), entrance=NOTHING)
)  # fmt: skip
schema = schemathesis.openapi.from_dict(DESCRIPTION).exclude(path=ENDLESS)
# The limits of every number and word are for test_limits.py: only to list them takes many seconds.
schema.config.phases.coverage.enabled = False
OPERATIONS = sum(len(methods) for path, methods in DESCRIPTION["paths"].items() if path != ENDLESS)
CHECKS: list[Any] = [
    schemathesis.checks.CHECKS.get_one("status_code_conformance"),
    schemathesis.checks.CHECKS.get_one("content_type_conformance"),
    schemathesis.checks.CHECKS.get_one("response_schema_conformance"),
]


async def begin(url: str) -> None:
    """Make the tables, and the user whose server it is."""
    await migrate(url)
    database = Database(url)
    await local_user(SqlUserBook(database, SystemClock()), {"version": 2})
    await database.close()


class Served(threading.Thread):
    """The API over a database, on a socket and a loop of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._listening = bound_socket("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ending = threading.Event()
        self.asked = Counter[str]()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        await begin(self._url)
        system = await bootstrap.read_only(self._url)
        guard = Guard.joined(system, doorway=Doorway(), opening=Opening(keys=(KEY,)))
        api = api_app(
            system, streams=Streams(system.bus), counted=Metrics(system), entrance=guard.entrance
        )  # fmt: skip
        server = uvicorn.Server(
            uvicorn.Config(guard.before(api), log_level="error", log_config=None, lifespan="off")
        )
        serving = asyncio.create_task(server.serve([self._listening]))
        await asyncio.to_thread(self._ending.wait)
        server.should_exit = True
        await serving
        await system.stop()

    def stop(self) -> None:
        self._ending.set()
        self.join(20)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_module_database"))
    else:
        file: Path = tmp_path_factory.mktemp("served") / "livermore.db"
        url = f"sqlite+aiosqlite:///{file}"
    served = Served(url)
    served.start()
    yield served
    served.stop()


def asking(count: int) -> settings:
    """Make up so many examples, the same ones in every run."""
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def ask(case: schemathesis.Case[Any], served: Served) -> None:
    """Put a question, and hold the answer against the description."""
    served.asked[case.operation.label] += 1
    # Nothing runs here, so that it is the right answer that something is not ready.
    also: list[Any] = [] if case.path == "/readyz" else [checks.not_a_server_error]
    case.call_and_validate(base_url=served.address, headers=BEARER, checks=[*CHECKS, *also], timeout=30)


@schema.parametrize()
@asking(EACH)
def test_an_answer_is_as_described(case: schemathesis.Case[Any], served: Served) -> None:
    ask(case, served)


def test_the_server_is_still_there(served: Served) -> None:
    assert requests.get(f"{served.address}/api/v1/me", headers=BEARER, timeout=10).status_code == 200


def test_thousands_of_questions_were_asked(served: Served) -> None:
    if len(served.asked) < OPERATIONS:
        pytest.skip("only some of the routes were asked")
    assert served.asked.total() >= LEAST
