"""The faults of one simulated exchange: which are at work, what chance says, how often they struck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from livermore.adapters.exchanges.simulated.faults.answers import Answers
from livermore.adapters.exchanges.simulated.faults.chance import chance
from livermore.adapters.exchanges.simulated.faults.frame import Shapes
from livermore.adapters.exchanges.simulated.faults.kinds import (
    AnyFault,
    Cut,
    Fault,
    FrameFault,
    Gap,
    HalfOpen,
    Hole,
    LateBucket,
    RestFault,
    RowFault,
    Skew,
    kind_of,
)
from livermore.adapters.exchanges.simulated.faults.moments import absolute, strikes, window, windows
from livermore.adapters.exchanges.simulated.faults.script import FaultScript
from livermore.adapters.exchanges.simulated.faults.wire import ORDER, Connection, Wire
from livermore.adapters.exchanges.simulated.source import Bars
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe

F = TypeVar("F", bound=Fault)


class Numbered(NamedTuple, Generic[F]):
    """A fault and its place in the script, by which its chances are drawn."""

    number: int
    fault: F


class Place(NamedTuple):
    """Where faults strike: `now` is the market's time, `origin` its first (ms), `clock` the wall's."""

    now: Callable[[], int]
    origin: int
    clock: Clock
    symbols: Collection[str]
    shapes: Shapes
    counts: Counter[str]


class Faults:
    """Decide what goes wrong on the wire, the same for the same seed; the source stays as it is.

    `seed` takes the place of the script's own. One object serves one simulated exchange.
    """

    def __init__(self, script: FaultScript | None = None, seed: int | None = None) -> None:
        script = script or FaultScript()
        self.seed = script.seed if seed is None else seed
        self.wires: set[Wire] = set()
        self._scripted = [Numbered(number, fault) for number, fault in enumerate(script.faults)]
        self._begun: list[Numbered[Any]] = []
        self._next = len(self._scripted)
        self._connections = 0
        self._place: Place | None = None
        self._answers = Answers(self)
        self._sort()

    # ---------------------------------------------------------------- at will

    def begin(self, *faults: AnyFault) -> None:
        """Let faults be at work from now on, within the times that they name."""
        self._look()
        for fault in faults:
            self._check(fault)
            self._begun.append(Numbered(self._next, fault))
            self._next += 1
        self._sort()
        self._look()

    def end(self, *faults: AnyFault) -> None:
        """Let faults rest that were begun; without naming any, all of them."""
        self._begun = [one for one in self._begun if faults and one.fault not in faults]
        self._sort()

    # ---------------------------------------------------------------- where the exchange asks

    def attach(self, place: Place) -> None:
        """Take up work at an exchange; raise InvalidError for a symbol that it does not list."""
        self._place = place
        for numbered in self._scripted:
            self._check(numbered.fault)

    def wire(self, connection: Connection) -> Wire:
        """Return the way out of a new connection."""
        self._connections += 1
        return Wire(self, connection, self._connections)

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        """Let an answer over REST suffer; it has been charged for and counted like any other."""
        response: web.StreamResponse = await handler(request)
        if self.any and isinstance(response, web.Response) and response.status == web.HTTPOk.status_code:
            return await self._answers.spoiled(request, response)
        return response

    def known(self, symbol: str, timeframe: Timeframe, bars: Bars, now: int) -> Bars:
        """Return the bars that REST knows of at a market time (ms)."""
        for numbered in self.of_rows:
            bars = self._left(numbered, symbol, timeframe, bars, now)
        return bars

    # ---------------------------------------------------------------- where the faults ask

    @property
    def shapes(self) -> Shapes:
        """Return how faults look in the exchange's protocol."""
        return self._at.shapes

    @property
    def clock(self) -> Clock:
        """Return the wall's clock."""
        return self._at.clock

    def now(self) -> int:
        """Return the market's time."""
        return self._at.now()

    def chance(self, *about: int | str) -> float:
        """Return a number in [0, 1) that depends on the seed and on what it is about."""
        return chance(self.seed, *about)

    def window(self, number: int, fault: Fault, moment: int) -> int | None:
        """Return which of a fault's windows a market time lies in; None where it rests."""
        return window(fault, moment, self._at.origin, lambda one: self.chance(number, "window", one))

    def windows(self, number: int, fault: Fault, since: int, upto: int) -> list[int]:
        """Return which of a fault's windows touch a span of market time."""
        return windows(fault, since, upto, self._at.origin, lambda one: self.chance(number, "window", one))

    def strikes(self, number: int, cut: Cut, after: int, upto: int) -> list[int]:
        """Return the numbers of the moments in (after, upto] at which a cut is due."""
        return strikes(cut, after, upto, self._at.origin, lambda one: self.chance(number, "window", one))

    def count(self, fault: Fault) -> None:
        """Take note that a fault struck."""
        self._at.counts[kind_of(fault)] += 1

    # ---------------------------------------------------------------- inside

    @property
    def _at(self) -> Place:
        assert self._place is not None, "attached to no exchange"  # noqa: S101 - the exchange attaches them itself
        return self._place

    def _check(self, fault: AnyFault) -> None:
        """Refuse a symbol that nothing would ever happen to."""
        listed = self._at.symbols
        unknown = sorted(set(getattr(fault, "symbols", None) or ()) - set(listed))
        if unknown:
            raise InvalidError(
                f"a fault names symbols that the exchange does not list: {', '.join(unknown)}",
                where=kind_of(fault),
                hint=f"it lists {', '.join(sorted(listed)[:10])}",
            )

    def _look(self) -> None:
        """Let every connection see whether it is to be lost."""
        for wire in tuple(self.wires):
            wire.look()

    def _sort(self) -> None:
        """Lay the faults out by where they strike."""
        every = [*self._scripted, *self._begun]
        frames = [one for one in every if isinstance(one.fault, FrameFault | Skew)]
        self.gaps = [one for one in frames if isinstance(one.fault, Gap)]
        self.of_frames = sorted(
            (one for one in frames if type(one.fault) in ORDER), key=lambda one: ORDER.index(type(one.fault))
        )
        self.of_connections = [one for one in every if isinstance(one.fault, Cut | HalfOpen)]
        self.of_answers = [one for one in every if isinstance(one.fault, RestFault)]
        self.of_rows = [one for one in every if isinstance(one.fault, RowFault)]
        self.any = bool(every)

    def _left(self, numbered: Numbered[Any], symbol: str, timeframe: Timeframe, bars: Bars, now: int) -> Bars:
        """Return the bars that one fault leaves."""
        number, fault = numbered
        of_symbol = fault.symbols is None or symbol in fault.symbols
        if not of_symbol or (fault.timeframes is not None and timeframe.value not in fault.timeframes):
            return bars
        hidden = self._hidden(number, fault, symbol, timeframe, bars, now)
        if not hidden.any():
            return bars
        self.count(fault)
        return bars[~hidden]

    def _hidden(
        self, number: int, fault: RowFault, symbol: str, timeframe: Timeframe, bars: Bars, now: int
    ) -> NDArray[np.bool_]:
        """Say of each bar whether a fault hides it."""
        length = timeframe.milliseconds

        def hides(time: int) -> bool:
            drawn = self.chance(number, symbol, timeframe.value, time) < fault.share
            windows = {self.window(number, fault, moment) for moment in (time, time + length - 1)}
            return drawn and None not in windows and len(windows) == 1

        concerned = self._concerned(fault, bars, length, now)
        for place in np.flatnonzero(concerned).tolist():
            concerned[place] = hides(int(bars.time[place]))
        return concerned

    def _concerned(self, fault: RowFault, bars: Bars, length: int, now: int) -> NDArray[np.bool_]:
        """Say of each bar whether it is of an age that a fault may hide."""
        if isinstance(fault, LateBucket):
            return np.asarray(bars.time + length + int(fault.seconds * 1000) > now)
        known_from = fault.known_from if isinstance(fault, Hole) else None
        known = known_from is not None and now >= absolute(known_from, self._at.origin)
        return np.full(len(bars), not known)
