"""The two rules: a level crossed, and a reversal out of an extreme; with cooldown and arming.

Most bars can change nothing. `candidates` finds, in array operations, the few that may; `judge` decides
those one by one and alone changes a `RuleState`. Live bars and whole histories go through the same two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators.stages import RISK
from livermore.kernel.errors import CorruptDataError
from livermore.signals.signal import Direction, Kind

REMEMBERED = 32
Floats = NDArray[np.float64]
Armed = dict[Kind, bool]
Last = dict[tuple[Kind, int], int]


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


_hit = cache(Hit)


class Change:
    """What one bar made of a rule state; written as bytes when somebody wants to keep it."""

    __slots__ = ("_armed", "_frozen", "_last", "time")

    def __init__(self, time: int, armed: Armed, last: Last, frozen: bytes = b"") -> None:
        self.time = time
        self._armed = armed
        self._last = last
        self._frozen = frozen

    def frozen(self) -> bytes:
        """Return the state as bytes."""
        self._frozen = self._frozen or freeze(self._armed, self._last)
        return self._frozen


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
        if len(changes) < REMEMBERED:
            return RuleState()
        return self.thaw(changes[0][1], (changes[0],))


def freeze(armed: Armed, last: Last) -> bytes:
    """Write what is armed and the cooldowns as bytes."""
    spoken = [(kind, level, time) for (kind, level), time in sorted(last.items())]
    return msgspec.msgpack.encode((armed, spoken))


class Stirred(NamedTuple):
    """Bars on which a rule may hold: index, signed level crossed (0 for none) and reversal seen of each."""

    places: NDArray[np.intp]
    levels: NDArray[np.int64]
    reversals: NDArray[np.int64]

    def lasting(self) -> int:
        """Return from which on changes last: every crossing is one, and a state forgets old ones."""
        crossings = np.flatnonzero(self.levels)
        return int(crossings[-REMEMBERED]) if len(crossings) >= REMEMBERED else 0

    def rows(self) -> Iterator[tuple[int, int, Kind | None]]:
        """Return index, level and reversal of each."""
        reversals = map(_REVERSALS.__getitem__, self.reversals.tolist())
        return zip(self.places.tolist(), self.levels.tolist(), reversals, strict=True)


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


def candidates(rules: Rules, previous: Floats, macdv: Floats, histogram: Floats) -> NDArray[np.intp]:
    """Return the indexes of the bars on which a rule may hold."""
    return stirred(rules, previous, macdv, histogram).places


def judge(
    rules: Rules,
    state: RuleState,
    time: int,
    close_time: int,
    previous: float,
    macdv: float,
    histogram: float,
) -> list[Hit]:
    """Decide one bar from its values."""
    level = crossed_level(rules.levels, previous, macdv) or 0
    return decide(rules, state, time, close_time, level, _reversal(rules, previous, macdv, histogram))


def decide(
    rules: Rules, state: RuleState, time: int, close_time: int, level: int, reversal: Kind | None,
    *, remember: bool = True,
) -> list[Hit]:  # fmt: skip
    """Decide one bar (`time` is its open; level 0 is none), bring the state up to it, return what to say."""
    hits: list[Hit] = []
    if level:
        state.armed["reversal_overbought" if level > 0 else "reversal_oversold"] = True
        if _speaks(rules, state, "level", level, close_time):
            hits.append(_hit("level", level, "up" if level > 0 else "down"))
    if reversal is not None and state.armed[reversal] and _speaks(rules, state, reversal, 0, close_time):
        state.armed[reversal] = False
        hits.append(_hit(reversal, None, "up" if reversal == "reversal_oversold" else "down"))
    if remember and (level or hits):
        state.changed(time)
    return hits


def crossed_level(levels: tuple[int, ...], previous: float, macdv: float) -> int | None:
    """Return the outermost signed level that was crossed away from zero; None without one.

    Up: previous <= L < V. Down: previous >= -L > V. An undefined previous V crosses nothing.
    """
    if previous != previous:
        return None
    up = bisect_left(levels, macdv)
    if up > bisect_left(levels, previous):
        return levels[up - 1]
    down = bisect_left(levels, -macdv)
    if down > bisect_left(levels, -previous):
        return -levels[down - 1]
    return None


def _reversal(rules: Rules, previous: float, macdv: float, histogram: float) -> Kind | None:
    if previous < -RISK and macdv < -RISK and histogram > rules.oversold_buffer * abs(macdv):
        return "reversal_oversold"
    if previous > RISK and macdv > RISK and histogram < -rules.overbought_buffer * abs(macdv):
        return "reversal_overbought"
    return None


def _speaks(rules: Rules, state: RuleState, kind: Kind, level: int, close_time: int) -> bool:
    """Say whether the cooldown is over, and begin a new one if so."""
    last = state.last.get((kind, level))
    if last is not None and close_time - last < rules.cooldown:
        return False
    state.last[kind, level] = close_time
    return True
