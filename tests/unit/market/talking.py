"""A feed to talk to in minutes and seconds, and an owner that writes down what it says."""

from __future__ import annotations

from collections.abc import Iterable

from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.closed import ClosedBar
from livermore.market.feed import Feed
from livermore.market.ports import Cause
from tests.reference.series import START

from .factories import MINUTE, candles_of

BAR = (10.0, 12.0, 9.0, 11.0, 5.0)


class Owner:
    """Write down what a feed says."""

    def __init__(self) -> None:
        self.ready = 0
        self.wanted: list[tuple[str, int, int]] = []
        self.doubts: list[tuple[str, int, int]] = []
        self.corrections: list[BarUpdate] = []
        self.causes: list[Cause] = []
        self.given_up: list[tuple[str, int, int]] = []
        self.silents: list[str] = []
        self.proofs: list[tuple[str, int, int]] = []
        self.longer_bars: list[BarUpdate] = []

    def bars_ready(self) -> None:
        self.ready += 1

    def repair_wanted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        self.wanted.append((symbol, minute(start), minute(end)))
        self.causes.append(cause)

    def gave_up(self, symbol: str, start: int, end: int) -> None:
        self.given_up.append((symbol, minute(start), minute(end)))

    def doubted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        self.doubts.append((symbol, minute(start), minute(end)))
        self.causes.append(cause)

    def silent(self, symbol: str) -> None:
        self.silents.append(symbol)

    def proven(self, symbol: str, start: int, end: int) -> None:
        self.proofs.append((symbol, minute(start), minute(end)))

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        self.longer_bars.append(update)

    def correction(self, symbol: str, update: BarUpdate) -> None:
        self.corrections.append(update)


def minute(time: int) -> int:
    """Number a bucket from the start."""
    return (time - START) // MINUTE


class Market:
    """A feed of one minute base, spoken to in minutes and seconds from the start."""

    def __init__(self, *symbols: str, begun: bool = True, last_close: float = 10.0) -> None:
        self.clock, self.owner = ManualClock(), Owner()
        self.feed = Feed(Timeframe.M1, self.clock, self.owner)
        self.closed: list[ClosedBar] = []
        for column, symbol in enumerate(symbols or ("A",)):
            self.feed.watch(symbol, column)
            if begun:
                self.feed.begin(symbol, START, last_close)
        # The connection has stood for a while before the first bucket.
        self.feed.connected(START - 2 * MINUTE)
        self.feed.subscribed()
        self.feed.beat(START - 2 * MINUTE)

    def tell(
        self, number: int, ids: tuple[int, int] = (-1, -1), *, at: float | None = None, closed: bool = False,
        symbol: str = "A", values: Iterable[float] = BAR, whole: bool = True,
    ) -> None:  # fmt: skip
        """Send an update of a bucket; its event time is half way through it, or its end when it is closed."""
        names = ("open", "high", "low", "close", "volume")
        seconds = at if at is not None else number * 60 + (60.01 if closed else 30)
        update = BarUpdate(
            symbol=symbol, time=START + number * MINUTE, closed=closed, first_id=ids[0], last_id=ids[1],
            whole=whole, **dict(zip(names, values, strict=True)),
        )  # fmt: skip
        self.feed.bar(update, START + round(seconds * 1000))

    def quiet(
        self, number: int, price: float = 11.0, *, at: float | None = None, closed: bool = False
    ) -> None:
        """Send an update of a bucket without trades."""
        self.tell(number, at=at, closed=closed, values=(price, price, price, price, 0.0))

    def beat(self, seconds: float) -> None:
        self.feed.beat(START + round(seconds * 1000))

    async def wait(self, seconds: float, step: float = 0.05) -> None:
        """Let wall time pass, ticking as the desk does."""
        for _ in range(round(seconds / step)):
            await self.clock.advance(step)
            self.feed.tick()

    def rest(self, start: int, end: int, *rows: tuple[float, ...], symbol: str = "A") -> None:
        """Answer a repair; each row is a minute and five values."""
        candles = candles_of([(START + int(row[0]) * MINUTE, *row[1:]) for row in rows])
        self.feed.repaired(
            symbol, candles, START + start * MINUTE, START + end * MINUTE, self.feed.market_time
        )

    def take(self) -> list[tuple[int, str]]:
        """Return what closed since the last call: minute, and whether traded, quiet or confirmed (!)."""
        bars = self.feed.take()
        self.closed += bars
        return [(minute(bar.time), bar.state.name[0].lower() + "!" * bar.confirmed) for bar in bars]
