"""Coinbase's messages as msgspec reads them.

Numbers come as decimal strings; decoding with `strict=False` makes them floats in C, and their bounds refuse
NaN and infinity. What may be an empty string stays a string until it is known not to be.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct, field

TradeId = Annotated[int, Meta(ge=0, lt=2**62)]
Sequence = Annotated[int, Meta(ge=-1, lt=2**53)]
Seconds = Annotated[int, Meta(gt=0, lt=2**32)]
Price = Annotated[float, Meta(gt=0, lt=1e300)]
Size = Annotated[float, Meta(gt=0, lt=1e300)]
Amount = Annotated[float, Meta(ge=0, lt=1e300)]
Product = Annotated[str, Meta(min_length=1)]
NO_NUMBER = -1


class Trade(Struct, gc=False):
    """One trade."""

    product_id: Product
    trade_id: TradeId
    price: Price
    size: Size
    time: str


class TradeEvent(Struct, gc=False):
    """Trades: a `snapshot` of past ones, newest first, or an `update`."""

    trades: list[Trade]
    type: str = ""


class Day(Struct, gc=False):
    """A ticker; an empty one has no product and no price."""

    product_id: str = ""
    price: str = ""
    volume_24_h: str = ""
    price_percent_chg_24_h: str = ""


class DayEvent(Struct, gc=False):
    """Tickers."""

    tickers: list[Day]


class Bar(Struct, gc=False):
    """A candle, over REST and of the socket; `start` is its open in seconds."""

    start: Seconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    product_id: str = ""

    def is_sound(self) -> bool:
        """Say whether open and close lie between low and high."""
        return self.low <= self.open <= self.high >= self.close >= self.low


class BarEvent(Struct, gc=False):
    """Candles: a `snapshot` with holes, in any order, or an `update`."""

    candles: list[Bar]
    type: str = ""


class _Frame(Struct, tag_field="channel", gc=False, kw_only=True):
    """What every frame has: when it was sent, and its number on this connection."""

    timestamp: str
    sequence_num: Sequence = NO_NUMBER


class TradesFrame(_Frame, tag="market_trades", gc=False, kw_only=True):
    """Trades of the last 250 ms."""

    events: list[TradeEvent]


class TickerFrame(_Frame, tag="ticker_batch", gc=False, kw_only=True):
    """Prices that changed within five seconds."""

    events: list[DayEvent]


class CandlesFrame(_Frame, tag="candles", gc=False, kw_only=True):
    """Candles of five minutes."""

    events: list[BarEvent]


class BeatFrame(_Frame, tag="heartbeats", gc=False, kw_only=True):
    """A sign of life, once a second."""


Frame = TradesFrame | TickerFrame | CandlesFrame | BeatFrame
OURS = frozenset({"market_trades", "ticker_batch", "candles", "heartbeats"})


class OtherFrame(Struct):
    """Anything else: an acknowledgement, an error (which has no channel), a channel that we do not know."""

    channel: str = ""
    type: str = ""
    message: str = ""
    sequence_num: Sequence = NO_NUMBER


SHUT = ("is_disabled", "trading_disabled", "view_only", "auction_mode")


class ProductEntry(Struct, kw_only=True):
    """A market as `market/products` lists it.

    What may be strange and leave it the market that it is has no type here: a price, a step.
    """

    product_id: str
    price: Any = ""
    change_24h: Any = field(name="price_percentage_change_24h", default="")
    volume_24h: Any = ""
    quote_volume_24h: Any = field(name="approximate_quote_24h_volume", default="")
    base: str = field(name="base_currency_id", default="")
    quote: str = field(name="quote_currency_id", default="")
    status: Any = ""
    alias: Any = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    view_only: bool = False
    auction_mode: bool = False
    price_increment: Any = None
    quote_increment: Any = None
    base_increment: Any = None
    quote_min_size: Any = None
    new_at: Any = None

    def is_open(self) -> bool:
        """Say whether it can be traded."""
        return self.status == "online" and not self.shut_by()

    def shut_by(self) -> list[str]:
        """Return what keeps it from being traded, whatever its status is."""
        return [flag.removeprefix("is_").replace("_", " ") for flag in SHUT if getattr(self, flag)]


class Page(Struct, kw_only=True):
    """Where a list goes on."""

    next_cursor: str = ""
    has_next: bool = False


class ProductList(Struct, kw_only=True):
    """A page of the listing, mostly all of it; each product is read by itself, lest one spoil them all."""

    products: list[Raw]
    pagination: Page | None = None


class Deal(Struct, kw_only=True):
    """One of the latest trades, as far as we read it."""

    time: str = ""


class Offers(Struct, kw_only=True):
    """The latest trades, newest first, and what is offered: both may be empty."""

    trades: list[Deal] = field(default_factory=list)
    best_bid: str = ""
    best_ask: str = ""


class CandleList(Struct):
    """Candles of a range, newest first."""

    candles: list[Bar]


class ServerTime(Struct):
    """The exchange's clock."""

    milliseconds: Annotated[int, Meta(gt=0, lt=2**42)] = field(name="epochMillis")


class Money(Struct, frozen=True):
    """An amount of a currency."""

    value: float
    currency: str = ""


class Account(Struct, frozen=True, kw_only=True):
    """What a key's owner holds of one currency: what is free and what open orders hold."""

    id: str = field(name="uuid")
    currency: str
    kind: str = field(name="type", default="")
    available: Money = field(name="available_balance")
    hold: Money | None = None

    @property
    def total(self) -> float:
        """Return all of it, held or not."""
        return self.available.value + (self.hold.value if self.hold else 0.0)


class AccountList(Struct, kw_only=True):
    """A page of accounts."""

    accounts: list[Account]
    has_next: bool = False
    cursor: str = ""


class Permissions(Struct, frozen=True, kw_only=True):
    """What a key may do."""

    can_view: bool
    can_trade: bool
    can_transfer: bool


class Fault(Struct):
    """An error in any of the shapes that Coinbase tells it in."""

    error: str = ""
    message: str = ""
    error_details: str = ""
    errors: list[Fault] = []
    id: str = ""
