"""The description of the API: routes from FastAPI, shapes from the types that are encoded."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from livermore.apps.access.caller import Needs, StatedRoute, Viewer
from livermore.apps.api import (
    account_shapes,
    command_shapes,
    preferences,
    settings_shapes,
    shapes,
    symbols_shapes,
    workspaces,
)
from livermore.apps.api.command_bodies import CommandBody
from livermore.apps.api.errors import Problem
from livermore.apps.api.replies import SCHEMAS
from livermore.apps.api.settings_bodies import PathPatchBody
from livermore.apps.api.symbols_bodies import PreviewBody
from livermore.indicators.service import IndicatorPage
from livermore.market.scanner import Proposal
from livermore.runtime.status import RuntimeStatus
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Plan
from livermore.signals.service import Explanation
from livermore.workspace.preference import Preference

DESCRIBED = (
    account_shapes.ExchangeAccountCheckShape, account_shapes.ExchangeAccountShape,
    account_shapes.ExchangeAccountsShape,
    account_shapes.LoginShape, account_shapes.MeShape, account_shapes.NewTokenShape,
    account_shapes.TokensShape, account_shapes.UserShape, account_shapes.UsersShape,
    CommandBody, command_shapes.ChainShape, command_shapes.CommandShape, command_shapes.CommandsShape,
    shapes.AlertsShape, shapes.CandlesShape, shapes.CoverageGridShape, shapes.CoverageShape,
    shapes.ExchangesShape, shapes.HealthShape, shapes.SignalsShape,
    symbols_shapes.FoundSymbolsShape, symbols_shapes.JudgementsShape, symbols_shapes.MetricsShape,
    symbols_shapes.NewestProposalShape, symbols_shapes.PreviewShape, symbols_shapes.SymbolsShape, Proposal,
    settings_shapes.AppliedShape, settings_shapes.ChangeShape, settings_shapes.DiffShape,
    settings_shapes.ExportShape, settings_shapes.HistoryShape, settings_shapes.ImportedShape,
    settings_shapes.RevisionShape, settings_shapes.SettingsShape, Plan,
    Explanation, IndicatorPage, Problem, RuntimeStatus,
    Preference, preferences.DeletedShape, preferences.PreferencesShape, workspaces.WorkspacesShape,
)  # fmt: skip
# Shapes that hold a whole document; that of a revision is as it was stored then, of any version.
WHOLE = (
    settings_shapes.AppliedShape, settings_shapes.ChangeShape, settings_shapes.ExportShape,
    settings_shapes.ImportedShape, settings_shapes.SettingsShape,
)  # fmt: skip
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The login token."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "livermore_7070",
        "description": "Opened by a login.",
    },
}


def add_routes(app: FastAPI) -> None:
    """Serve the description."""

    @cache
    def document() -> bytes:
        return msgspec.json.encode(description(app))

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def openapi(caller: Viewer) -> Response:
        """Return the description of the API (OpenAPI 3.1)."""
        return Response(document(), media_type="application/json")


def description(app: FastAPI) -> dict[str, Any]:
    """Describe every route with its parameters and shapes."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    for route in app.routes:
        if isinstance(route, StatedRoute) and route.include_in_schema and isinstance(route.stated, Needs):
            for method in route.methods or ():
                document["paths"][route.path_format][method.lower()]["x-role"] = route.stated.role
    components = document.setdefault("components", {})
    components["schemas"] = components.get("schemas", {}) | _schemas()
    components["securitySchemes"] = SECURITY
    document["security"] = [{name: []} for name in SECURITY]
    return document


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(DESCRIBED, ref_template=SCHEMAS)
    for model in (SettingsDocument, PathPatchBody, PreviewBody):
        of_model = model.model_json_schema(ref_template=SCHEMAS.replace("{name}", "{model}"))
        schemas |= of_model.pop("$defs", {})
        schemas[model.__name__] = of_model
    for shape in WHOLE:
        schemas[shape.__name__]["properties"]["settings"] = {"$ref": SCHEMAS.format(name="SettingsDocument")}
    return schemas
