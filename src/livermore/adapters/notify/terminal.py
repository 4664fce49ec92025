"""Alerts as lines on the terminal."""

from __future__ import annotations

import sys
from datetime import tzinfo
from typing import TextIO

from livermore.adapters.notify.wording import one_line
from livermore.kernel.errors import TerminalError
from livermore.signals.alert import Alert


class TerminalChannel:
    """Write one line for each alert to a text stream.

    Without a stream it is what standard output is at that moment: a live display puts itself in its place and
    lets lines pass above itself.
    """

    def __init__(
        self, stream: TextIO | None = None, *, zone: tzinfo | None = None, name: str = "terminal"
    ) -> None:
        self.name = name
        self._stream = stream
        self._zone = zone

    async def send(self, alert: Alert) -> None:
        """Write the line whole, so that no other line gets into it."""
        stream = self._stream or sys.stdout
        try:
            stream.write(one_line(alert.payload, self._zone) + "\n")
            stream.flush()
        except (OSError, ValueError) as error:
            raise TerminalError("the terminal is closed") from error

    async def close(self) -> None:
        """Leave the stream to its owner."""
