"""Which columns we read, and by which names files call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from livermore.adapters.files.problems import Place

SYMBOL = "symbol"
_NAMES = {
    "time": ("timestamp_ms", "timestamp", "time", "open_time"),
    "amount": ("amount", "size", "qty", "quantity"),
    "id": ("id", "trade_id"),
}
CANDLE = ("time", "open", "high", "low", "close", "volume")
TRADE = ("time", "id", "price", "amount")
WHOLE = frozenset({"time", "id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Our columns and what the file calls each; `symbol` is set where one file holds several."""

    trades: bool
    names: dict[str, str] = field(default_factory=dict)
    symbol: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return our names of the columns to read."""
        return TRADE if self.trades else CANDLE


def layout_of(header: Sequence[str], place: Place) -> Layout:
    """Find candles or trades in a header. Errors: InvalidError naming the column that is missing."""
    present = {name.strip().lower(): name for name in header}
    trades = "price" in present and "open" not in present
    names = {column: _find(column, present, place) for column in (TRADE if trades else CANDLE)}
    return Layout(trades=trades, names=names, symbol=present.get(SYMBOL))


def _find(column: str, present: dict[str, str], place: Place) -> str:
    for name in _NAMES.get(column, (column,)):
        if name in present:
            return present[name]
    expected = _NAMES.get(column, (column,))[0]
    raise place.problem(
        "a column is missing",
        column=expected,
        hint="candles need timestamp_ms, open, high, low, close, volume; trades timestamp, id, price, amount",
    )
