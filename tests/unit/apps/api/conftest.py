"""The API over an invented system, and a client for it."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from livermore.apps.access.guard import Guard
from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from tests.unit.apps.doors import BEARER, guard_of
from tests.unit.apps.standin import StandIn


@pytest.fixture
def system() -> StandIn:
    return StandIn()


@pytest.fixture
def streams(system: StandIn) -> Streams:
    return Streams(system.bus)


@pytest.fixture
def guard(system: StandIn) -> Guard:
    return guard_of(system)


@pytest.fixture
def api(system: StandIn, streams: Streams, guard: Guard) -> FastAPI:
    return api_app(system, streams=streams, counted=Metrics(system), entrance=guard.entrance)  # type: ignore[arg-type]


@pytest.fixture
async def client(api: FastAPI, guard: Guard) -> AsyncIterator[AsyncClient]:
    """The user of this run, asking by its key."""
    transport = ASGITransport(guard.before(api), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=BEARER) as client:
        yield client
