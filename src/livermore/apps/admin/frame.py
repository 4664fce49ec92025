"""What every page has in common: style, theme and the head of the document."""

from __future__ import annotations

from nicegui import ui

# The theme is set before the first paint, so that nothing flashes.
HEAD = """
<link rel="stylesheet" href="/assets/livermore.css">
<script src="/assets/theme.js"></script>
<meta name="theme-color" content="#0b0f14">
"""


def head() -> None:
    """Write the head of a page."""
    ui.add_head_html(HEAD)
