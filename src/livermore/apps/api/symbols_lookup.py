"""Which exchange and which of its markets is meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from livermore.kernel.errors import (
    BlockedError,
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    NotFoundError,
)
from livermore.market.naming import named, no_exchange
from livermore.market.verdict import Fitness, Judgement
from livermore.settings.watchlist import entries_of

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.kernel.scope import Scope
    from livermore.market.listing import ListedSymbol

# What keeps a market from being asked for; the other verdicts do not.
REFUSALS: Mapping[Fitness, type[LivermoreError]] = {
    Fitness.UNKNOWN: NotFoundError,
    Fitness.DELISTED: NotFoundError,
    Fitness.BLOCKED: BlockedError,
    Fitness.UNREACHABLE: ExchangeUnreachableError,
}


async def exchange_of(system: System, scope: Scope, given: str | None) -> str:
    """Return the exchange that is given, else the user's primary one; raise InvalidError without either."""
    if given is not None:
        return given
    primary = (await system.settings.current(scope)).document.perseus_profile.primary_exchange
    if primary is None:
        raise no_exchange("exchange")
    return primary


async def on_watchlist(system: System, scope: Scope) -> set[tuple[str, str]]:
    """Return a user's whole watchlist as (exchange, symbol), what is switched off included."""
    entries = entries_of((await system.settings.current(scope)).document)
    return {(name.exchange, name.symbol) for _, name, _ in entries if name.exchange is not None}


@contextmanager
def pointing_to_the_listing() -> Iterator[None]:
    """Have an exchange that does not answer say where to see what it told last."""
    try:
        yield
    except (ExchangeUnreachableError, ExchangeRefusedError) as error:
        error.hint = error.hint or "what it told last is shown by: livermore symbols search TEXT"
        raise


async def listed_market(
    system: System, scope: Scope, name: str, exchange: str | None
) -> tuple[str, Judgement, ListedSymbol]:
    """Return the exchange and the market that a name means, and what was made of the name.

    Errors: InvalidError naming `exchange`, NotFoundError, ExchangeUnreachableError, BlockedError.
    """
    meant = named(name, None)
    where = await exchange_of(system, scope, _stated(meant.exchange, exchange))
    (judged,) = await system.listings.judged(where, [meant.symbol])
    refusal = REFUSALS.get(judged.verdict)
    if refusal is not None or judged.symbol is None:
        hint = "look for it with: livermore symbols search TEXT"
        raise (refusal or NotFoundError)(f"{name[:100]}: {judged.detail}", where="symbol", hint=hint)
    listing = await system.listings.listing(where)
    return where, replace(judged, input=name), listing.symbols[judged.symbol]


def _stated(qualified: str | None, exchange: str | None) -> str | None:
    """Return the exchange that a name or a parameter states; raise InvalidError where they differ."""
    if None not in (qualified, exchange) and qualified != exchange:
        what = f"the name is of {qualified}, and {exchange} is named beside it"
        raise InvalidError(what, where="exchange", hint="name the exchange once")
    return qualified or exchange
