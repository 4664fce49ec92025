"""The API over an invented system, and a client for it."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from livermore.apps.api.app import api_app
from livermore.apps.api.events import Streams
from livermore.apps.api.metrics import Metrics
from tests.unit.apps.standin import StandIn


@pytest.fixture
def system() -> StandIn:
    return StandIn()


@pytest.fixture
def streams(system: StandIn) -> Streams:
    return Streams(system.bus)


@pytest.fixture
def api(system: StandIn, streams: Streams) -> FastAPI:
    return api_app(system, streams=streams, counted=Metrics(system))  # type: ignore[arg-type]


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(api, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
