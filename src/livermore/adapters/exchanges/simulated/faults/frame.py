"""A frame as the faults see it, and the shapes that faults take in a protocol."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from livermore.adapters.exchanges.simulated.faults.kinds import FrameKind


class Frame(NamedTuple):
    """What is about to be sent at a market time (ms); `symbol` is empty where it is of none or of several."""

    stream: str
    payload: bytes
    symbol: str
    kind: FrameKind
    time: int
    closing: bool = False


class Refusal(NamedTuple):
    """The body of an error and its type."""

    body: bytes
    content_type: str = "application/json"


class Shapes(Protocol):
    """Know how faults look in one exchange's protocol."""

    def frame(self, stream: str, payload: bytes) -> Frame:
        """Say what a payload of a stream is."""
        ...

    def skewed_frame(self, payload: bytes, milliseconds: int) -> bytes:
        """Return a payload whose event time is wrong."""
        ...

    def skewed_answer(self, path: str, body: bytes, milliseconds: int) -> bytes:
        """Return an answer over REST whose server time is wrong."""
        ...

    def emptied(self, body: bytes) -> bytes:
        """Return an answer over REST with nothing in its lists."""
        ...

    def refusal(self, status: int, roll: float) -> Refusal:
        """Return how the exchange words an error; where it has several ways, by chance."""
        ...
