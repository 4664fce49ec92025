"""The small integer keys of series, remembered in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.statements import insert_into
from livermore.adapters.sql.tables import series
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series


class SeriesKeys:
    """Know the key of every series that was met; only committed keys may be remembered."""

    def __init__(self) -> None:
        self._known: dict[Series, int] = {}
        self._read: set[str] = set()

    def remember(self, keys: Mapping[Series, int]) -> None:
        """Keep keys whose transaction is committed."""
        if keys is not self._known:
            self._known.update(keys)

    async def find(self, connection: AsyncConnection, name: Series) -> int | None:
        """Return the key of a series, or None if it was never written; `connection` has written none."""
        if name not in self._known:
            # All of an exchange once; then one symbol's, as a first start asks for hundreds that are new.
            narrow = [series.c.symbol == name.symbol] if name.exchange in self._read else []
            self.remember(await _stored(connection, series.c.exchange == name.exchange, *narrow))
            self._read.add(name.exchange)
        return self._known.get(name)

    async def settle(self, connection: AsyncConnection, names: Iterable[Series]) -> Mapping[Series, int]:
        """Return keys, those of the named series among them, giving new ones theirs in the transaction."""
        missing = {name for name in names if name not in self._known}
        if not missing:
            return self._known
        # In one order everywhere, or two writers could wait for each other.
        rows = [name._asdict() for name in sorted(missing)]
        await connection.execute(insert_into(connection, series).on_conflict_do_nothing(), rows)
        exchanges = series.c.exchange.in_({name.exchange for name in missing})
        symbols = series.c.symbol.in_({name.symbol for name in missing})
        return self._known | await _stored(connection, exchanges, symbols)


async def _stored(connection: AsyncConnection, *among: ColumnElement[bool]) -> dict[Series, int]:
    rows = await connection.execute(select(series).where(*among))
    return {Series(row.exchange, row.symbol, Timeframe(row.timeframe)): row.id for row in rows}
