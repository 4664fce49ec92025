"""One user's watch: what the settings have seen, judged and sent, brought about while everything runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.runtime.floor import NOTHING, Floor, Post, Wanted
from livermore.settings.document import SettingsDocument
from livermore.settings.service import Current, watched_symbols
from livermore.signals.dispatcher import Dispatcher
from livermore.signals.engine import Engine
from livermore.signals.ports import Channel, SignalWorkFactory
from livermore.signals.recorder import AlertMaker, SignalRecorder
from livermore.signals.rules import Rules


class Means(NamedTuple):
    """What a watch is made with: where signals go, how they are said, and what else follows the settings."""

    work: SignalWorkFactory
    signals: SignalRecorder
    dispatcher: Dispatcher
    channels_of: Callable[[SettingsDocument], dict[str, Channel]]
    alerts_of: Callable[[SettingsDocument], AlertMaker]
    applied: Callable[[SettingsDocument], None]


class Seat(NamedTuple):
    """A user's engine at a post, for what an engine cannot change: the timeframes judged and shown."""

    post: Post
    judged: tuple[Timeframe, ...]
    shown: tuple[Timeframe, ...]
    engine: Engine


class Watch:
    """Hold a user's seats on the floor, and the rules and alerts of the revision that is applied."""

    def __init__(
        self, scope: Scope, floor: Floor, means: Means, clock: Clock, *, from_the_start: bool = False
    ) -> None:
        self._scope = scope
        self._floor = floor
        self._means = means
        self._clock = clock
        self._from_the_start = from_the_start
        self._seats: dict[str, Seat] = {}
        self.current: Current | None = None
        self._resting = True
        self._muted = False

    async def apply(self, current: Current, anew: Collection[tuple[str, str]] = ()) -> None:
        """Have a revision of the settings hold from now on.

        The rules of symbols `anew`, given as (exchange, symbol), begin anew, also where they are judged now.
        Raises LivermoreError when it cannot be; then the one before holds on.
        """
        before, was_resting = self.current, self._resting
        self.current, self._resting = current, False
        try:
            channels = self._means.channels_of(current.document)
            await self._forget(anew)
            await self._floor.want(self, wanted_of(current.document))
            await self._forget_others(before, current)
        except BaseException:
            self.current, self._resting = before, was_resting
            await self._go_back()
            raise
        self._say(current)
        if before is None or before.document.alerts.routes != current.document.alerts.routes:
            await self._means.dispatcher.deliver_through(channels)
        self._means.applied(current.document)

    async def _forget(self, symbols: Collection[tuple[str, str]]) -> None:
        """Forget where the rules of symbols stood, also those that are judged at this moment."""
        gone: defaultdict[str, set[str]] = defaultdict(set)
        for exchange, symbol in symbols:
            gone[exchange].add(symbol)
        for exchange, names in gone.items():
            seat = self._seats.get(exchange)
            if seat is not None:
                await seat.engine.leave(names)
            else:
                await self._means.signals.forget(exchange, names)

    async def _forget_others(self, before: Current | None, current: Current) -> None:
        """Forget where the rules stood at exchanges that were taken off while nobody sat there."""
        wanted = wanted_of(current.document).symbols.keys()
        if before is None or wanted != wanted_of(before.document).symbols.keys():
            await self._means.signals.keep(wanted)

    def mute(self, muted: bool) -> None:
        """Have the alerts of signals from now on stored only, or sent again."""
        self._muted = muted
        if self.current is not None:
            self._say(self.current)

    def told(self) -> None:
        """Have alerts sent at once that somebody else has put into the outbox."""
        self._means.dispatcher.wake()

    def _say(self, current: Current) -> None:
        alerts_of = self._means.alerts_of(current.document)
        self._means.signals.alerts_of = _silenced(alerts_of) if self._muted else alerts_of

    async def _go_back(self) -> None:
        """Have the revision before hold again; where that fails too, its error stays behind the first."""
        if self.current is not None and not self._resting:
            with suppress(LivermoreError):
                await self._floor.want(self, wanted_of(self.current.document))

    async def rest(self) -> None:
        """See and judge nothing until the next `apply`, which goes on where this left off.

        Raises LivermoreError, with everything let go of, when rule states could not be put on record.
        """
        self._resting = True
        trouble: LivermoreError | None = None
        for name in list(self._seats):
            try:
                await self._rise(name)
            except LivermoreError as error:
                trouble = error
        await self._floor.want(self, NOTHING)
        if trouble is not None:
            raise trouble

    async def settle(self) -> None:
        """Take a seat at every post that shows what is watched, and leave those that show nothing of it."""
        if self.current is None or self._resting:
            return
        wanted = wanted_of(self.current.document).symbols
        for name in self._seats.keys() - wanted.keys():
            await self._seats[name].engine.leave(self._seats[name].engine.symbols)
            await self._rise(name)
        for name, symbols in wanted.items():
            if name in self._floor.posts:
                await self._sit(self._floor.posts[name], symbols, self.current)

    async def _sit(self, post: Post, symbols: tuple[str, ...], current: Current) -> None:
        """Judge symbols at a post by a revision of the settings."""
        name, document = post.desk.info.name, current.document
        fits = (post, judged(document), tuple(document.timeframes))
        held = self._seats.get(name)
        if held is not None and held[:3] == fits:
            await _change(held, symbols, rules_of(document, current.revision))
            return
        if held is not None:
            await self._rise(name)
        seat = Seat(*fits, await self._engine(post, symbols, current))
        post.indicators.follow(seat.engine)
        self._seats[name] = seat
        _have_judged(post, symbols)

    async def _engine(self, post: Post, symbols: tuple[str, ...], current: Current) -> Engine:
        """Set up the rules as they stood when the user was last here."""
        table, document = post.desk.table, current.document
        async with self._means.work(self._scope) as work:
            stored = await work.states.all(table.exchange)
        gone = {state.series.symbol for state in stored}.difference(symbols)
        await self._means.signals.forget(table.exchange, gone)
        engine = Engine(
            self._scope, table, rules_of(document, current.revision), symbols, judged(document),
            self._means.signals, self._clock, watched=document.timeframes,
            stored=[state for state in stored if state.series.symbol not in gone],
            from_the_start=self._from_the_start,
        )  # fmt: skip
        engine.follow(post.indicators.bank)
        return engine

    async def _rise(self, name: str) -> None:
        """Give up a seat, with the rule states on record."""
        seat = self._seats.pop(name)
        seat.post.indicators.unfollow(seat.engine)
        await self._means.signals.release(seat.engine)


async def _change(seat: Seat, symbols: tuple[str, ...], rules: Rules) -> None:
    """Have a seat's engine judge other symbols by other rules."""
    engine = seat.engine
    engine.obey(rules)
    new = [symbol for symbol in symbols if symbol not in engine.symbols]
    await engine.leave(engine.symbols.difference(symbols))
    engine.watch(new)
    _have_judged(seat.post, new)


def _have_judged(post: Post, symbols: Iterable[str]) -> None:
    """Have the history of symbols that are loaded already told to the engine that has come."""
    for symbol in symbols:
        post.desk.work(symbol, "is to be judged", partial(post.desk.revisit, symbol))


def _silenced(alerts_of: AlertMaker) -> AlertMaker:
    """Make the same alerts, to be held for good: nobody wants to be told of them when the pause is over."""
    return lambda signal: [replace(alert, state="held", next_attempt=0) for alert in alerts_of(signal)]


def wanted_of(document: SettingsDocument) -> Wanted:
    """Return what a document says is watched."""
    symbols: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for exchange, symbol in watched_symbols(document):
        symbols[exchange] += (symbol,)
    return Wanted(dict(symbols), frozenset(document.timeframes))


def rules_of(document: SettingsDocument, revision: int) -> Rules:
    """Take from the settings what the rules need."""
    alerts = document.alerts
    return Rules(
        levels=tuple(alerts.levels),
        oversold_buffer=alerts.reversal.oversold_buffer,
        overbought_buffer=alerts.reversal.overbought_buffer,
        cooldown=alerts.cooldown_seconds * 1000,
        revision=revision,
    )


def judged(document: SettingsDocument) -> tuple[Timeframe, ...]:
    """Return the timeframes that the mode judges: all watched ones, or those of an hour and above."""
    if document.livermore_runtime.mode == "scalper-macdv":
        return tuple(document.timeframes)
    return tuple(timeframe for timeframe in document.timeframes if timeframe.milliseconds >= 60 * MINUTE)
