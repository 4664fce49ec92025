"""What was asked of a host within its window, and when more may be: pure arithmetic on seconds."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from typing import NamedTuple

from livermore.market.turns import Booking

HEADROOM = 0.2
# The later of two requests may travel faster by as much: sent a window apart, they would be counted in one.
DELIVERY = 0.2
# Windows shorter than this are filled evenly behind a small burst.
EVEN = 5.0
# Shorter waits are rounding errors, and a clock may be unable to move by so little.
NOTHING = 1e-4
SHORTEST_STAY = 1.0
LONGEST_STAY = 300.0  # by our own lengthening; what the exchange itself demands may be longer
LONGEST_BAN = 7 * 86_400.0
LONGEST_JITTER = 5.0
SAME = 0.1
DOUBLINGS = 8


class Terms(NamedTuple):
    """What may be asked of a host in any window of so many seconds.

    `limit` is the documented weight, `ceiling` the row's own, `cautious` holds until the exchange has told.
    """

    limit: int
    seconds: float = 60.0
    ceiling: int | None = None
    cautious: int | None = None

    def narrowed(self, other: Terms) -> Terms:
        """Return terms that keep within both: no window of either ever holds more than it may."""
        return Terms(
            min(self.limit, other.limit),
            max(self.seconds, other.seconds),
            _least(self.ceiling, other.ceiling),
            _least(self.cautious, other.cautious),
        )

    def effective(self, told: int | None) -> int:
        """Return the smallest of all limits, given what the exchange has told."""
        return max(1, _least(self.limit, self.ceiling, self.cautious if told is None else told) or 0)


def allowed(limit: int) -> int:
    """Return what we allow ourselves of a limit."""
    return max(1, int(limit * (1 - HEADROOM)))


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


class Window:
    """Weight booked in the last `seconds`, and the pace at which more of it may follow.

    Bookings count for as long as a window lasts and a late delivery more. The pace lets a burst through and
    then one unit of weight every `interval`: a long window may be filled in one burst, of a second's a fifth.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._spent: deque[Booking] = deque()
        self._used = 0
        self._paced_to = -math.inf
        self.allow(seconds, most)

    def allow(self, seconds: float, most: int) -> None:
        """Take a length and a weight from now on."""
        self.span = seconds + DELIVERY
        self.most = most
        self.interval = self.span / most
        self.burst = math.ceil(most * min(1.0, seconds / EVEN))

    def used(self, now: float) -> int:
        """Return the weight that still counts."""
        oldest = now - self.span + NOTHING
        while self._spent and self._spent[0].at <= oldest:
            self._used -= self._spent.popleft().weight
        return self._used

    def wait(self, now: float, weight: int) -> float:
        """Return the seconds until the weight fits; one above all that fits goes when nothing else counts."""
        pace = self._paced_to - (self.burst - min(weight, self.burst)) * self.interval - now
        wait = max(pace, self._until_room(now, weight))
        return wait if wait > NOTHING else 0.0

    def book(self, now: float, weight: int, place: int = 0) -> Booking:
        """Count weight that is asked now."""
        self._paced_to = max(self._paced_to, now) + weight * self.interval
        return self._count(Booking(now, weight, place))

    def give_back(self, booking: Booking) -> None:
        """Count no longer what was granted and never asked."""
        if booking in self._spent:
            self._spent.remove(booking)
            self._used -= booking.weight
            self._paced_to -= booking.weight * self.interval

    def told_used(self, now: float, used: int) -> None:
        """Count also what others on this address have asked, where the exchange has counted more than we."""
        others = used - self.used(now)
        if others > 0:
            self._count(Booking(now, others))

    def resume_at(self, time: float) -> None:
        """Let no burst through when we may ask again at a time, but one after the other."""
        self._paced_to = max(self._paced_to, time + (self.burst - 1) * self.interval)

    def expect(self, now: float, weights: Iterable[int]) -> float:
        """Return the seconds until the last of some requests, one after the other, would have its turn."""
        rehearsal = copy(self)
        rehearsal._spent = deque(self._spent)
        at = now
        for weight in weights:
            at += rehearsal.wait(at, weight)
            rehearsal.book(at, weight)
        return at - now

    def _count(self, booking: Booking) -> Booking:
        self._spent.append(booking)
        self._used += booking.weight
        return booking

    def _until_room(self, now: float, weight: int) -> float:
        used = self.used(now)
        surplus = min(used, used + weight - self.most)
        for booking in self._spent:
            if surplus <= booking.weight:
                return booking.at + self.span - now if surplus > 0 else 0.0
            surplus -= booking.weight
        return 0.0


class Stay:
    """How long the exchange wants us to stay away; refusals that follow one another make it longer."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._until = -math.inf
        self._length = 0.0
        self._refusals = 0

    def left(self, now: float) -> float:
        """Return the seconds until we may ask again."""
        left = self._until - now
        return left if left > NOTHING else 0.0

    def told(self, now: float, seconds: float, window: float) -> float:
        """Stay away for so long and up to a tenth more, twice as long each time anew; return how long yet.

        A refusal is another of the same when it comes during the stay, and a further one when it comes
        before a window, or as much again as the stay, has passed in peace.
        """
        if not self.left(now):
            again = now - self._until < max(window, self._length)
            self._refusals = min(self._refusals + 1, DOUBLINGS) if again else 0
        asked = min(max(seconds, SHORTEST_STAY), LONGEST_BAN)
        self._length = max(asked, min(asked * 2**self._refusals, LONGEST_STAY))
        jitter = self._chance() * min(self._length / 10, LONGEST_JITTER)
        self._until = max(self._until, now + self._length + jitter)
        return self._until - now

    def at_least(self, now: float, seconds: float) -> None:
        """Stay away as long as another process was told to; a tenth of a second more is the same stay."""
        if seconds > self.left(now) + SAME:
            self._until = now + seconds
