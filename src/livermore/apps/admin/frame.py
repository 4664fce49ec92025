"""What every page has in common: style, theme, the user's choices, and the head of the document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from nicegui import ui

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.kernel.scope import Scope

# What pages ask for before their first paint, so that nothing flashes or jumps.
CHOICES = ("theme", "market.chart", "market.table")
HEAD = """
<link rel="stylesheet" href="/assets/livermore.css">
<script type="application/json" id="livermore-choices">{choices}</script>
<script src="/assets/preferences.js"></script>
<script src="/assets/theme.js"></script>
<meta name="theme-color" content="#0b0f14">
"""


async def head(system: System, scope: Scope) -> None:
    """Write the head of a page, with what its user chose in whatever browser."""
    found = {one.key: one.value for one in await system.preferences.all(scope)}
    chosen = {key: found[key] for key in CHOICES if key in found}
    ui.add_head_html(HEAD.replace("{choices}", inline(chosen)))


def inline(value: object) -> str:
    """Write a value as JSON that cannot end the script element in which it stands."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")
