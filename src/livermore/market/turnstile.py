"""One gate and all who wait before it: let through in fair order, sent away when it takes too long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import takewhile
from typing import Protocol

from livermore.kernel.clock import Clock
from livermore.kernel.errors import RateLimitedError
from livermore.kernel.log import logger
from livermore.market.turns import Booking, Turns, Waiter, asker
from livermore.market.window import NOTHING

log = logger("market")


class Gate(Protocol):
    """Books that say whether a request may be made now."""

    async def admit(self, waiter: Waiter, *, others: bool) -> Booking | float:
        """Book a request, or return the seconds after which asking again may help.

        `others` says whether more of the same purpose wait behind it.
        """
        ...

    def give_back(self, booking: Booking) -> None:
        """Count no longer what was booked and never asked."""
        ...

    def stay(self) -> float:
        """Return the seconds for which the exchange wants us to stay away."""
        ...

    def expect(self, weights: Iterable[int]) -> float:
        """Return the seconds until the last of some requests would have its turn."""
        ...


class Turnstile:
    """Wait before a gate, at most `patience` seconds. It works in a task that lives while somebody waits."""

    def __init__(self, clock: Clock, gate: Gate, patience: float) -> None:
        self._clock = clock
        self._gate = gate
        self._patience = patience
        self._turns = Turns()
        self._keeper: asyncio.Task[None] | None = None
        self._nap: asyncio.Future[None] | None = None
        self._stirred = False

    @property
    def idle(self) -> bool:
        """Say whether nobody waits."""
        return not self._turns

    def weights(self) -> list[int]:
        """Return the weights of all who wait."""
        return [waiter.weight for waiter in self._turns]

    async def turn(self, weight: int) -> None:
        """Wait for our turn; raise RateLimitedError when it does not come in time."""
        waiter = Waiter(weight, asker(), self._clock.monotonic() + self._patience)
        self._turns.join(waiter)
        if self._turns.next() is waiter:
            self.stir()
        try:
            outcome = await waiter.turn
        except asyncio.CancelledError:
            self._abandon(waiter)
            raise
        if isinstance(outcome, Exception):
            raise outcome

    def stir(self) -> None:
        """Look again who may go, because something has changed."""
        self._stirred = True
        if self._nap is not None:
            self._nap.cancel()
        if self._keeper is None and self._turns:
            self._keeper = asyncio.create_task(self._keep())

    def _abandon(self, waiter: Waiter) -> None:
        """Leave no trace of one that was cancelled, be it before or just after its turn came."""
        if waiter in self._turns:
            self._turns.leave(waiter)
        elif not waiter.turn.cancelled() and isinstance(booking := waiter.turn.result(), Booking):
            self._gate.give_back(booking)
        self.stir()

    async def _keep(self) -> None:
        """Serve one after the other until nobody waits."""
        try:
            while waiter := self._next():
                await self._serve(waiter)
        except Exception as error:
            log.exception("the request budget has failed")
            for waiter in list(self._turns):
                self._dismiss(waiter, error)
        finally:
            self._keeper = None

    def _next(self) -> Waiter | None:
        """Send away those whose patience ends, or will before the exchange wants us back; say who is next."""
        stay = self._gate.stay()
        end = self._clock.monotonic() + stay + NOTHING
        late = list(takewhile(lambda waiter: waiter.deadline <= end, self._turns))
        if late:
            told = "the exchange told us to stay away" if stay else "too much is asked of the exchange"
            wait = self._gate.expect(self.weights())
            for waiting in late:
                self._dismiss(waiting, RateLimitedError(told, retry_after=wait))
        while (waiter := self._turns.next()) and waiter.turn.done():
            self._turns.leave(waiter)
        return waiter

    async def _serve(self, waiter: Waiter) -> None:
        self._stirred = False
        outcome = await self._gate.admit(waiter, others=self._turns.others_of(waiter))
        if not isinstance(outcome, Booking):
            await self._sleep(outcome)
        elif waiter.turn.done():
            self._gate.give_back(outcome)
        else:
            self._turns.take(waiter)
            waiter.turn.set_result(outcome)

    def _dismiss(self, waiter: Waiter, error: Exception) -> None:
        self._turns.leave(waiter)
        if not waiter.turn.done():
            waiter.turn.set_result(error)

    async def _sleep(self, seconds: float) -> None:
        """Sleep so long, but not past anybody's patience, nor when things have changed meanwhile."""
        first = next(iter(self._turns), None)
        if self._stirred or first is None:
            return
        left = first.deadline - self._clock.monotonic()
        if left <= self._gate.stay():
            return
        self._nap = asyncio.ensure_future(self._clock.sleep(min(seconds, left)))
        try:
            await asyncio.wait([self._nap])
        finally:
            self._nap.cancel()
            self._nap = None
