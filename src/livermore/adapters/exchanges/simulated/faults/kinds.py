"""What can go wrong, one struct for each kind; in a script each is an object whose `kind` is its name.

`from_` and `to` are market times in ms, counted from the market's start or, from 1973 on, absolute; without
`from_` it is the start. `every` and `for_` are seconds of market time: such a fault is at work for so long in
every period, at a moment that the seed draws. `share` is how many of those concerned are hit, from 0 to 1.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Moment = int
FrameKind = Literal["bars", "trades", "tickers", "heartbeats", "other"]
DATA: tuple[FrameKind, ...] = ("bars", "trades")


def _kind(name: str) -> str:
    """Return a class's name as a script writes it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=_kind, tag_field="kind",
    rename={"from_": "from", "for_": "for"},
):  # fmt: skip
    """Anything that goes wrong from one moment of the market to another."""

    from_: Moment | None = None
    to: Moment | None = None
    every: Seconds | None = None
    for_: Seconds | None = None
    share: Share = 1.0

    def __post_init__(self) -> None:
        """Refuse times that contradict each other."""
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError("`to` must lie behind `from`")
        if self.for_ is not None and (self.every is None or self.for_ > self.every):
            raise ValueError("`for` needs an `every` that is at least as long")
        if self.every is not None and self.for_ is None and not isinstance(self, Cut):
            raise ValueError("`every` needs a `for`: how long it lasts each time")


class FrameFault(Fault, frozen=True, kw_only=True):
    """Anything that happens to frames: of these symbols and sorts, or of all."""

    symbols: tuple[str, ...] | None = None
    frames: tuple[FrameKind, ...] | None = None


class Skew(Fault, frozen=True, kw_only=True):
    """Let the exchange's clock be wrong by so many ms: server time, event times."""

    milliseconds: int


class Silence(FrameFault, frozen=True, kw_only=True):
    """Say nothing of a share of the symbols, while the rest goes on: pings, tickers, heartbeats."""

    frames: tuple[FrameKind, ...] | None = DATA


class AbsentClose(FrameFault, frozen=True, kw_only=True):
    """Never send the frame that says a bar is closed."""


class LateClose(FrameFault, frozen=True, kw_only=True):
    """Send the frame that says a bar is closed so many seconds late."""

    seconds: Seconds


class Drop(FrameFault, frozen=True, kw_only=True):
    """Lose frames."""


class Delay(FrameFault, frozen=True, kw_only=True):
    """Hold frames for so many seconds; others overtake them."""

    seconds: Seconds


class Reorder(FrameFault, frozen=True, kw_only=True):
    """Send frames behind one to `within` of those that follow."""

    within: Count = 3


class Duplicate(FrameFault, frozen=True, kw_only=True):
    """Send frames twice."""


class Corrupt(FrameFault, frozen=True, kw_only=True):
    """Cut frames short, or write over a letter or a digit in them."""


class Gap(FrameFault, frozen=True, kw_only=True):
    """Skip so many sequence numbers before a frame, where the protocol numbers them."""

    count: Count = 1


class Cut(Fault, frozen=True, kw_only=True):
    """Cut a share of the connections: at moments (ms), once in every period, or else whenever at work."""

    at: tuple[Moment, ...] = ()

    def __post_init__(self) -> None:
        """Refuse moments beside a rhythm."""
        super().__post_init__()
        if self.at and self.every is not None:
            raise ValueError("`at` and `every` exclude each other")


class HalfOpen(Fault, frozen=True, kw_only=True):
    """Let a share of the connections stay open with nothing at all arriving any more, for good."""


class RestFault(Fault, frozen=True, kw_only=True):
    """Anything that happens to answers over REST: to paths with one of these words in them, or to all.

    A word with `$` behind it must stand at the end of the path.
    """

    paths: tuple[str, ...] | None = None


class Refuse(RestFault, frozen=True, kw_only=True):
    """Answer with an error status in the protocol's own words; `retry_after` in seconds of the wall."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Hang(RestFault, frozen=True, kw_only=True):
    """Give no answer, and break off after so many seconds of the wall."""

    seconds: Seconds = 60.0


class Slow(RestFault, frozen=True, kw_only=True):
    """Answer so many seconds of the wall late."""

    seconds: Seconds


class Truncate(RestFault, frozen=True, kw_only=True):
    """Cut an answer's JSON short."""


class Empty(RestFault, frozen=True, kw_only=True):
    """Answer with lists that have nothing in them."""


class RowFault(Fault, frozen=True, kw_only=True):
    """Anything that happens to candles over REST: of these symbols and timeframes, or of all, however old."""

    symbols: tuple[str, ...] | None = None
    timeframes: tuple[str, ...] | None = None


class Hole(RowFault, frozen=True, kw_only=True):
    """Leave out a share of the candles that lie in [from, to), until the market's time is `known_from`."""

    known_from: Moment | None = None


class LateBucket(RowFault, frozen=True, kw_only=True):
    """Know nothing of a share of the buckets until so many seconds after their close."""

    seconds: Seconds


AnyFault = (
    Skew | Silence | AbsentClose | LateClose | Drop | Delay | Reorder | Duplicate | Corrupt | Gap
    | Cut | HalfOpen | Refuse | Hang | Slow | Truncate | Empty | Hole | LateBucket
)  # fmt: skip


def kind_of(fault: type[Fault] | Fault) -> str:
    """Return the name by which a script knows a kind of fault."""
    return _kind(fault.__name__ if isinstance(fault, type) else type(fault).__name__)
