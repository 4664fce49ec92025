"""The brake on guessing: asked before a password is looked at, and told when it was right."""

from __future__ import annotations

import msgspec

from livermore.accounts.attempts import KNOWN_FOR, Guess
from livermore.accounts.ports import AttemptBook
from livermore.kernel.clock import Clock
from livermore.kernel.errors import RateLimitedError


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A guess that may be judged, and the names under which it is counted as a wrong one until then."""

    guess: Guess
    counted: tuple[bytes, ...]


class Limiter:
    """Count guesses before they are judged, so that many at once are not more than many in turn.

    What cannot be counted is refused: the book's errors go through.
    """

    def __init__(self, book: AttemptBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    async def admit(self, guess: Guess) -> Admitted:
        """Count a guess; raise RateLimitedError when it has to wait, and count nothing then."""
        names = [*guess.rules(known=False), guess.known]
        stored = await self._book.read(names)
        rules = guess.rules(known=guess.known in stored)
        # Whoever goes on guessing while refused costs a reading and no writing.
        now = self._clock.now()
        waits = [
            rule.refuses_until(stored[name].refused_until, now)
            for name, rule in rules.items()
            if name in stored
        ]
        self._refuse(max(waits, default=0))
        self._refuse(await self._book.count(rules))
        return Admitted(guess=guess, counted=tuple(rules))

    async def succeed(self, admitted: Admitted) -> None:
        """Forget the wrong guesses of one who has shown the right password, and know the address."""
        guess = admitted.guess
        # Only what was counted is given back, or a login of one's own would pay for guesses at others.
        wide = [name for name in admitted.counted if name != guess.pair]
        await self._book.succeed(wide, guess.pair, guess.known, self._clock.now() + KNOWN_FOR)

    def _refuse(self, until: int) -> None:
        left = until - self._clock.now()
        if left > 0:
            seconds = left / 1000
            raise RateLimitedError(
                "too many wrong passwords",
                hint=f"wait {-(-left // 1000)} s and try again",
                retry_after=seconds,
            )
