"""How much we may ask of each host, and for how long we have been told to be quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import urlsplit

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import Exchange, Forecast, RequestBudget, Usage
from livermore.market.turns import Asker, Booking, Purpose, Waiter, asker, asking
from livermore.market.turnstile import Turnstile
from livermore.market.window import Stay, Terms, Window, allowed

__all__ = [
    "Asker", "Budget", "Budgets", "HostBudget", "Opener", "Purpose", "Terms", "asker", "asking",
    "forecast_histories", "host_of", "patience_of",
]  # fmt: skip

PORTS = {"http": 80, "https": 443}
PATIENCE = 60.0
log = logger("market")


class HostBudget(RequestBudget, Protocol):
    """A budget that several exchanges on one host share."""

    def narrow(self, terms: Terms) -> None:
        """Keep within these terms too."""
        ...


Opener = Callable[[str, Terms], HostBudget]


class Budget:
    """Spend request weight, waiting rather than exceeding what any window of so many `seconds` allows.

    This one is the process's own. It belongs to one event loop at a time.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limit: int,
        seconds: float = 60.0,
        ceiling: int | None = None,
        cautious: int | None = None,
        host: str = "",
    ) -> None:
        self._clock = clock
        self._host = host
        self._terms = Terms(limit, seconds, ceiling, cautious)
        self._told: int | None = None
        self._window = Window(seconds, self.limit)
        self._stay = Stay()
        self._turnstile = Turnstile(clock, self, patience_of(self._terms))

    @property
    def limit(self) -> int:
        """Return the weight that we allow ourselves in any window."""
        return allowed(self._terms.effective(self._told))

    @property
    def used(self) -> int:
        """Return the weight spent in the last window."""
        return self._window.used(self._clock.monotonic())

    async def spend(self, weight: int = 1) -> None:
        """Wait for our turn and book the weight.

        Raise RateLimitedError, saying when to come back, if that takes longer than two windows and a minute,
        or if the exchange wants us away for longer.
        """
        now = self._clock.monotonic()
        if self._turnstile.idle and not self._wait(now, weight):
            self._window.book(now, weight)
        else:
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
        """Take the weight that the exchange has counted, which others on this address may have spent."""
        self._window.told_used(self._clock.monotonic(), used)

    def hold_off(self, seconds: float) -> None:
        """Ask nothing for so long, and longer if we were refused just before; then begin at an even pace."""
        now = self._clock.monotonic()
        length = self._stay.told(now, seconds, self._terms.seconds)
        self._window.resume_at(now + length)
        log.warning("nothing is asked of a host for a while", host=self._host, seconds=round(length, 1))
        self._turnstile.stir()

    def usage(self) -> Usage:
        """Return what was spent within the window, and the limit."""
        return Usage(self.used, self.limit)

    def forecast(self, weights: Iterable[int]) -> Forecast:
        """Say what requests of these weights will cost, asked one after the other behind all that wait."""
        listed = list(weights)
        return Forecast(len(listed), self.expect([*self._turnstile.weights(), *listed]) if listed else 0.0)

    async def admit(self, waiter: Waiter, *, others: bool) -> Booking | float:
        """Book a request that waited, or return the seconds until it fits."""
        now = self._clock.monotonic()
        return self._wait(now, waiter.weight) or self._window.book(now, waiter.weight)

    def give_back(self, booking: Booking) -> None:
        """Count no longer what was booked and never asked."""
        self._window.give_back(booking)

    def stay(self) -> float:
        """Return the seconds for which the exchange wants us to stay away."""
        return self._stay.left(self._clock.monotonic())

    def expect(self, weights: Iterable[int]) -> float:
        """Return the seconds until the last of some requests would have its turn."""
        stay = self.stay()
        return stay + self._window.expect(self._clock.monotonic() + stay, weights)

    def _wait(self, now: float, weight: int) -> float:
        return self._stay.left(now) or self._window.wait(now, weight)

    def _changed(self) -> None:
        self._window.allow(self._terms.seconds, self.limit)
        self._turnstile.stir()


class Budgets:
    """Hand out the one budget of each host to all exchanges there; make one of these for each process."""

    def __init__(self, clock: Clock, opener: Opener | None = None) -> None:
        self._clock = clock
        self._opener = opener or self._open
        self._budgets: dict[str, HostBudget] = {}

    def of(
        self, info: ExchangeInfo, *, limit: int, seconds: float = 60.0, cautious: int | None = None
    ) -> RequestBudget:
        """Return the budget of an exchange's host, narrowed by what is known of this exchange.

        `limit` is the documented weight in any window of so many `seconds`; `cautious` holds until the
        exchange has told its own; the row's `rest_weight_limit` is a ceiling.
        """
        terms = Terms(limit, seconds, ceiling_of(info), cautious)
        host = host_of(info)
        budget = self._budgets.get(host)
        if budget is None:
            budget = self._budgets[host] = self._opener(host, terms)
        else:
            budget.narrow(terms)
        return budget

    def _open(self, host: str, terms: Terms) -> HostBudget:
        return Budget(self._clock, host=host, **terms._asdict())


def host_of(info: ExchangeInfo) -> str:
    """Return scheme, host and port of an exchange's REST interface; its name where it has no address."""
    try:
        url = urlsplit(info.rest_url or "")
        port = url.port or PORTS.get(url.scheme)
    except ValueError:
        return info.name
    return f"{url.scheme}://{url.hostname}:{port}" if url.hostname else info.name


def ceiling_of(info: ExchangeInfo) -> int | None:
    """Return the weight that the exchange's row allows, where it says a number above nothing."""
    told = (info.api_limits or {}).get("rest_weight_limit")
    return told if isinstance(told, int) and told > 0 else None


def patience_of(terms: Terms) -> float:
    """Return the seconds that a request waits at most: two full windows pass, and some time more."""
    return PATIENCE + 2 * terms.seconds


def forecast_histories(exchange: Exchange, symbols: int, buckets: Iterable[int]) -> Forecast:
    """Say what it costs to load histories of so many buckets each, for every one of so many symbols."""
    return exchange.budget.forecast(
        [weight for length in buckets for weight in exchange.pages(length)] * symbols
    )
