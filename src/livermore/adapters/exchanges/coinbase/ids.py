"""Which trades of a product are known, by their ids, which Coinbase counts up by one."""

from __future__ import annotations

from bisect import bisect_right

MOST_HOLES = 500
FAR = 5_000
_ENDLESS = 2**63


class KnownIds:
    """Remember which ids from the first to the last are known: all but those in the holes between.

    Ids below the first are not known either; those that were let go of count no more, whatever comes.
    """

    __slots__ = ("_barred", "_holes", "first", "last")

    def __init__(self) -> None:
        self.first = -1
        self.last = -1
        self._barred = 0
        self._holes: list[tuple[int, int]] = []

    def take(self, number: int) -> bool:
        """Note an id; return whether it is new."""
        if self.last < 0:
            self.first = self.last = number
        elif number > self.last:
            self._extend_up(number)
        elif self._barred <= number < self.first:
            self._extend_down(number)
        else:
            return self._fill(number)
        return True

    def is_whole(self, first: int, last: int) -> bool:
        """Say whether all from the one before `first` to the one behind `last`, if any, are known."""
        if not self.first < first <= last <= self.last:
            return False
        if not self._holes:
            return True
        return not any(begin <= last + 1 and end >= first - 1 for begin, end in self._holes)

    def forget(self, before: int) -> None:
        """Let go of the holes that end before the id that precedes `before`."""
        while self._holes and self._holes[0][1] < before - 1:
            self._drop_oldest()

    def _extend_up(self, number: int) -> None:
        if number > self.last + 1:
            self._holes.append((self.last + 1, number - 1))
            self._keep_few()
        self.last = number

    def _extend_down(self, number: int) -> None:
        if number < self.first - 1:
            self._holes.insert(0, (number + 1, self.first - 1))
        self.first = number
        self._keep_few()

    def _fill(self, number: int) -> bool:
        """Take an id out of its hole, if it is in one."""
        place = bisect_right(self._holes, (number, _ENDLESS)) - 1
        if place < 0 or number > self._holes[place][1]:
            return False
        begin, end = self._holes[place]
        if number == begin and end - begin >= FAR:
            # Trades go on where they left off, so the id that leapt ahead was none: it is taken back.
            del self._holes[place:]
            self.last = number
            return True
        parts = ((begin, number - 1), (number + 1, end))
        self._holes[place : place + 1] = [part for part in parts if part[0] <= part[1]]
        self._keep_few()
        return True

    def _keep_few(self) -> None:
        while len(self._holes) > MOST_HOLES:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.first = self._barred = self._holes.pop(0)[1] + 1
