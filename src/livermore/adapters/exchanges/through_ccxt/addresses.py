"""Point ccxt at the addresses of the exchange's row, where it has any."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit


def redirected(urls: Any, rest_url: str | None, ws_url: str | None) -> Any:
    """Return ccxt's tree of addresses with other hosts; every path stays, behind that of our own."""
    if isinstance(urls, dict):
        return {name: redirected(below, rest_url, ws_url) for name, below in urls.items()}
    if isinstance(urls, str):
        ours = ws_url if urls.startswith("ws") else rest_url
        return ours.rstrip("/") + urlsplit(urls).path if ours else urls
    return urls
