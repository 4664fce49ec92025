"""The twin of `AttemptBook` that forgets everything when it ends; the contract suite proves it."""

from collections.abc import Mapping, Sequence

import msgspec

from livermore.accounts.attempts import Rule, Tally, counted
from livermore.kernel.clock import Clock


class MemoryAttemptBook:
    """Count guesses in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tallies: dict[bytes, Tally] = {}

    async def read(self, names: Sequence[bytes]) -> dict[bytes, Tally]:
        now = self._clock.now()
        self._tallies = {name: one for name, one in self._tallies.items() if one.forgotten_at > now}
        return {name: self._tallies[name] for name in names if name in self._tallies}

    async def count(self, rules: Mapping[bytes, Rule]) -> int:
        now, found = self._clock.now(), await self.read(list(rules))
        waits = (rules[name].refuses_until(tally.refused_until, now) for name, tally in found.items())
        until = max(waits, default=0)
        if until > now:
            return until
        for name, rule in rules.items():
            before = found[name].failures if name in found else 0
            self._tallies[name] = counted(rule, before + 1, now)
        return 0

    async def succeed(self, given_back: Sequence[bytes], forgotten: bytes, known: bytes, until: int) -> None:
        for name in given_back:
            if name in self._tallies:
                failures = max(self._tallies[name].failures - 1, 0)
                self._tallies[name] = msgspec.structs.replace(self._tallies[name], failures=failures)
        self._tallies.pop(forgotten, None)
        self._tallies[known] = Tally(failures=0, refused_until=0, forgotten_at=until)
