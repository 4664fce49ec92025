"""What a feed knows of one symbol: what has closed, what is running, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livermore.market.candle import BarUpdate
from livermore.market.ports import Cause

if TYPE_CHECKING:
    from livermore.market.wire import Wire

PATIENCE = 5


class Lane:
    """The base buckets of one symbol in order: all before `next_open` (ms) have closed.

    Buckets that open before `sure_from` are not sure by the connection, for the reason in `cause`. A `gap`
    (ms) may have swallowed news of buckets that open before it, until an update of unbroken ids comes; a
    `mute` lane hears no bars, so that REST is asked instead. `hole` is the range that a lane which is
    not `ready` waits for, since the market time `waits_since`; None while it waits for its history.
    """

    __slots__ = (
        "cause",
        "column",
        "gap",
        "gave_up",
        "held",
        "hole",
        "last_close",
        "last_id",
        "mute",
        "next_open",
        "partial",
        "patience",
        "quiet_run",
        "ready",
        "running",
        "silent_since",
        "sure_from",
        "symbol",
        "unconfirmed",
        "waits_since",
        "wire",
    )

    def __init__(self, symbol: str, column: int) -> None:
        self.symbol = symbol
        self.column = column
        self.ready = False
        self.next_open = -1
        self.last_close = float("nan")
        self.last_id = -1
        self.sure_from = -1
        self.cause = Cause.DISCONNECTED
        self.gap = -1
        self.mute = False
        self.gave_up = False
        self.unconfirmed = -1
        self.silent_since = -1
        self.quiet_run = 0
        self.patience = PATIENCE
        self.hole: tuple[int, int] | None = None
        self.waits_since = -1
        self.running: BarUpdate | None = None
        self.partial: dict[int, float] = {}
        self.held: list[tuple[BarUpdate, bool]] = []
        self.wire: Wire | None = None

    @property
    def untraded(self) -> bool:
        """Say that no trade is known yet: no bucket exists before the first one."""
        return self.last_close != self.last_close

    def distrust(self, until: int, cause: Cause) -> None:
        """Trust the connection only for buckets that open at a time (ms) or later."""
        if until > self.sure_from:
            self.sure_from, self.cause = until, cause

    def broken(self, first_id: int) -> bool:
        """Say whether trade ids prove that trades before this one were missed."""
        return self.last_id >= 0 and first_id >= 0 and first_id != self.last_id + 1

    def chained(self, first_id: int) -> bool:
        """Say whether trade ids prove that none were missed."""
        return first_id == self.last_id + 1 > 0
