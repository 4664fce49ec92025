"""What may be asked of a watchlist, and what comes of it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from livermore.control.registry import Payload
from livermore.market.verdict import Judgement
from livermore.settings.plan import Cost

MOST_SYMBOLS = 500
"""So many symbols may be added at once."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class AddSymbol(Payload, frozen=True, kw_only=True):
    """Name a symbol: as its exchange does in any case, or base and quote joined by `/`, `-`, `_` or nothing.

    It may be written `exchange:SYMBOL`; a plain one is of `exchange`, else of the primary exchange. What is
    halted, delisted or on the watchlist already is a `conflict`, what the exchange does not list `not_found`.
    The result says what the name was resolved to, and what loading it was foreseen to cost.
    """

    symbol: Text
    exchange: str | None = None


class RemoveSymbol(Payload, frozen=True, kw_only=True):
    """Name a symbol of the watchlist, in any of the same forms; no exchange need list it any more."""

    symbol: Text
    exchange: str | None = None


class BulkAddSymbols(Payload, frozen=True, kw_only=True):
    """Name up to 500 symbols, in the same forms; plain ones are of `exchange`, else of the primary exchange.

    The result has a verdict for each, in order. All that fit become one revision, so that one rollback takes
    them off again; where none fits nothing is stored, and the command succeeds with the verdicts.
    """

    symbols: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_SYMBOLS)]
    exchange: str | None = None


class SetSymbolEnabled(Payload, frozen=True, kw_only=True):
    """Name a symbol of the watchlist, and say whether it is to be watched; what is so already stores nothing.

    One that is switched off keeps its place and its candles.
    """

    symbol: Text
    exchange: str | None = None
    enabled: bool


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What was added: `resolved` says what was made of the name, `cost` what loading it was to cost.

    `loaded` says that it is live; else `waits_for` says for what it waits. It goes live by itself then.
    """

    exchange: str
    symbol: str
    resolved: str | None
    revision: int
    cost: Cost
    loaded: bool
    waits_for: str | None


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed, and whether it streamed until then; `waits_for` says what is not let go of yet."""

    exchange: str | None
    symbol: str
    resolved: str | None
    was_streaming: bool
    revision: int
    waits_for: str | None


class BulkAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict for each symbol in its order, how many were added and how many of those are live.

    Without any that fits nothing is stored, and `revision` is None.
    """

    revision: int | None
    results: list[Judgement]
    added: int
    cost: Cost
    loaded: int
    waits_for: str | None


class SymbolEnabled(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a symbol is to be watched now; `revision` is None where that was so already."""

    exchange: str | None
    symbol: str
    resolved: str | None
    enabled: bool
    revision: int | None
    cost: Cost
    loaded: bool
    waits_for: str | None
