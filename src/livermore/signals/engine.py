"""One user's rules on one exchange: every closed bar is judged once, in order, live or caught up with."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from livermore.indicators.bank import Bank, Moment
from livermore.indicators.macdv import QUIET_WINDOW
from livermore.indicators.service import History
from livermore.kernel.clock import Clock
from livermore.kernel.errors import CorruptDataError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.listener import Times
from livermore.market.ports import Series
from livermore.market.series import SeriesTable
from livermore.signals.composer import Bar, Picture, Standing, compose, picture_of
from livermore.signals.history import judge_history
from livermore.signals.ports import StoredState
from livermore.signals.recorder import Revision, SignalRecorder
from livermore.signals.rules import Hit, Row, Rules, RuleState, decide, stirred
from livermore.signals.signal import Signal

BEGINNING = -(2**62)
NEVER_JUDGED = 2**62
OF_BARS = ("time", "close", "state", "source", "confirmed")
OF_VALUES = (
    "previous", "macdv", "signal", "histogram", "stage", "ema12", "ema26", "atr26", "complete",
)  # fmt: skip


class Engine:
    """Judge the series that a user watches on one exchange, and put what they say on record."""

    def __init__(
        self, scope: Scope, table: SeriesTable, rules: Rules, symbols: Collection[str],
        timeframes: Collection[Timeframe], recorder: SignalRecorder, clock: Clock,
        *, watched: Collection[Timeframe] | None = None, stored: Iterable[StoredState] = (),
        from_the_start: bool = False,
    ) -> None:  # fmt: skip
        """Judge `timeframes`; the bias and the table of a signal are of all that are `watched`."""
        self._scope = scope
        self._table = table
        self._rules = rules
        self.symbols = set(symbols)
        self._live: set[str] = set()
        self._positions = [place for place, length in enumerate(table.timeframes) if length in timeframes]
        self._shown = [
            place for place, length in enumerate(table.timeframes) if length in (watched or timeframes)
        ]
        self._recorder = recorder
        self._clock = clock
        self._from_the_start = from_the_start
        self._stored = {state.series: state for state in stored}
        self._states: dict[int, RuleState] = {}
        self._evaluated = np.full(table.capacity, NEVER_JUDGED, np.int64)
        self._touched = np.zeros(table.capacity, np.bool_)
        self._revising: dict[str, int] = {}
        self._pictures: dict[int, Picture] = {}
        self._bank: Bank | None = None

    def follow(self, bank: Bank) -> None:
        """Take stages for the bias from a bank."""
        self._bank = bank

    # -- what the settings tell ---------------------------------------------------------------------

    def obey(self, rules: Rules) -> None:
        """Judge by other rules from the next bar on; what is armed stays armed."""
        self._rules = rules

    def watch(self, symbols: Iterable[str]) -> None:
        """Judge more symbols, each from when it is loaded, or its history told again."""
        self.symbols.update(symbols)

    async def leave(self, symbols: Iterable[str]) -> None:
        """Judge some symbols no more, and begin anew with them should they come back."""
        gone = self.symbols.intersection(symbols)
        self.symbols -= gone
        for symbol in gone & self._live:
            await self.dropped(symbol)
        held = [series for series in self._stored if series.symbol in gone]
        for series in held:
            del self._stored[series]
        await self._recorder.forget(self._table.exchange, gone)

    # -- what the indicators tell -------------------------------------------------------------------

    def evaluated_to(self, series: Series) -> int | None:
        """Return the bar (ms) up to which a series was judged; None when it begins now."""
        stored = self._stored.get(series)
        return stored.evaluated_to if stored is not None else None

    def loaded(self, symbol: str, histories: dict[Timeframe, History], market_time: int) -> None:
        """Judge the bars of a symbol that closed unseen, then follow it live."""
        self._make_room()
        # The history of one that is followed already was told for somebody else.
        if symbol not in self.symbols or (symbol in self._live and symbol not in self._revising):
            return
        self._live.add(symbol)
        judged = [self._table.timeframes[position] for position in self._positions]
        revised_from = self._revising.pop(symbol, self._judged_to(symbol))
        shown = [self._table.timeframes[position] for position in self._shown]
        after = {timeframe: self._begin(symbol, timeframe, histories[timeframe]) for timeframe in judged}
        states = {timeframe: self._states[self._table.row(symbol, timeframe)] for timeframe in judged}
        signals = judge_history(
            self._scope, self._table.exchange, symbol, {one: histories[one] for one in shown}, self._rules,
            states, after, market_time=market_time, now=self._clock.now(),
        )  # fmt: skip
        if revised_from is not None:
            self._recorder.revise(self._revision(symbol, revised_from, after, signals))
        self._recorder.take(signals)
        for timeframe in judged:
            self._reach(
                self._table.row(symbol, timeframe), max(after[timeframe], newest_of(histories[timeframe]))
            )

    def _judged_to(self, symbol: str) -> int | None:
        """Return up to where (ms) a symbol was judged by an earlier run; None when it begins now.

        A crash in a revision leaves signals behind that; they stand only when they are said again.
        """
        rows = [self._table.row(symbol, self._table.timeframes[position]) for position in self._positions]
        stored = [self._stored[series] for series in map(self._table.series, rows) if series in self._stored]
        judged = [one for one in stored if one.evaluated_to > BEGINNING]
        return max((one.evaluated_to + one.series.timeframe.milliseconds for one in judged), default=None)

    def _revision(
        self, symbol: str, start: int, after: dict[Timeframe, int], signals: list[Signal]
    ) -> Revision:
        judged = {timeframe.value: time for timeframe, time in after.items()}
        stand = {signal.id: signal for signal in signals}
        return Revision(self._table.exchange, symbol, start, judged, frozenset(self._rules.levels), stand)

    async def revised(self, symbol: str, times: Times) -> None:
        """Go back to the rule states before some bars (ms); `loaded` judges those again."""
        if symbol not in self._live:
            return
        await self._recorder.flush()
        start = min(times.values())
        self._revising[symbol] = min(start, self._revising.get(symbol, start))
        states = []
        for position in self._positions:
            timeframe = self._table.timeframes[position]
            row = self._table.row(symbol, timeframe)
            back = self._before(row, times.get(timeframe, NEVER_JUDGED))
            # A revision that broke off may have gone back further.
            known = self._stored.get(back.series, back)
            self._stored[back.series] = min(back, known, key=lambda one: one.evaluated_to)
            states.append(self._stored[back.series])
        # After a crash before the bars are judged again, the next run does that.
        await self._recorder.go_back(states)

    def _before(self, row: int, opened: int) -> StoredState:
        """Return the rule state of a row before the bar that opened at a time (ms)."""
        if opened > self._evaluated[row]:
            return self._state_of(row)
        state, series = self._states[row].before(opened), self._table.series(row)
        # What closed before the watch began, or before all that is remembered, is not judged again.
        reached = max(opened - series.timeframe.milliseconds, self._states[row].horizon(opened))
        return StoredState(series, reached, state.freeze(), tuple(state.changes))

    async def dropped(self, symbol: str) -> None:
        """Put the rule states of a symbol on record, and judge it no more."""
        # One may leave before its history was there, and the table has grown for it.
        self._make_room()
        await self._recorder.flush()
        for timeframe in self._table.timeframes:
            row = self._table.row(symbol, timeframe)
            self._states.pop(row, None)
            self._evaluated[row], self._touched[row] = NEVER_JUDGED, False
        self._revising.pop(symbol, None)
        self._live.discard(symbol)

    def moment(self, moment: Moment) -> None:
        """Judge bars that closed at one instant."""
        self._make_room()
        rows = moment.bars.rows
        fresh = moment.bars.time > self._evaluated[rows]
        if not fresh.any():
            return
        hits: list[tuple[int, Hit]] = []
        bars = stirred(self._rules, moment.previous, moment.macdv, moment.histogram)
        for row in bars.rows(moment.bars.time):
            if fresh[row[0]]:
                hits += self._judge(moment, row)
        seen = rows if fresh.all() else rows[fresh]
        self._evaluated[seen] = moment.bars.time if fresh.all() else moment.bars.time[fresh]
        self._touched[seen] = True
        self._recorder.take(self._composed(moment, hits) if hits else [], self)

    # -- what the recorder asks ---------------------------------------------------------------------

    def states(self) -> list[StoredState]:
        """Return the rule states that changed since the last call."""
        rows = np.flatnonzero(self._touched)
        self._touched[rows] = False
        return [self._state_of(row) for row in rows.tolist()]

    def _state_of(self, row: int) -> StoredState:
        state = self._states[row]
        return StoredState(
            self._table.series(row), int(self._evaluated[row]), state.freeze(), tuple(state.changes)
        )

    @property
    def _followed(self) -> Bank:
        if self._bank is None:
            raise CorruptDataError("the rules follow no bank")
        return self._bank

    # -- inside -------------------------------------------------------------------------------------

    def _begin(self, symbol: str, timeframe: Timeframe, history: History) -> int:
        """Set up a series' rule state; return the bar (ms) after which it is judged."""
        series = Series(self._table.exchange, symbol, timeframe)
        row = self._table.row(symbol, timeframe)
        stored = self._stored.pop(series, None)
        if stored is not None:
            self._states[row] = RuleState.thaw(stored.state, stored.earlier)
            return stored.evaluated_to
        self._states[row] = RuleState()
        began = BEGINNING if self._from_the_start else newest_of(history)
        self._states[row].begun(began)
        return began

    def _reach(self, row: int, time: int) -> None:
        """Go on behind a bar (ms), which after a crash may be judged and not stored: then it comes again."""
        self._evaluated[row] = time
        # Also a series without bars: when it is seen again, whatever closed meanwhile is judged.
        self._touched[row] = True
        self._recorder.take([], self)

    def _judge(self, moment: Moment, stirred: Row) -> list[tuple[int, Hit]]:
        row = moment.bars.rows.item(stirred[0])
        decided = decide(self._rules, self._states[row], self._table.lengths.item(row), [stirred])
        return [(place, hit) for place, _, hit in decided]

    def _composed(self, moment: Moment, hits: list[tuple[int, Hit]]) -> list[Signal]:
        """Compose the signals of hits at one instant, given with their indexes."""
        self._pictures.clear()
        places, now = [place for place, _ in hits], self._clock.now()
        rows, decided = (column[places].tolist() for column in (moment.bars.rows, moment.bars.decided))
        return [
            compose(
                self._scope, self._table.series(row), self._rules, hit, bar, self._picture(row),
                decided=when, now=now,
            )
            for (_, hit), row, when, bar in zip(hits, rows, decided, self._bars(moment, places), strict=True)
        ]  # fmt: skip

    def _bars(self, moment: Moment, places: list[int]) -> list[Bar]:
        """Return bars of a moment as plain numbers."""
        time, rows = moment.bars.time[places], moment.bars.rows[places]
        seeds = self._followed.seed_times(rows)
        passed = np.minimum((time - seeds) // self._table.lengths[rows] + 1, QUIET_WINDOW)
        columns = {
            "seed_time": seeds,
            "observed": moment.observed[places].astype(np.int64),
            "quiet_ratio": moment.quiet[places] / passed,
            **{name: getattr(moment.bars, name)[places] for name in OF_BARS},
            **{name: getattr(moment, name)[places] for name in OF_VALUES},
        }
        return [
            Bar(*row) for row in zip(*(columns[name].tolist() for name in Bar.__struct_fields__), strict=True)
        ]

    def _picture(self, row: int) -> Picture:
        """Say how the watched timeframes of a row's symbol stand, the same for all that close together."""
        first = row - row % self._table.width
        if first not in self._pictures:
            stood = [self._followed.standing(first + place) for place in self._shown]
            timeframes = [self._table.timeframes[place] for place in self._shown]
            self._pictures[first] = picture_of(
                [
                    Standing(timeframe, *standing)
                    for timeframe, standing in zip(timeframes, stood, strict=True)
                    if standing is not None
                ]
            )
        return self._pictures[first]

    def _make_room(self) -> None:
        """Follow the table when it has grown; a row that nobody watches counts as judged for ever."""
        missing = self._table.capacity - len(self._evaluated)
        if missing:
            self._evaluated = np.concatenate([self._evaluated, np.full(missing, NEVER_JUDGED, np.int64)])
            self._touched = np.concatenate([self._touched, np.zeros(missing, np.bool_)])


def newest_of(history: History) -> int:
    """Return the newest bar (ms) of a history; the beginning of time when there is none."""
    return int(history.candles.time[-1]) if len(history.candles) else BEGINNING
