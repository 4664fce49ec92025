"""The API as one application."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from livermore.apps.access.caller import StatedRoute
from livermore.apps.api import (
    accounts,
    commands,
    docs,
    events,
    exchange_accounts,
    indicators,
    market,
    metrics,
    openapi,
    preferences,
    runtime,
    settings,
    signals,
    symbols,
    workspaces,
)
from livermore.apps.api.errors import answer_with_problems

if TYPE_CHECKING:
    from livermore.apps.access.entrance import Entrance
    from livermore.bootstrap import System

ABOUT = (
    "Watch crypto markets: candles, MACD-V on every timeframe, signals, alerts. Nothing here places an order."
)


def api_app(
    system: System, *, streams: events.Streams, counted: metrics.Metrics, entrance: Entrance
) -> FastAPI:
    """Join the routes of all rooms: each states the role that it needs, of whoever the gate has let in."""
    app = FastAPI(
        title="Livermore", version=version("livermore"), description=ABOUT,
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    app.router.route_class = StatedRoute
    answer_with_problems(app)
    for room in (runtime, market, indicators, signals, settings, exchange_accounts, preferences, workspaces):
        room.add_routes(app, system)
    accounts.add_routes(app, system, entrance)
    symbols.add_routes(app, system, streams)
    commands.add_routes(app, system, streams)
    events.add_routes(app, system, streams)
    metrics.add_routes(app, counted)
    openapi.add_routes(app)
    docs.add_routes(app)
    return app
