"""One symbol's candles held against the exchange over a range: what differs is put right, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from livermore.control.command import Progress
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import REST_KNOWS, Amendment, warm_up_start
from livermore.market.budget import Purpose, asking
from livermore.market.candle import Candles, CandleState, Times
from livermore.market.comparison import Tally, differing, tally, truth
from livermore.market.desk import Desk
from livermore.market.gaps import upwards
from livermore.market.ports import Hole, Series
from livermore.market.repairs import runs
from livermore.market.rollup import roll_up
from livermore.market.works import unbroken

PIECE = 1_000
"""So many buckets are asked for at a time; in between, others have their turn and progress is told."""
ROUNDS = 3
"""So many times a bar is asked for again that somebody else has changed meanwhile."""
CLOSELY = 20_000
"""So many base bars are asked for at most because longer ones differ, which an exchange may always do."""
Report = Callable[[Progress], None]


class Span(NamedTuple):
    """Buckets of a series that open in [start, end) (ms)."""

    start: int
    end: int

    def count(self, timeframe: Timeframe) -> int:
        """Return how many buckets these are."""
        return max(self.end - self.start, 0) // timeframe.milliseconds

    def pieces(self, timeframe: Timeframe) -> Iterator[Span]:
        """Cut it into what is asked for at a time."""
        step = PIECE * timeframe.milliseconds
        for start in range(self.start, self.end, step):
            yield Span(start, min(start + step, self.end))


class Answer(NamedTuple):
    """What the exchange told of a span, and what was stored of it just before it was asked."""

    span: Span
    told: Candles
    stored: Candles


def span_of(timeframe: Timeframe, base: Timeframe, start: int | None, end: int | None, now: int) -> Span:
    """Return what [start, end) (ms) means for a series: by default what warming up would load.

    What ended less than a minute ago is left out: the exchange may tell less of it than it knows.
    """
    known = timeframe.bucket(now - REST_KNOWS)
    last = known if end is None else min(upwards(end, timeframe.milliseconds), known)
    first = warm_up_start(timeframe, base, last) if start is None else upwards(start, timeframe.milliseconds)
    return Span(min(first, last), last)


class Refresh:
    """Ask the exchange for spans of a symbol's series, then put right what differs.

    Nothing is changed while it is asked, so that it can be cancelled at any moment; the change itself is
    one revision. A bar that somebody else has changed meanwhile is asked for again: they may know better.
    """

    def __init__(
        self, desk: Desk, symbol: str, spans: Mapping[Timeframe, Span], whose: str, report: Report
    ) -> None:
        """Ask on behalf of `whose` (an identity_sub)."""
        self._desk = desk
        self._symbol = symbol
        self._spans = dict(spans)
        self._whose = whose
        self._report = report
        self._store = desk.loading.store
        self._base = desk.table.base
        self._answers: dict[Timeframe, list[Answer]] = {timeframe: [] for timeframe in desk.table.timeframes}
        self._overtaken: dict[Timeframe, set[int]] = {}
        self._done = 0
        self._left = [
            weight
            for timeframe, span in self._spans.items()
            for piece in span.pieces(timeframe)
            for weight in desk.exchange.pages(piece.count(timeframe))
        ]
        self._total = len(self._left)

    async def run(self) -> dict[Timeframe, Tally]:
        """Return what became of the buckets of each timeframe; raise LivermoreError when nothing did."""
        before = {one: await self._load(one, span) for one, span in self._spans.items()}
        await self._close_holes()
        with asking(Purpose.WARM_UP, self._whose):
            for timeframe, span in self._spans.items():
                await self._ask(timeframe, span)
            await self._look_closer()
            await self._settle()
            for _ in range(ROUNDS):
                if not any(self._overtaken.values()):
                    break
                await self._ask_again()
                await self._settle()
        return {one: await self._tally(one, span, before[one]) for one, span in self._spans.items()}

    # -- asking -------------------------------------------------------------------------------------

    async def _close_holes(self) -> None:
        """Have known holes in what is asked for repaired, as far as the exchange can fill them."""
        feed = self._desk.feed
        for hole in self._open_holes():
            # What lies behind a hole that is waited for comes when that is filled.
            if hole.end <= feed.next_open(self._symbol) or feed.waits_for(self._symbol, hole.start):
                self._tell("filling known holes")
                await self._desk.repairs.repair(self._symbol, hole.start, hole.end)

    def _open_holes(self) -> list[Hole]:
        start = min(span.start for span in self._spans.values())
        end = max(span.end for span in self._spans.values())
        holes = self._desk.ledger.open_holes(self._symbol)
        return [hole for hole in holes if start < hole.end and hole.start < end]

    async def _ask(self, timeframe: Timeframe, span: Span) -> None:
        """Ask for a span piece by piece, and keep the answer."""
        told, stored = [Candles.none()], [Candles.none()]
        for piece in span.pieces(timeframe):
            self._tell(f"reading {timeframe.value} candles")
            stored.append(await self._load(timeframe, piece))
            told.append(await self._desk.loading.backfill.history(self._symbol, timeframe, *piece))
            asked = len(self._desk.exchange.pages(piece.count(timeframe)))
            self._done, self._left = self._done + asked, self._left[asked:]
        answer = Answer(span, Candles.joined(*told), Candles.joined(*stored))
        self._answers[timeframe].append(answer)

    async def _look_closer(self) -> None:
        """Ask for the base bars of higher ones that differ: those are made of base bars, and not told."""
        first, length = await self._first(self._base), self._base.milliseconds
        wanted: set[int] = set()
        for timeframe, answers in self._answers.items():
            for answer in answers if timeframe != self._base else ():
                wrong = (await self._wrong(timeframe, answer)).time
                for time in wrong[wrong >= first].tolist():
                    wanted.update(range(time, time + timeframe.milliseconds, length))
        asked = [answer.span for answer in self._answers[self._base]]
        missing = sorted(time for time in wanted if not any(start <= time < end for start, end in asked))
        for start, end in runs(missing[-CLOSELY:], length):
            await self._ask(self._base, Span(start, end))

    def _tell(self, message: str) -> None:
        seconds = self._desk.exchange.budget.forecast(self._left).seconds
        total = max(self._total, self._done)
        self._report(Progress(done=self._done, total=total, message=message, eta_seconds=round(seconds)))

    async def _ask_again(self) -> None:
        """Ask once more for bars that somebody else changed while their answer was on its way."""
        overtaken, self._overtaken = self._overtaken, {}
        for answers in self._answers.values():
            answers.clear()
        for timeframe, times in overtaken.items():
            for start, end in runs(sorted(times), timeframe.milliseconds):
                await self._ask(timeframe, Span(start, end))

    # -- putting right ------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Have what differs put right, with nobody else at this symbol meanwhile."""
        self._tell("putting right what differs")
        self._overtaken = {}
        async with self._desk.changing[self._symbol]:
            await unbroken(self._put_right())

    async def _put_right(self) -> None:
        """Change what differs from what the exchange told, in one revision."""
        desk, symbol = self._desk, self._symbol
        base = await self._all_wrong(self._base)
        corrected, older = {self._base: base}, []
        for timeframe in desk.table.timeframes[1:]:
            corrected[timeframe] = await self._of_base(timeframe, await self._all_wrong(timeframe), base)
        for timeframe, wrong in corrected.items():
            first = await self._first(timeframe)
            older.append((Series(desk.info.name, symbol, timeframe), wrong[wrong.time < first]))
            corrected[timeframe] = wrong[wrong.time >= first]
        await self._confirm(base)
        await self._amend(Amendment({one: wrong for one, wrong in corrected.items() if len(wrong)}, older))

    async def _amend(self, amendment: Amendment) -> None:
        desk, symbol = self._desk, self._symbol
        if amendment.corrected:
            try:
                await desk.loading.amend(symbol, amendment)
            except BaseException:
                desk.feed.go_on(symbol)
                # Should it be stored and not taken: what is held must be what is stored.
                desk.work(symbol, "is to be taken again", partial(desk.revisit, symbol))
                raise
        else:
            await self._store.save([part for part in amendment.older if len(part[1])])
        for start, end in (answer.span for answer in self._answers[self._base]):
            known = min(end, desk.feed.next_open(self._symbol))
            desk.ledger.close(self._symbol, start, known, desk.feed.market_time)

    async def _confirm(self, wrong: Candles) -> None:
        """Mark base bars as proven that the exchange tells as we have them."""
        for answer in self._answers[self._base]:
            stored = await self._load(self._base, answer.span)
            proven = ~stored.confirmed & (stored.state != CandleState.MISSING)
            proven &= ~np.isin(stored.time, wrong.time)
            proven &= np.isin(stored.time, answer.told.time) | (stored.state == CandleState.QUIET)
            self._desk.prove(self._symbol, stored[proven])

    async def _all_wrong(self, timeframe: Timeframe) -> Candles:
        """Return what is right of the buckets of a series that are stored otherwise, oldest first."""
        parts = [await self._wrong(timeframe, answer) for answer in self._answers[timeframe]]
        joined = Candles.joined(Candles.none(), *parts)
        return joined[np.argsort(joined.time)]

    async def _wrong(self, timeframe: Timeframe, answer: Answer) -> Candles:
        """Return what is right of the buckets of an answer that are stored otherwise.

        What lies in front of the stored history counts only where it reaches up to it, and nothing counts
        that the lane has yet to close.
        """
        series, (start, end) = Series(self._desk.info.name, self._symbol, timeframe), answer.span
        closed = timeframe.bucket(self._desk.feed.next_open(self._symbol))
        if end < await self._first(timeframe):
            return Candles.none()
        stored = await self._load(timeframe, answer.span)
        before = await self._store.load(series, start - timeframe.milliseconds, start)
        right = truth(stored, answer.told, timeframe, end, before).between(start, closed)
        wrong = right[differing(stored, right)]
        overtaken = np.isin(wrong.time, _changed(answer.stored, stored))
        self._overtaken.setdefault(timeframe, set()).update(wrong.time[overtaken].tolist())
        return wrong[~overtaken]

    async def _of_base(self, timeframe: Timeframe, wrong: Candles, base: Candles) -> Candles:
        """Return higher bars as the base bars make them, where those are known; else as they were told."""
        first = await self._first(self._base)
        told = wrong[wrong.time < first]
        covered = wrong.time[wrong.time >= first].tolist()
        made = [
            await self._made(timeframe, Span(start, end), base)
            for start, end in runs(covered, timeframe.milliseconds)
        ]
        return Candles.joined(told, *made)

    async def _made(self, timeframe: Timeframe, span: Span, base: Candles) -> Candles:
        """Return those higher bars of a span that corrected base bars make otherwise than they are stored."""
        known = (await self._load(self._base, span)).replaced(base.between(*span))
        if len(known) < span.count(self._base):
            return Candles.none()
        made = roll_up(known, self._base.milliseconds, timeframe, span.end)
        return made[differing(await self._load(timeframe, span), made) & (made.state != CandleState.MISSING)]

    # -- the store ----------------------------------------------------------------------------------

    async def _tally(self, timeframe: Timeframe, span: Span, before: Candles) -> Tally:
        after = await self._load(timeframe, span)
        first = max(span.start, await self._first(timeframe)) if len(after) else span.start
        return tally(before, after, Span(first, span.end).count(timeframe))

    async def _load(self, timeframe: Timeframe, span: Span) -> Candles:
        """Return all that is known of a span: what has closed is stored first."""
        await self._desk.write()
        return await self._store.load(Series(self._desk.info.name, self._symbol, timeframe), *span)

    async def _first(self, timeframe: Timeframe) -> int:
        """Return when (ms) the oldest stored bar of a series opened; for ever when there is none."""
        span = await self._store.span(Series(self._desk.info.name, self._symbol, timeframe))
        return span[0] if span is not None else 2**62


def _changed(before: Candles, now: Candles) -> Times:
    """Return the buckets (ms) of which something else was stored before than there is now."""
    come = now.time[differing(before, now)]
    gone = before.time[~np.isin(before.time, now.time)]
    return np.concatenate([come, gone])
