"""The markets that Coinbase lists."""

from __future__ import annotations

from collections.abc import Sequence

from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.wire import ProductEntry, ProductList
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.market.symbol import Symbol

PATH = "/market/products"
MOST_PAGES = 100


async def listing(rest: Rest) -> list[Symbol]:
    """Return every spot market."""
    return [_symbol(product) for product in await products(rest)]


async def products(rest: Rest, names: Sequence[str] = ()) -> list[ProductEntry]:
    """Return the products of some names, of all without any; mostly it is one page."""
    found: list[ProductEntry] = []
    cursor = ""
    for _ in range(MOST_PAGES):
        query = [("product_type", "SPOT"), *(("product_ids", name) for name in names)]
        answer = await rest.get(PATH, ProductList, [*query, ("cursor", cursor)] if cursor else query)
        found += answer.products
        page = answer.pagination
        if page is None or not (page.has_next and page.next_cursor):
            return found
        cursor = page.next_cursor
    raise ExchangeUnreachableError("Coinbase's listing does not end", where=PATH)


def _symbol(product: ProductEntry) -> Symbol:
    return Symbol(
        name=product.product_id,
        base=product.base,
        quote=product.quote,
        trading=product.is_open(),
        status=product.status,
        alias=product.alias,
    )
