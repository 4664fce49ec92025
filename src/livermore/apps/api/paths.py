"""Which paths belong to the API; all others are pages."""

from __future__ import annotations

API_PATHS = ("/api/", "/healthz", "/readyz", "/metrics")


def is_api(path: str) -> bool:
    """Say whether a path is the API's."""
    return path.startswith(API_PATHS)
