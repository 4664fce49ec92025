"""Joining the pages with the application: what is loaded once, and what is registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from nicegui import ui
from starlette.staticfiles import StaticFiles

from livermore.apps.admin import access, market
from livermore.apps.admin.live import Live
from livermore.apps.admin.sockets import guard_sockets

if TYPE_CHECKING:
    from livermore.bootstrap import System

ASSETS = Path(__file__).parent / "assets"


def add_pages(app: FastAPI, system: System) -> Live:
    """Serve the pages on an application, and return what keeps them current while it runs."""
    app.mount("/assets", StaticFiles(directory=ASSETS))
    live = Live(system)
    guard_sockets()
    market.add_page(system, live)
    access.add_page(system)
    # Their own style needs no Tailwind, whose compiler would run in the browser at every load.
    ui.run_with(
        app, title="Livermore", favicon=ASSETS / "icon.svg", dark=None, tailwind=False, language="en-US",
        reconnect_timeout=10.0, message_history_length=200, show_welcome_message=False,
    )  # fmt: skip
    return live
