"""What exchanges list, as they said last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.statements import upsert_into
from livermore.adapters.sql.tables import exchange_symbols
from livermore.market.listed import agreed
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.symbol import Symbol

ALONE = text("LOCK TABLE exchange_symbols IN SHARE ROW EXCLUSIVE MODE")
# Preparing rows keeps everything else waiting, which candles must not.
AT_ONCE = 100
AT_WORK = 3_600_000  # ms; what is newer by more is of a clock that was put back since
KEYS = ("exchange", "symbol", "asked_at")
TEXTS, LONGEST = ("base", "quote", "status", "alias"), 50
OF_A_MARKET = tuple(name for name in Symbol.__struct_fields__ if name != "name")
OF_A_LISTING = tuple(name for name in ListedSymbol.__struct_fields__ if name != "symbol")


class SqlListingStore:
    """Keep what each exchange lists in SQL: public data, of no user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, exchange: str) -> Listing | None:
        """Return what was stored last; None when nothing was."""
        async with self._database.reading() as connection:
            return await _stored(connection, exchange)

    async def save(self, listing: Listing) -> Listing:
        """Store a listing in the place of an older one, in one transaction, and return what is stored then.

        That is `agreed` of both. One that another process has just asked for later stays as it is.
        """
        async with self._database.writing() as connection:
            if not self._database.file:
                # Two processes that write at once would wait for each other's rows.
                await connection.execute(ALONE)
            stored = await _stored(connection, listing.exchange)
            if stored is not None and 0 < stored.asked_at - listing.asked_at < AT_WORK:
                return stored
            whole = agreed(stored, listing)
            await _put(connection, whole)
        return whole


async def _stored(connection: AsyncConnection, exchange: str) -> Listing | None:
    mine = select(exchange_symbols).where(exchange_symbols.c.exchange == exchange)
    rows = (await connection.execute(mine.order_by(exchange_symbols.c.symbol))).all()
    return _listing(exchange, rows) if rows else None


async def _put(connection: AsyncConnection, listing: Listing) -> None:
    """Have a listing stored, and no other one of its exchange."""
    this = exchange_symbols.c
    names = sorted(name for name, one in listing.symbols.items() if _fits(one))
    for start in range(0, len(names), AT_ONCE):
        rows = [_row(listing, name) for name in names[start : start + AT_ONCE]]
        await connection.execute(upsert_into(connection, exchange_symbols), rows)
    older = delete(exchange_symbols).where(this.exchange == listing.exchange)
    await connection.execute(older.where(this.asked_at != listing.asked_at))


def _fits(listed: ListedSymbol) -> bool:
    """Say whether a market's texts can be stored: a strange one must not keep out all others."""
    texts = (getattr(listed.symbol, column) for column in ("name", *TEXTS))
    return all(len(text) <= LONGEST and "\0" not in text for text in texts)


def _row(listing: Listing, name: str) -> dict[str, Any]:
    listed = listing.symbols[name]
    keys = dict(zip(KEYS, (listing.exchange, name, listing.asked_at), strict=True))
    market = {field: getattr(listed.symbol, field) for field in OF_A_MARKET}
    return keys | market | {field: getattr(listed, field) for field in OF_A_LISTING}


def _listing(exchange: str, rows: Sequence[Row[Any]]) -> Listing:
    symbols = {row.symbol: _listed(row._mapping) for row in rows}
    return Listing(exchange=exchange, asked_at=max(row.asked_at for row in rows), symbols=symbols)


def _listed(row: Any) -> ListedSymbol:
    market = Symbol(name=row["symbol"], **{field: row[field] for field in OF_A_MARKET})
    told = {field: row[field] for field in OF_A_LISTING}
    return msgspec.convert(told | {"symbol": market}, ListedSymbol)
