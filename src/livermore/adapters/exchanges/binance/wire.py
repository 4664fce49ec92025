"""Binance's messages as msgspec reads them, straight into the market room's own nouns.

Numbers come as decimal strings; decoding with `strict=False` makes them floats in C. The frames are
subclasses of `BarUpdate` and `Ticker` with Binance's one-letter names, so nothing is copied; their bounds
refuse NaN and infinity.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct, field

from livermore.market.candle import BarUpdate
from livermore.market.symbol import Ticker

# Up to the year 2109: a time in microseconds, taken for milliseconds, would close centuries of quiet bars.
Milliseconds = Annotated[int, Meta(gt=0, lt=2**42)]
TradeId = Annotated[int, Meta(ge=-1, lt=2**62)]
Price = Annotated[float, Meta(gt=0, lt=1e300)]
Amount = Annotated[float, Meta(ge=0, lt=1e300)]


class AccountPowers(Struct, frozen=True, kw_only=True):
    """What an account may do, whatever the key."""

    can_trade: bool = field(name="canTrade")
    can_withdraw: bool = field(name="canWithdraw")


class Restrictions(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a key may do."""

    enable_reading: bool
    enable_withdrawals: bool
    enable_spot_and_margin_trading: bool
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
    enable_margin: bool = False
    enable_futures: bool = False
    enable_vanilla_options: bool = False
    enable_fix_api_trade: bool = False
    enable_portfolio_margin_trading: bool = False

    @property
    def views(self) -> bool:
        """Say whether it may read."""
        return self.enable_reading

    @property
    def trades(self) -> bool:
        """Say whether it may trade anything."""
        return (
            self.enable_spot_and_margin_trading
            or self.enable_margin
            or self.enable_futures
            or self.enable_vanilla_options
            or self.enable_fix_api_trade
            or self.enable_portfolio_margin_trading
        )

    @property
    def withdraws(self) -> bool:
        """Say whether it may move anything out of the account."""
        return self.enable_withdrawals or self.enable_internal_transfer or self.permits_universal_transfer


class Bar(BarUpdate, kw_only=True, gc=False):
    """The `k` of a kline event."""

    symbol: str = field(name="s")
    time: Milliseconds = field(name="t")
    open: Price = field(name="o")
    high: Price = field(name="h")
    low: Price = field(name="l")
    close: Price = field(name="c")
    volume: Amount = field(name="v")
    closed: bool = field(name="x")
    first_id: TradeId = field(name="f")
    last_id: TradeId = field(name="L")


class Kline(Struct, tag_field="e", tag="kline", kw_only=True, gc=False):
    """A bar as it stands."""

    event_time: Milliseconds = field(name="E")
    bar: Bar = field(name="k")


class MiniTicker(Ticker, tag_field="e", tag="24hrMiniTicker", frozen=True, kw_only=True, gc=False):
    """The price and the rolling day of a symbol."""

    symbol: str = field(name="s")
    price: Price = field(name="c")
    time: Milliseconds = field(name="E")
    open_24h: Amount | None = field(name="o", default=None)
    quote_volume_24h: Amount | None = field(name="q", default=None)


class Frame(Struct, gc=False):
    """A frame of the combined stream that carries what we asked for."""

    data: Kline | MiniTicker


class Fault(Struct):
    """An error as the server tells it, over REST and (in two shapes) over the socket."""

    code: int
    msg: str = ""


class OtherEvent(Struct):
    """An event that we did not ask for; a bookTicker has neither `e` nor `E`."""

    kind: str = field(name="e", default="")
    event_time: Milliseconds | None = field(name="E", default=None)


class OtherFrame(Struct):
    """Anything else that may come: an answer, an error in either shape, an unknown event, raw or combined."""

    kind: str = field(name="e", default="")
    event_time: Milliseconds | None = field(name="E", default=None)
    book_update: int | None = field(name="u", default=None)
    data: OtherEvent | None = None
    id: int | str | None = None
    result: Any = UNSET
    code: int | None = None
    msg: str = ""
    error: Fault | None = None

    def fault(self) -> Fault | None:
        """Return the error that this frame tells, whichever shape it has."""
        return self.error or (None if self.code is None else Fault(self.code, self.msg))

    def is_empty(self) -> bool:
        """Say whether there is nothing in it that we know; a bookTicker is known by its `u`."""
        return self == _EMPTY


_EMPTY = OtherFrame()


class Row(Struct, array_like=True, gc=False):
    """A kline over REST: what stands behind the volume is not read, whatever its length."""

    time: Milliseconds
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount


class Day(Struct, kw_only=True):
    """The rolling day of one symbol over REST."""

    symbol: str
    last_price: Amount = field(name="lastPrice")
    open_price: Amount = field(name="openPrice")
    quote_volume: Amount = field(name="quoteVolume")
    close_time: Milliseconds = field(name="closeTime")


class Quote(Day, kw_only=True):
    """The rolling day in full: what is offered may be nothing, or not told."""

    bid: Any = field(name="bidPrice", default=None)
    ask: Any = field(name="askPrice", default=None)
    trades: Annotated[int, Meta(ge=0, lt=2**62)] | None = field(name="count", default=None)


class ServerTime(Struct):
    """The exchange's clock."""

    server_time: Milliseconds = field(name="serverTime")


class RateLimit(Struct, kw_only=True):
    """One of the exchange's limits."""

    kind: str = field(name="rateLimitType")
    interval: str
    count: Annotated[int, Meta(gt=0)] = field(name="intervalNum")
    limit: int


class Filter(Struct, kw_only=True):
    """One of the rules that orders keep to; only its own fields are filled."""

    kind: Any = field(name="filterType", default="")
    price_step: Any = field(name="tickSize", default=None)
    amount_step: Any = field(name="stepSize", default=None)
    minimum_value: Any = field(name="minNotional", default=None)


class Market(Struct, kw_only=True):
    """One symbol of exchangeInfo."""

    symbol: str
    status: str
    base: str = field(name="baseAsset")
    quote: str = field(name="quoteAsset")
    spot_allowed: bool = field(name="isSpotTradingAllowed", default=True)
    filters: Raw = Raw(b"[]")


class Listing(Struct):
    """The parts of exchangeInfo that we read; each symbol is read by itself, lest one spoil them all."""

    symbols: list[Raw]
    rate_limits: list[RateLimit] = field(name="rateLimits", default_factory=list)
