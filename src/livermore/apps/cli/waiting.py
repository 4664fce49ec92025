"""Waiting until the user or the machine asks to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

ASKS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asked_to_stop() -> Iterator[asyncio.Event]:
    """Give an event that Ctrl-C and SIGTERM set, within a running event loop.

    The second Ctrl-C does what it does without us: it ends the process.
    """
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def ask() -> None:
        asked.set()
        forget()

    def forget() -> None:
        for number in ASKS:
            loop.remove_signal_handler(number)

    for number in ASKS:
        loop.add_signal_handler(number, ask)
    try:
        yield asked
    finally:
        forget()
