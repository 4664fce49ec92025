"""Celery with a task that does nothing, on the Redis at whose socket the variable BENCH_REDIS points."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

SOCKET = os.environ.get("BENCH_REDIS", "")
app = Celery("bench", broker=f"redis+socket://{SOCKET}", backend=f"redis+socket://{SOCKET}?virtual_host=1")


@app.task  # type: ignore[untyped-decorator, unused-ignore]
def echo(payload: Any) -> Any:
    """Return what was asked."""
    return payload
