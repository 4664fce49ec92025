"""The markets that Coinbase lists."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.times import milliseconds
from livermore.adapters.exchanges.coinbase.wire import ProductEntry, ProductList
from livermore.kernel.errors import ExchangeUnreachableError, NotFoundError
from livermore.market.readable import name, positive, readable, word
from livermore.market.symbol import Symbol

PATH = "/market/products"
MOST_PAGES = 100
NAME = "coinbase"
_NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)+")
_decode = msgspec.json.Decoder(ProductEntry, strict=False).decode


async def listing(rest: Rest) -> list[Symbol]:
    """Return every spot market."""
    return readable(await products(rest), _symbol, NAME)


async def products(rest: Rest, names: Sequence[str] = ()) -> list[ProductEntry]:
    """Return the products of some names, of all without any; mostly it is one page."""
    found: list[ProductEntry] = []
    cursor = ""
    for _ in range(MOST_PAGES):
        query = [("product_type", "SPOT"), *(("product_ids", name) for name in names)]
        answer = await rest.get(PATH, ProductList, [*query, ("cursor", cursor)] if cursor else query)
        found += readable(answer.products, _decode, NAME)
        page = answer.pagination
        if page is None or not (page.has_next and page.next_cursor):
            return found
        cursor = page.next_cursor
    raise ExchangeUnreachableError("Coinbase's listing does not end", where=PATH)


def path_of(symbol: str) -> str:
    """Return the path of a product. Errors: NotFoundError for a name that no product can have."""
    if not _NAME.fullmatch(symbol):
        raise NotFoundError(f"Coinbase lists no {symbol[:40]!r}", where=PATH)
    return f"{PATH}/{symbol}"


def _symbol(product: ProductEntry) -> Symbol:
    return Symbol(
        name=name(product.product_id),
        base=name(product.base),
        quote=name(product.quote),
        trading=product.is_open(),
        status=", ".join(product.shut_by()) or word(product.status),
        alias=word(product.alias),
        price_step=positive(product.price_increment) or positive(product.quote_increment),
        amount_step=positive(product.base_increment),
        minimum_value=positive(product.quote_min_size),
        opened_at=_opened_at(product.new_at),
    )


def _opened_at(told: object) -> int | None:
    """Return when trading began; of some products Coinbase tells nothing, or the year 1."""
    try:
        return milliseconds(told) if isinstance(told, str) and told else None
    except ValueError:
        return None
