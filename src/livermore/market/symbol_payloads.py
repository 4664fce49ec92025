"""What may be asked of a watchlist, and what comes of it."""

from __future__ import annotations

from string import whitespace
from typing import Annotated

import msgspec

from livermore.control.registry import Payload
from livermore.kernel.errors import InvalidError
from livermore.market.verdict import Judgement
from livermore.settings.plan import Cost

MOST_SYMBOLS = 500
"""So many symbols may be added at once."""
LONGEST_NAME = 100
"""No name that somebody may mean has more characters."""
# These lengths are checked below, in words; here they are only described.
Text = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_NAME})]
Texts = Annotated[tuple[str, ...], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MOST_SYMBOLS})]


class OneSymbol(Payload, frozen=True, kw_only=True):
    """Name one symbol."""

    symbol: Text
    exchange: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidError, naming the field, for what is no name."""
        if not self.symbol.strip(whitespace):
            hint = "name it as its exchange does, such as BTC-USD or binance:BTCUSDT"
            raise InvalidError("no symbol is named", where="payload.symbol", hint=hint)
        if len(self.symbol) > LONGEST_NAME:
            hint = "look for it with: livermore symbols search TEXT"
            what = f"a symbol has at most {LONGEST_NAME} characters, and this has {len(self.symbol)}"
            raise InvalidError(what, where="payload.symbol", hint=hint)


class AddSymbol(OneSymbol, frozen=True, kw_only=True):
    """Name a symbol: as its exchange does in any case, or base and quote joined by `/`, `-`, `_` or nothing.

    It may be written `exchange:SYMBOL`; a plain one is of `exchange`, else of the primary exchange. What is
    halted, delisted or on the watchlist already is a `conflict`, what the exchange does not list `not_found`.
    The result says what the name was resolved to, and what loading it was foreseen to cost.
    """


class RemoveSymbol(OneSymbol, frozen=True, kw_only=True):
    """Name a symbol of the watchlist, in any of the same forms; no exchange need list it any more."""


class BulkAddSymbols(Payload, frozen=True, kw_only=True):
    """Name up to 500 symbols, in the same forms; plain ones are of `exchange`, else of the primary exchange.

    The result has a verdict for each, in order. All that fit become one revision, so that one rollback takes
    them off again; where none fits nothing is stored, and the command succeeds with the verdicts.
    """

    symbols: Texts
    exchange: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidError, naming the field, for none and for too many."""
        if not self.symbols:
            raise InvalidError(
                "no symbol is named", where="payload.symbols", hint=f"name up to {MOST_SYMBOLS}"
            )
        if len(self.symbols) > MOST_SYMBOLS:
            what = f"up to {MOST_SYMBOLS} symbols can be added at once, and these are {len(self.symbols)}"
            raise InvalidError(what, where="payload.symbols", hint="divide the list")


class SetSymbolEnabled(OneSymbol, frozen=True, kw_only=True):
    """Name a symbol of the watchlist, and say whether it is to be watched; what is so already stores nothing.

    One that is switched off keeps its place and its candles.
    """

    enabled: bool


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What was added: `resolved` says what was made of the name, `cost` what loading it was to cost.

    `loaded` says that it is live; else `waits_for` says for what it waits, such as the end of a pause, and it
    goes live by itself then.
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
    """A verdict for each symbol in its order, how many were added and how many of those came live.

    `waits_for` says for what the others wait. Without any that fits nothing is stored: `revision` is None.
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
