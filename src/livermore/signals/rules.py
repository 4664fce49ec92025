"""The two rules: a level crossed, and a reversal out of an extreme; with cooldown and arming.

Most bars can change nothing. `candidates` finds, in array operations, the few that may; `judge` decides
those one by one and alone changes a `RuleState`. Live bars and whole histories go through the same two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators.stages import RISK
from livermore.kernel.errors import CorruptDataError
from livermore.signals.signal import Direction, Kind

REMEMBERED = 32
Floats = NDArray[np.float64]


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


class RuleState:
    """Remember, for one user's series, what is armed and when each rule last spoke.

    `changes` keeps the newest states with the bar that brought each about, oldest first, so that
    bars which a revision changes can be judged again from the state before them.
    """

    __slots__ = ("armed", "changes", "last")

    def __init__(self) -> None:
        self.armed: dict[Kind, bool] = {"reversal_oversold": True, "reversal_overbought": True}
        self.last: dict[tuple[Kind, int], int] = {}
        self.changes: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED)

    def freeze(self) -> bytes:
        """Write what is armed and the cooldowns as bytes."""
        last = [(kind, level, time) for (kind, level), time in sorted(self.last.items())]
        return msgspec.msgpack.encode((self.armed, last))

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
        state.changes.extend(changes)
        return state

    def before(self, time: int) -> RuleState:
        """Return the state before the bar that opened at a time, or the oldest that is remembered."""
        earlier = [change for change in self.changes if change[0] < time]
        if earlier:
            return self.thaw(earlier[-1][1], tuple(earlier))
        if len(self.changes) < REMEMBERED:
            return RuleState()
        return self.thaw(self.changes[0][1], (self.changes[0],))


def candidates(rules: Rules, previous: Floats, macdv: Floats, histogram: Floats) -> NDArray[np.intp]:
    """Return the indexes of bars on which a rule may hold; `previous` is the last defined V before each."""
    hot = np.flatnonzero(np.abs(macdv) > rules.floor)
    if not len(hot):
        return hot
    before, now, turn = previous[hot], macdv[hot], histogram[hot]
    levels = np.array(rules.levels, np.float64)
    crossed = np.searchsorted(levels, now) > np.searchsorted(levels, before)
    crossed |= np.searchsorted(levels, -now) > np.searchsorted(levels, -before)
    crossed |= (before < -RISK) & (now < -RISK) & (turn > rules.oversold_buffer * np.abs(now))
    crossed |= (before > RISK) & (now > RISK) & (turn < -rules.overbought_buffer * np.abs(now))
    # An undefined V before sorts behind every level, where nothing can have been crossed.
    return hot[crossed]


def judge(
    rules: Rules,
    state: RuleState,
    time: int,
    close_time: int,
    previous: float,
    macdv: float,
    histogram: float,
) -> list[Hit]:
    """Decide one bar (`time` is its open), bring the state up to it, return what is to be said."""
    hits: list[Hit] = []
    level = crossed_level(rules.levels, previous, macdv)
    if level is not None:
        state.armed["reversal_overbought" if level > 0 else "reversal_oversold"] = True
        if _speaks(rules, state, "level", level, close_time):
            hits.append(Hit("level", level, "up" if level > 0 else "down"))
    kind = _reversal(rules, previous, macdv, histogram)
    if kind is not None and state.armed[kind] and _speaks(rules, state, kind, 0, close_time):
        state.armed[kind] = False
        hits.append(Hit(kind, None, "up" if kind == "reversal_oversold" else "down"))
    if level is not None or hits:
        state.changes.append((time, state.freeze()))
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
