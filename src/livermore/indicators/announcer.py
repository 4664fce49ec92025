"""Closed and running bars, told to listeners a few times a second instead of one by one."""

from __future__ import annotations

from typing import Any

from livermore.indicators.bank import Moment
from livermore.indicators.service import History
from livermore.indicators.stages import STAGES
from livermore.kernel.clock import Clock
from livermore.kernel.events import Event, EventBus
from livermore.kernel.service import Background, Health
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleState
from livermore.market.desk import Desk
from livermore.market.listener import Times
from livermore.market.ports import Series

INTERVAL = 0.25


class Announcer:
    """Gather what closed on one exchange, and publish the newest bar of each series."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._newest: dict[int, tuple[Moment, int]] = {}
        self._revising: dict[str, dict[Timeframe, int]] = {}
        self._revised: list[dict[str, Any]] = []
        self._desk: Desk | None = None
        self._background = Background(self._run)
        self.name = "announcer"

    def follow(self, desk: Desk) -> None:
        """Take running bars from a desk."""
        self._desk = desk
        self.name = f"announcer {desk.info.name}"

    def evaluated_to(self, series: Series) -> int | None:
        """Need no history."""
        return None

    def loaded(self, symbol: str, histories: dict[Timeframe, History], market_time: int) -> None:
        """Leave history to those who ask for it; that it was revised is told."""
        starts = self._revising.pop(symbol, {})
        self._revised += [_span(symbol, one, start, market_time) for one, start in starts.items()]

    async def revised(self, symbol: str, times: Times) -> None:
        """Note from where on (ms) the bars of a symbol are being revised."""
        known = self._revising.setdefault(symbol, {})
        known.update({one: min(time, known.get(one, time)) for one, time in times.items()})

    async def dropped(self, symbol: str) -> None:
        """Tell nothing more of a symbol."""
        self._revising.pop(symbol, None)
        if self._desk is not None:
            first = self._desk.table.columns[symbol] * self._desk.table.width
            for row in range(first, first + self._desk.table.width):
                self._newest.pop(row, None)

    def moment(self, moment: Moment) -> None:
        """Note the bars that closed at one instant."""
        for place, row in enumerate(moment.bars.rows.tolist()):
            self._newest[row] = (moment, place)

    async def start(self) -> None:
        """Begin to publish."""
        self._background.start()

    async def stop(self) -> None:
        """Publish no more."""
        await self._background.stop()

    def health(self) -> Health:
        """Say whether it still publishes."""
        return self._background.health()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL)
            if self._desk is not None:
                self._publish(self._desk)

    def _publish(self, desk: Desk) -> None:
        newest, self._newest = self._newest, {}
        revised, self._revised = self._revised, []
        if not self._bus.heard("candle"):
            return
        bars = [self._bar(desk, row, moment, place) for row, (moment, place) in newest.items()]
        forming = [bar for symbol in desk.symbols if (bar := _running(desk, symbol)) is not None]
        if bars or forming or revised:
            data = {"exchange": desk.info.name, "bars": bars, "forming": forming, "revised": revised}
            self._bus.publish(Event(topic="candle", time=desk.feed.market_time, data=data, passing=True))

    @staticmethod
    def _bar(desk: Desk, row: int, moment: Moment, place: int) -> dict[str, Any]:
        series = desk.table.series(row)
        bars = moment.bars
        return {
            "symbol": series.symbol,
            "timeframe": series.timeframe.value,
            "time": int(bars.time[place]),
            **{
                name: float(getattr(bars, name)[place]) for name in ("open", "high", "low", "close", "volume")
            },
            "state": CandleState(int(bars.state[place])).name.lower(),
            **{
                name: _known(float(getattr(moment, name)[place])) for name in ("macdv", "signal", "histogram")
            },
            "stage": STAGES[int(moment.stage[place])],
        }


def _span(symbol: str, timeframe: Timeframe, start: int, end: int) -> dict[str, Any]:
    """Name the bars of a series that were revised: those that opened in [from, to) ms."""
    return {"symbol": symbol, "timeframe": timeframe.value, "from": start, "to": end}


def _running(desk: Desk, symbol: str) -> dict[str, Any] | None:
    update = desk.feed.running(symbol)
    if update is None:
        return None
    names = ("symbol", "time", "open", "high", "low", "close", "volume")
    return {name: getattr(update, name) for name in names}


def _known(value: float) -> float | None:
    return value if value == value else None
