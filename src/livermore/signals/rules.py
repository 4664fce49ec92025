"""The two rules: a level crossed, and a reversal out of an extreme; with cooldown and arming.

Most bars can change nothing. `stirred` finds, in array operations, the few that may, and what they may
say; `decide` decides those one by one and alone changes a `RuleState`. Live bars and whole histories go
through the same two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators.stages import RISK
from livermore.kernel.errors import CorruptDataError
from livermore.market.candle import Floats, Times
from livermore.signals.signal import Direction, Kind

REMEMBERED = 32
NEVER = -(2**62)
Armed = dict[Kind, bool]
Last = dict[tuple[Kind, int], int]
# A bar's index, its open (ms), the signed level crossed (0 for none), and the reversal seen.
Row = tuple[int, int, int, Kind | None]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a user chose: ascending positive levels, reversal buffers, cooldown in ms; and the revision."""

    levels: tuple[int, ...] = (150, 200, 250, 300, 350, 400)
    oversold_buffer: float = 0.05
    overbought_buffer: float = 0.03
    cooldown: int = 300_000
    revision: int = 0

    @property
    def floor(self) -> float:
        """Return the |V| that must be passed before anything can be said."""
        return min(float(self.levels[0]), RISK) if self.levels else RISK


class Hit(NamedTuple):
    """One rule that held on a bar."""

    kind: Kind
    level: int | None
    direction: Direction


class Change(msgspec.Struct, gc=False):
    """What one bar made of a rule state; written as bytes when somebody wants to keep it."""

    time: int
    armed: Armed
    last: Last
    written: bytes = b""

    def frozen(self) -> bytes:
        """Return the state as bytes."""
        self.written = self.written or freeze(self.armed, self.last)
        return self.written


class RuleState:
    """Remember, for one user's series, what is armed and when each rule last spoke.

    `changes` are the newest states with the bar that brought each about, oldest first, so that
    bars which a revision changes can be judged again from the state before them.
    """

    __slots__ = ("_changes", "armed", "last")

    def __init__(self) -> None:
        self.armed: Armed = {"reversal_oversold": True, "reversal_overbought": True}
        self.last: Last = {}
        self._changes: deque[Change] = deque(maxlen=REMEMBERED)

    @property
    def changes(self) -> list[tuple[int, bytes]]:
        """Return the newest changes as what can be stored."""
        return [(change.time, change.frozen()) for change in self._changes]

    def changed(self, time: int) -> None:
        """Remember what the bar that opened at a time made of this state."""
        self._changes.append(Change(time, self.armed.copy(), self.last.copy()))

    def freeze(self) -> bytes:
        """Write what is armed and the cooldowns as bytes."""
        return freeze(self.armed, self.last)

    @classmethod
    def thaw(cls, frozen: bytes, changes: tuple[tuple[int, bytes], ...] = ()) -> RuleState:
        """Read a state back; raise CorruptDataError for bytes that are none."""
        state = cls()
        try:
            armed, last = msgspec.msgpack.decode(
                frozen, type=tuple[dict[Kind, bool], list[tuple[Kind, int, int]]]
            )
        except msgspec.MsgspecError as error:
            raise CorruptDataError(f"a stored rule state cannot be read: {error}") from error
        state.armed.update(armed)
        state.last = {(kind, level): time for kind, level, time in last}
        state._changes.extend(Change(time, {}, {}, before) for time, before in changes)
        return state

    def before(self, time: int) -> RuleState:
        """Return the state before the bar that opened at a time, or the oldest that is remembered."""
        changes = self.changes
        earlier = [change for change in changes if change[0] < time]
        if earlier:
            return self.thaw(earlier[-1][1], tuple(earlier))
        if self._knows_all:
            return RuleState()
        return self.thaw(changes[0][1], (changes[0],))

    def horizon(self, time: int) -> int:
        """Return the bar (ms) that `before` a time leads back to, when that is not the one before it."""
        back = [change.time for change in self._changes if change.time < time]
        return NEVER if back or self._knows_all else self._changes[0].time

    def begun(self, time: int) -> None:
        """Remember that bars are judged from behind the one that opened at a time on, and none before."""
        self.changed(time)

    @property
    def _knows_all(self) -> bool:
        """Say whether every change is remembered, back to the first bar that there is."""
        changes = self._changes
        if not changes:
            return True
        # A state as it is made has changed nothing: it is where the watch began.
        return len(changes) < REMEMBERED and changes[0].frozen() != _FRESH


def freeze(armed: Armed, last: Last) -> bytes:
    """Write what is armed and the cooldowns as bytes."""
    spoken = [(kind, level, time) for (kind, level), time in sorted(last.items())]
    return msgspec.msgpack.encode((armed, spoken))


_FRESH = RuleState().freeze()


class Stirred(NamedTuple):
    """Bars on which a rule may hold: index, signed level crossed (0 for none) and reversal seen of each."""

    places: NDArray[np.intp]
    levels: NDArray[np.int64]
    reversals: NDArray[np.int64]

    def after(self, time: int, times: Times) -> Stirred:
        """Return those that opened after a time (ms), out of the opens of all bars."""
        fresh = times[self.places] > time
        return Stirred(self.places[fresh], self.levels[fresh], self.reversals[fresh])

    def rows(self, times: Times) -> Iterator[Row]:
        """Return one row each, with the bar's open (ms) out of those of all bars."""
        columns = (self.places, times[self.places], self.levels)
        reversals = map(_REVERSALS.__getitem__, self.reversals.tolist())
        return zip(*(column.tolist() for column in columns), reversals, strict=True)


def stirred(rules: Rules, previous: Floats, macdv: Floats, histogram: Floats) -> Stirred:
    """Find the bars on which a rule may hold; `previous` is the last defined V before each."""
    hot = np.flatnonzero((macdv > rules.floor) | (macdv < -rules.floor))
    if not len(hot):
        return Stirred(hot, hot, hot)
    before, now, turn = previous[hot], macdv[hot], histogram[hot]
    levels = _outermost(rules.levels, before, now) - _outermost(rules.levels, -before, -now)
    oversold = (before < -RISK) & (now < -RISK) & (turn > rules.oversold_buffer * np.abs(now))
    overbought = (before > RISK) & (now > RISK) & (turn < -rules.overbought_buffer * np.abs(now))
    reversals = oversold * 1 + overbought * 2
    chosen = np.flatnonzero(levels | reversals)
    return Stirred(hot[chosen], levels[chosen], reversals[chosen])


_REVERSALS: tuple[Kind | None, ...] = (None, "reversal_oversold", "reversal_overbought")


def _outermost(levels: tuple[int, ...], before: Floats, now: Floats) -> NDArray[np.int64]:
    """Return the greatest level that was crossed upwards, 0 for none; from an undefined V none can be."""
    column = np.array(levels, np.int64)[:, None]
    outermost: NDArray[np.int64] = (column * ((before <= column) & (now > column))).max(axis=0, initial=0)
    return outermost


def decide(
    rules: Rules, state: RuleState, length: int, rows: Iterable[Row], *, lasting: int = 0
) -> Iterator[tuple[int, int, Hit]]:
    """Decide bars of a length (ms) in order and bring the state up to them; yield index, close and hit.

    What bars before `lasting` (ms) change is not remembered, because the bars behind it change enough.
    """
    armed, last, cooldown = state.armed, state.last, rules.cooldown
    for place, time, level, reversal in rows:
        closed, changed = time + length, level != 0
        if level:
            armed["reversal_overbought" if level > 0 else "reversal_oversold"] = True
            if closed - last.get(("level", level), NEVER) >= cooldown:
                last["level", level] = closed
                yield place, closed, _hit("level", level)
        if reversal and armed[reversal] and closed - last.get((reversal, 0), NEVER) >= cooldown:
            last[reversal, 0], armed[reversal], changed = closed, False, True
            yield place, closed, _hit(reversal, 0)
        if changed and time >= lasting:
            state.changed(time)


def lasting(bars: Stirred, times: Times) -> int:
    """Return the open (ms) from which on changes last: a crossing is one, and a state forgets old ones."""
    crossings = bars.places[bars.levels != 0]
    return int(times[crossings[-REMEMBERED]]) if len(crossings) >= REMEMBERED else 0


@cache
def _hit(kind: Kind, level: int) -> Hit:
    return Hit(kind, level or None, "up" if level > 0 or kind == "reversal_oversold" else "down")
