"""A price with its rolling day, from the strings that Coinbase writes: any of them may be empty."""

from __future__ import annotations

from livermore.adapters.exchanges.coinbase.wire import Day, ProductEntry
from livermore.market.readable import number, positive
from livermore.market.symbol import Ticker


def streamed_ticker(day: Day, symbol: str, time: int) -> Ticker:
    """Return the ticker of a frame; the volume in it counts the base asset."""
    price = _price(day.price)
    volume = _number(day.volume_24_h)
    return Ticker(
        symbol=symbol,
        price=price,
        time=time,
        open_24h=_open(price, _number(day.price_percent_chg_24_h)),
        quote_volume_24h=None if volume is None else volume * price,
    )


def listed_ticker(product: ProductEntry, time: int) -> Ticker:
    """Return the ticker of a listed product that has a price."""
    price = _price(product.price)
    return Ticker(
        symbol=product.product_id,
        price=price,
        time=time,
        open_24h=_open(price, _number(product.change_24h)),
        quote_volume_24h=_quote_volume(product, price),
    )


def _quote_volume(product: ProductEntry, price: float) -> float | None:
    """Return the volume as Coinbase reckons it in the quote asset, else at the latest price."""
    told = _number(product.quote_volume_24h)
    if told is not None:
        return told
    volume = _number(product.volume_24h)
    return None if volume is None else number(volume * price)


def _open(price: float, percent: float | None) -> float | None:
    """Return the price of a day ago, which Coinbase tells only as the percentage that has changed since."""
    return None if percent is None or percent <= -100 else number(price / (1 + percent / 100))


def _price(told: object) -> float:
    price = positive(told)
    if price is None:
        raise ValueError(f"not a price: {str(told)[:40]}")
    return price


def _number(told: object) -> float | None:
    if told is None or told == "":
        return None
    value = number(told)
    if value is None:
        raise ValueError(f"not a number: {str(told)[:40]}")
    return value
