"""The stream of an exchange that has none: REST is asked soon after every close, and at times between."""

from __future__ import annotations

from collections.abc import Sequence

from livermore.adapters.exchanges.through_ccxt.duties import StreamOfTasks
from livermore.adapters.exchanges.through_ccxt.history import ohlcv
from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.adapters.exchanges.through_ccxt.refusals import streaming
from livermore.adapters.exchanges.through_ccxt.telling import bar_of
from livermore.adapters.exchanges.through_ccxt.timing import Timing
from livermore.kernel.clock import Clock
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.ports import RequestBudget, StreamSink

BUCKETS = 3  # the running one, and the two before it
SHARE = 0.5  # of the budget: the rest is for histories and repairs


class PollingStream(StreamOfTasks):
    """Sweep over all symbols again and again.

    What a sweep tells is as new as its beginning, but the market's time moves only at its end, when that is
    so for every symbol: else a bar would be closed by the clock before its last trades were asked for.
    """

    def __init__(
        self, budget: RequestBudget, library: Library, base: Timeframe, clock: Clock, timing: Timing
    ) -> None:
        super().__init__(library, base, clock, timing)
        self._budget = budget
        self._known = 0

    async def run(self, sink: StreamSink) -> None:
        """Deliver until closed, or raise when a request fails."""
        self._start("the sweeps", self._keep_sweeping())
        await super().run(sink)

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Poll more symbols; each is asked for once before this returns."""
        async with self._changing:
            listed = await self._listed(symbols)
            self._names.update(listed)
            began = self._library.time.now()
            for name in listed:
                await self._poll(name, began)
            if self._names:
                self._know_days()

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Poll some no longer."""
        for name in symbols:
            self._names.pop(name, None)
            self._teller.forget(name)

    async def _keep_sweeping(self) -> None:
        sink = await self._teller.sink()
        while True:
            await self._clock.sleep(self._wait())
            began = self._library.time.now()
            names = list(self._names)
            for name in names:
                await self._poll(name, began)
            if names:
                self._known = began
                sink.beat(began)

    async def _poll(self, name: str, began: int) -> None:
        """Tell the newest bars of a symbol, as of the latest time at which all were known."""
        unified = self._names.get(name)
        if unified is None:
            return
        since = self._base.bucket(began) - (BUCKETS - 1) * self._base.milliseconds
        with streaming(self._library.info.name):
            rows = await ohlcv(self._library, unified, self._base, since, BUCKETS)
        for row in rows[-BUCKETS:]:
            if name in self._names:
                await self._teller.bar(bar_of(name, row), self._known)

    def _wait(self) -> float:
        """Return the seconds until the next sweep: one is due soon after every close."""
        step = self._base.milliseconds // self._sweeps()
        past = (self._library.time.now() - int(self._timing.settle * 1000)) % step
        return (step - past) / 1000

    def _sweeps(self) -> int:
        """Return how many sweeps a bucket our share of the budget pays for, at least one."""
        paid = self._budget.usage().limit * SHARE * self._base.milliseconds / MINUTE
        return max(1, min(self._timing.sweeps, int(paid / max(1, len(self._names)))))
