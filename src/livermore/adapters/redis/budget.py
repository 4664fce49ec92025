"""One request budget for all processes on one address: the same port, with its books in Redis."""

from __future__ import annotations

import math
from collections.abc import Iterable

from redis.asyncio import Redis

from livermore.adapters.redis.books import AGAIN, Books, Reply
from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.service import Health
from livermore.market.budget import patience_of
from livermore.market.ports import Forecast, Usage
from livermore.market.turns import Booking, Waiter
from livermore.market.turnstile import Turnstile
from livermore.market.window import HEADROOM, Stay, Terms, Window, allowed

# While Redis is away each process keeps to what would be its part if so many asked.
PARTS = 4
log = logger("market")


class RedisBudgets:
    """Open the budgets that all processes on one Redis share; this is an opener for `Budgets`."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._books = Books(client, clock)
        self._clock = clock

    def __call__(self, host: str, terms: Terms) -> RedisBudget:
        """Open the budget of a host."""
        return RedisBudget(self._books, self._clock, host, terms)

    def health(self) -> Health:
        """Say whether budgets are shared; while Redis does not answer, each process keeps to a part."""
        return self._books.health()

    async def close(self) -> None:
        """Finish telling the others what we were told; the client stays open."""
        await self._books.close()


class RedisBudget:
    """Spend request weight as `Budget` does, but within one window for all who share the Redis.

    Among the waiters of this process turns are fair by purpose and user, between processes by purpose only.
    """

    def __init__(self, books: Books, clock: Clock, host: str, terms: Terms) -> None:
        self._books = books
        self._clock = clock
        self._host = host
        self._terms = terms
        self._told: int | None = None
        self._stay = Stay()
        self._seen = Window(terms.seconds, self.limit)
        self._own = Window(terms.seconds, self.limit)
        self._alone = Window(terms.seconds, self._part)
        self._untold = 0
        self._born = 0
        self._losses = 0
        self._turnstile = Turnstile(clock, self, patience_of(terms))

    @property
    def limit(self) -> int:
        """Return the weight that all together allow themselves in any window."""
        return allowed(self._terms.effective(self._told))

    async def spend(self, weight: int = 1) -> None:
        """Wait for our turn and book the weight; raise RateLimitedError if that would take too long."""
        await self._turnstile.turn(weight)

    def narrow(self, terms: Terms) -> None:
        """Keep within these terms too, because another exchange on the same host asks for it."""
        self._terms = self._terms.narrowed(terms)
        self._changed()

    def told_limit(self, limit: int) -> None:
        """Take the limit that the exchange itself tells; documentation and our own row stay ceilings."""
        self._told = limit
        self._changed()

    def told_used(self, used: int) -> None:
        """Take the weight that the exchange has counted, and let the others know where we knew of less."""
        now = self._clock.monotonic()
        if used >= self.limit:
            self._alone.told_used(now, self._alone.most)
        if used > self._seen.used(now):
            self._seen.told_used(now, used)
            self._books.tell(self._tell(counted=used))

    def hold_off(self, seconds: float) -> None:
        """Ask nothing for so long, nor let others ask; then begin at an even pace."""
        now = self._clock.monotonic()
        length = self._stay.told(now, seconds, self._terms.seconds)
        self._alone.resume_at(now + length)
        self._seen.resume_at(now + length)
        log.warning("nothing is asked of a host for a while", host=self._host, seconds=round(length, 1))
        self._books.tell(self._tell())
        self._turnstile.stir()

    def usage(self) -> Usage:
        """Return what all were last seen to have spent within the window, and the limit."""
        return Usage(self._seen.used(self._clock.monotonic()), self.limit)

    def forecast(self, weights: Iterable[int]) -> Forecast:
        """Say what requests of these weights will cost, if other processes ask nothing meanwhile."""
        listed = list(weights)
        return Forecast(len(listed), self.expect([*self._turnstile.weights(), *listed]) if listed else 0.0)

    async def admit(self, waiter: Waiter, *, others: bool) -> Booking | float:
        """Book a request, or return the seconds after which asking again may help."""
        purpose = int(waiter.asker.purpose)
        reply = await self._ask(weight=waiter.weight, purpose=purpose, others=others)
        if reply is None:
            return self._admit_alone(waiter.weight)
        if not reply.granted:
            return reply.wait / 1000
        now = self._clock.monotonic()
        self._own.book(now, waiter.weight, reply.place)
        return self._seen.book(now, waiter.weight, reply.place)

    def give_back(self, booking: Booking) -> None:
        """Count no longer what was booked and never asked."""
        self._seen.give_back(booking)
        self._own.give_back(booking)
        if booking.place:
            self._books.tell(self._tell(returned=booking.weight, returned_to=booking.place))
        else:
            self._alone.give_back(booking)
            self._untold = max(0, self._untold - booking.weight)

    def stay(self) -> float:
        """Return the seconds for which the exchange wants us to stay away."""
        return self._stay.left(self._clock.monotonic())

    def expect(self, weights: Iterable[int]) -> float:
        """Return the seconds until the last of some requests would have its turn."""
        stay = self.stay()
        return stay + self._seen.expect(self._clock.monotonic() + stay, weights)

    @property
    def _part(self) -> int:
        return allowed(self._terms.effective(self._told) // PARTS)

    def _changed(self) -> None:
        for window, most in ((self._seen, self.limit), (self._own, self.limit), (self._alone, self._part)):
            window.allow(self._terms.seconds, most)
        self._turnstile.stir()

    async def _tell(self, *, counted: int = 0, returned: int = 0, returned_to: int = 0) -> None:
        await self._ask(counted=counted, returned=returned, returned_to=returned_to)

    async def _ask(
        self, *, weight: int = 0, purpose: int = 0, others: bool = False, counted: int = 0,
        returned: int = 0, returned_to: int = 0,
    ) -> Reply | None:  # fmt: skip
        """Ask the books, and tell them whatever of ours they do not know yet; times go as whole ms."""
        now = self._clock.monotonic()
        untold, self._untold = min(self._untold, self._own.used(now)), 0
        reply = await self._books.ask(
            self._host,
            {
                "weight": weight,
                "purpose": purpose,
                "others": others,
                "most": self.limit,
                "burst": self._seen.burst,
                "span": round(self._seen.span * 1000),
                "stay": math.ceil(self._stay.left(now) * 1000),
                "counted": counted,
                "returned": returned,
                "returned_to": returned_to,
                "known": self._born,
                "own": self._own.used(now),
                "untold": untold,
            },
        )
        if reply is None:
            self._untold += untold
        else:
            self._heard(reply, weight)
        return reply

    def _heard(self, reply: Reply, weight: int) -> None:
        now = self._clock.monotonic()
        self._born = reply.born
        self._stay.at_least(now, reply.away / 1000)
        self._seen.told_used(now, reply.used - reply.granted * weight)

    def _admit_alone(self, weight: int) -> Booking | float:
        """Book a request without asking the others, within what would be our part."""
        now = self._clock.monotonic()
        if self._losses != self._books.losses:
            self._losses = self._books.losses
            self._keep_to_headroom(now)
        if wait := self._stay.left(now) or self._alone.wait(now, weight):
            return min(wait, AGAIN)
        self._untold += weight
        self._seen.book(now, weight)
        self._own.book(now, weight)
        return self._alone.book(now, weight)

    def _keep_to_headroom(self, now: float) -> None:
        """Leave of our part only one of the headroom for a window: all else may just have been spent."""
        headroom = int(self._terms.effective(self._told) * HEADROOM / PARTS)
        self._alone.told_used(now, self._alone.most - headroom)
