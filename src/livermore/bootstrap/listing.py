"""What exchanges there are and what they list, for whoever writes settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from livermore.bootstrap.exchanges import adapter_of, preset_of
from livermore.bootstrap.world import OWN_LIMIT
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError
from livermore.market.budget import Budgets
from livermore.market.exchange import PRESETS
from livermore.market.ports import Exchange, ExchangeBook
from livermore.settings.ports import Unlisted

FRESH = 600.0
# A name that is not found may be new: no listing older than this denies it.
DENIES = 30.0

Asking = Callable[[str], Awaitable[Exchange | None]]


class _Listed(NamedTuple):
    names: frozenset[str]
    asked_at: float


class Listings:
    """Know the rows of `exchanges` and our presets, and ask an exchange for its symbols when it matters.

    `held` are the names that a running desk knows already; `adapter` makes a connection to an exchange.
    """

    def __init__(
        self, rows: ExchangeBook, adapter: Asking, held: Callable[[str], Collection[str]], clock: Clock
    ) -> None:
        self._rows = rows
        self._adapter = adapter
        self._held = held
        self._clock = clock
        self._listed: dict[str, _Listed] = {}

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        """Return the timeframes of every exchange that is known, by its name."""
        rows = {info.name: info for info in await self._rows.all()}
        return {name: info.timeframes() for name, info in (PRESETS | rows).items()}

    async def unlisted(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, Unlisted]:
        """Return those of the symbols that cannot be watched, each with the reason.

        Errors: ExchangeUnreachableError when nobody can tell.
        """
        missing = set(symbols).difference(self._held(exchange))
        for oldest in (FRESH, DENIES):
            names = (await self._names(exchange, oldest)) if missing else frozenset()
            missing -= names
        return {symbol: _unlisted(exchange, symbol, names) for symbol in symbols if symbol in missing}

    async def _names(self, exchange: str, oldest: float) -> frozenset[str]:
        """Return what an exchange lists, as it said so many seconds ago at most."""
        known = self._listed.get(exchange)
        if known is None or self._clock.monotonic() - known.asked_at > oldest:
            known = _Listed(await self._ask(exchange), self._clock.monotonic())
            self._listed[exchange] = known
        return known.names

    async def _ask(self, exchange: str) -> frozenset[str]:
        adapter = await self._adapter(exchange)
        if adapter is None:
            hint = f"switch it on with: livermore exchanges edit {exchange} --active"
            raise ExchangeUnreachableError(f"{exchange} is switched off", hint=hint)
        try:
            return frozenset(symbol.name for symbol in await adapter.listing())
        except LivermoreError as error:
            what = f"what {exchange} lists cannot be looked up: {error}"
            raise ExchangeUnreachableError(what, hint=error.hint) from error
        finally:
            await adapter.close()


def asking(rows: ExchangeBook, clock: Clock, budgets: Budgets, own: Collection[str] = frozenset()) -> Asking:
    """Return what makes an adapter to ask an exchange with, and writes nothing; None when it is switched off.

    Exchanges in `own` are servers of ours. Errors: NotFoundError, and InvalidError where no adapter fits.
    """

    async def adapter(name: str) -> Exchange | None:
        info = await rows.get(name) or preset_of(name)
        limit = OWN_LIMIT if name in own else None
        return adapter_of(info, clock, budgets, coinbase_limit=limit) if info.is_active else None

    return adapter


def _unlisted(exchange: str, symbol: str, names: Collection[str]) -> Unlisted:
    nearest = get_close_matches(symbol.upper(), names, n=1)
    return Unlisted(f"{exchange} does not list it", nearest[0] if nearest else None)
