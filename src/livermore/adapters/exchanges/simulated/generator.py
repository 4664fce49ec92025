"""A source that makes its market up: the same world for the same seed, some weeks of past, no end.

Days are drawn one after the other when first asked for. Only their evenings are kept for good, so that any
day can be drawn again; of the days themselves those asked for last.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from livermore.adapters.exchanges.simulated.day import DAY, Evening, draw_day, first_evening
from livermore.adapters.exchanges.simulated.numbering import LEAST_TRADES
from livermore.adapters.exchanges.simulated.profiles import WELL_KNOWN, profile_of
from livermore.adapters.exchanges.simulated.rollup import roll_up
from livermore.adapters.exchanges.simulated.source import Bars, Outline, longer_timeframes
from livermore.kernel.timeframe import Timeframe

EPOCH = 1_735_689_600_000  # 2025-01-01T00:00Z
PAST_DAYS = 45
SEED = 7
_DAYS_KEPT = {Timeframe.M1: 3, Timeframe.M5: 8, Timeframe.M15: 20}
_DAYS_KEPT_OF_LONGER = 50


class GeneratedSource:
    """A world of well-known pairs; `epoch` (a midnight, ms) is its now when it is first entered."""

    def __init__(
        self,
        symbols: Sequence[str] = WELL_KNOWN,
        *,
        seed: int = SEED,
        epoch: int = EPOCH,
        past_days: int = PAST_DAYS,
        updates_per_bar: int = 12,
    ) -> None:
        self._profiles = {symbol: profile_of(symbol) for symbol in symbols}
        self._seed = seed
        self._numbers_every_trade = False
        self._evenings = self._first_evenings()
        self._kept: dict[Timeframe, OrderedDict[tuple[str, int], Bars]] = {}
        self.timeframe = Timeframe.M1
        self.timeframes = longer_timeframes(self.timeframe)
        self.updates_per_bar = updates_per_bar
        self.markets = tuple(profile.market(symbol) for symbol, profile in self._profiles.items())
        self.start = epoch - epoch % DAY
        self.first = self.start - past_days * DAY
        self.end: int | None = None
        self.finished = False

    def begins(self, symbol: str) -> int:
        """Return the open (ms) of the first minute."""
        return self.first

    def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Bars:
        """Return the bars that open in [start, end) (ms)."""
        start = max(start, self.first)
        days = range((start - self.first) // DAY, -(-(end - self.first) // DAY))
        if start >= end or not days:
            return Bars.none()
        return Bars.joined(*(self._day(symbol, timeframe, day) for day in days)).between(start, end)

    def outline(self, symbol: str) -> Outline | None:
        """Return what the pair is like, until one of its days has been asked for."""
        return self._profiles[symbol].outline() if len(self._evenings[symbol]) == 1 else None

    def number_every_trade(self) -> None:
        """Give a traded minute as many trades as it has updates, and forget what was drawn before."""
        self.updates_per_bar = max(self.updates_per_bar, LEAST_TRADES)
        self._numbers_every_trade = True
        self._evenings = self._first_evenings()
        self._kept.clear()

    def _first_evenings(self) -> dict[str, list[Evening]]:
        return {symbol: [first_evening(profile)] for symbol, profile in self._profiles.items()}

    def _day(self, symbol: str, timeframe: Timeframe, day: int) -> Bars:
        """Return one day, drawing it (again) when it is not kept."""
        kept = self._kept.get(timeframe)
        if kept is None or (symbol, day) not in kept:
            self._keep_all(symbol, day, self._drawn_up_to(symbol, day))
            kept = self._kept[timeframe]
        kept.move_to_end((symbol, day))
        return kept[symbol, day]

    def _drawn_up_to(self, symbol: str, day: int) -> Bars:
        """Draw a day, and before it those that have never been drawn."""
        evenings = self._evenings[symbol]
        for earlier in range(len(evenings) - 1, day):
            evenings.append(self._draw(symbol, earlier)[1])
        minutes, evening = self._draw(symbol, day)
        if len(evenings) == day + 1:
            evenings.append(evening)
        return minutes

    def _draw(self, symbol: str, day: int) -> tuple[Bars, Evening]:
        start = self.first + day * DAY
        random = np.random.default_rng([self._seed, zlib.crc32(symbol.encode()), start // DAY])
        before = self._evenings[symbol][day]
        return draw_day(
            self._profiles[symbol], random, start, before, self.updates_per_bar,
            every_trade=self._numbers_every_trade,
        )  # fmt: skip

    def _keep_all(self, symbol: str, day: int, minutes: Bars) -> None:
        """Keep a day in every timeframe, and let go of the days asked for longest ago."""
        for timeframe in self.timeframes:
            bars = minutes if timeframe is self.timeframe else roll_up(minutes, timeframe.milliseconds)
            kept = self._kept.setdefault(timeframe, OrderedDict())
            kept[symbol, day] = bars
            if len(kept) > _DAYS_KEPT.get(timeframe, _DAYS_KEPT_OF_LONGER) * len(self._profiles):
                kept.popitem(last=False)
