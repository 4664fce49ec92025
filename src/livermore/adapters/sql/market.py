"""The market room's books: candles, checkpoints, holes and the rows of `exchanges`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql import postgres_candles, sqlite_candles, tables
from livermore.adapters.sql.candle_columns import merge
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.statements import insert_into, upsert_into
from livermore.adapters.sql.tables import candle_coverage, candles, exchanges, indicator_checkpoints
from livermore.kernel.clock import Clock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource, CandleState
from livermore.market.exchange import ExchangeInfo
from livermore.market.ledger import left_of
from livermore.market.ports import CandleBatch, Cause, Checkpoint, Counts, Hole, Series

ALWAYS = 2**63 - 1
MOST_NAMES = 500  # in one statement
COUNTED = (CandleState.TRADED, CandleState.QUIET, CandleState.MISSING)


class SqlCandleStore:
    """Keep candles, checkpoints and holes in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        bulk = (sqlite_candles.write, sqlite_candles.read)
        self._write, self._read = bulk if database.file else (postgres_candles.write, postgres_candles.read)

    async def save(
        self, batch: Sequence[tuple[Series, Candles]], checkpoints: Sequence[Checkpoint] = (),
        holes: Sequence[Hole] = (),
    ) -> None:  # fmt: skip
        """Insert or replace all of it in one transaction; raise InvalidError for NaN and infinity."""
        listed = batch.series if isinstance(batch, CandleBatch) else [name for name, _ in batch]
        names = [*listed, *(one.series for one in checkpoints), *(one.series for one in holes)]
        async with self._database.writing() as connection:
            keys = await self._database.series.settle(connection, names)
            if batch:
                await self._write(connection, merge(batch, keys))
            if checkpoints:
                await _put_checkpoints(connection, checkpoints, keys)
            if holes:
                await _put_holes(connection, holes, keys)
        self._database.series.remember(keys)

    async def replace(self, batch: Sequence[tuple[Series, Candles]]) -> int:
        """Put candles in the place of all that is kept of their series; return how many candles went."""
        async with self._database.writing() as connection:
            keys = await self._database.series.settle(connection, [name for name, _ in batch])
            these = [keys[name] for name, _ in batch]
            gone = await connection.execute(delete(candles).where(candles.c.series_id.in_(these)))
            for kept in (indicator_checkpoints, candle_coverage):
                await connection.execute(delete(kept).where(kept.c.series_id.in_(these)))
            await self._write(connection, merge(batch, keys))
        self._database.series.remember(keys)
        return gone.rowcount

    async def holes(self, series: Series, start: int, end: int) -> list[Hole]:
        """Return the holes of a base series that touch [start, end) (ms), oldest first."""
        async with self._database.reading() as connection:
            key = await self._database.series.find(connection, series)
            touching = select(candle_coverage).where(*_touching(key, start, end))
            rows = await connection.execute(touching.order_by(candle_coverage.c.from_time))
        return [_hole(series, row) for row in rows]

    async def counts(self, series: Series, start: int, end: int) -> Counts:
        """Count the stored candles of a series that open in [start, end) (ms), by state."""
        this = candles.c
        async with self._database.reading() as connection:
            key = await self._database.series.find(connection, series)
            inside = this.series_id == key, this.time >= start, this.time < end
            rows = await connection.execute(
                select(this.state, func.count()).where(*inside).group_by(this.state)
            )
        found = {CandleState(state): count for state, count in rows}
        return Counts(*(found.get(state, 0) for state in COUNTED))

    async def load(
        self, series: Series, start: int | None = None, end: int | None = None, *, newest: int | None = None
    ) -> Candles:
        """Return stored candles that open in [start, end), oldest first, or only so many `newest` ones."""
        first = -ALWAYS if start is None else start
        last = ALWAYS if end is None else end
        async with self._database.reading() as connection:
            key = await self._database.series.find(connection, series)
            if key is None:
                return Candles.none()
            return await self._read(connection, key, first, last, newest)

    async def span(self, series: Series) -> tuple[int, int] | None:
        """Return the open times of the oldest and the newest stored candle."""
        async with self._database.reading() as connection:
            key = await self._database.series.find(connection, series)
            times = select(candles.c.time).where(candles.c.series_id == key).limit(1)
            oldest = times.order_by(candles.c.time).scalar_subquery()
            newest = times.order_by(candles.c.time.desc()).scalar_subquery()
            first, last = (await connection.execute(select(oldest, newest))).one()
        return None if first is None else (first, last)

    async def spans(self, exchange: str, symbols: Collection[str]) -> dict[Series, tuple[int, int]]:
        """Return the same of every series of some symbols of which a candle is stored."""
        this, chosen = tables.series.c, list(symbols)
        times = select(candles.c.time).where(candles.c.series_id == this.id).correlate(tables.series).limit(1)
        oldest = times.order_by(candles.c.time).scalar_subquery()
        newest = times.order_by(candles.c.time.desc()).scalar_subquery()
        ends = select(this.symbol, this.timeframe, oldest, newest).where(this.exchange == exchange)
        found: dict[Series, tuple[int, int]] = {}
        async with self._database.reading() as connection:
            for start in range(0, len(chosen), MOST_NAMES):
                named = ends.where(this.symbol.in_(chosen[start : start + MOST_NAMES]))
                for symbol, timeframe, first, last in await connection.execute(named):
                    if first is not None:
                        found[Series(exchange, symbol, Timeframe(timeframe))] = first, last
        return found

    async def checkpoint(self, series: Series, at_or_before: int) -> Checkpoint | None:
        """Return the newest checkpoint that is not younger than a bar's open time."""
        time = indicator_checkpoints.c.time
        return await self._one_checkpoint(
            series, select(indicator_checkpoints).where(time <= at_or_before).order_by(time.desc())
        )

    async def first_checkpoint(self, series: Series) -> Checkpoint | None:
        """Return the oldest checkpoint."""
        return await self._one_checkpoint(
            series, select(indicator_checkpoints).order_by(indicator_checkpoints.c.time)
        )

    async def forget_checkpoints(self, series: Series, since: int) -> None:
        """Delete the checkpoints of bars that opened at or after a time."""
        async with self._database.writing() as connection:
            key = await self._database.series.find(connection, series)
            this = indicator_checkpoints.c
            await connection.execute(
                delete(indicator_checkpoints).where(this.series_id == key, this.time >= since)
            )

    async def prune(self, timeframe: Timeframe, before: int) -> int:
        """Delete candles of a timeframe that opened before a time; checkpoints stay. Return how many."""
        keys = select(tables.series.c.id).where(tables.series.c.timeframe == timeframe)
        old = delete(candles).where(candles.c.series_id.in_(keys), candles.c.time < before)
        async with self._database.writing() as connection:
            return (await connection.execute(old)).rowcount

    async def _one_checkpoint(self, name: Series, query: Select[tuple[int, int, bytes]]) -> Checkpoint | None:
        async with self._database.reading() as connection:
            key = await self._database.series.find(connection, name)
            query = query.where(indicator_checkpoints.c.series_id == key).limit(1)
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Checkpoint(name, row.time, row.state)


async def _put_checkpoints(
    connection: AsyncConnection, checkpoints: Sequence[Checkpoint], keys: Mapping[Series, int]
) -> None:
    rows = [{"series_id": keys[each.series], "time": each.time, "state": each.state} for each in checkpoints]
    await connection.execute(upsert_into(connection, indicator_checkpoints), rows)


async def _put_holes(connection: AsyncConnection, holes: Sequence[Hole], keys: Mapping[Series, int]) -> None:
    """Write spans that were missing; each takes the place of what it covers of earlier entries."""
    for series, entries in _by_series(holes).items():
        key = keys[series]
        first, last = min(hole.start for hole in entries), max(hole.end for hole in entries)
        touching = select(candle_coverage).where(*_touching(key, first, last))
        known = [_hole(series, row) for row in await connection.execute(touching)]
        told = known
        for newer in entries:
            told = [part for hole in told for part in left_of(hole, newer)] + [newer]
        await connection.execute(delete(candle_coverage).where(*_touching(key, first, last)))
        await connection.execute(
            insert_into(connection, candle_coverage), [_row_of(key, one) for one in told]
        )


def _by_series(holes: Sequence[Hole]) -> dict[Series, list[Hole]]:
    found = defaultdict(list)
    for hole in holes:
        found[hole.series].append(hole)
    return found


def _touching(key: int | None, start: int, end: int) -> tuple[ColumnElement[bool], ...]:
    this = candle_coverage.c
    return this.series_id == key, this.from_time < end, this.to_time > start


def _hole(series: Series, row: Row[Any]) -> Hole:
    return Hole(
        series=series, start=row.from_time, end=row.to_time, cause=Cause(row.cause),
        repaired_at=row.repaired_at,
    )  # fmt: skip


def _row_of(key: int, hole: Hole) -> dict[str, object]:
    return {
        "series_id": key, "from_time": hole.start, "to_time": hole.end, "state": CandleState.MISSING,
        "source": CandleSource.STREAM, "cause": hole.cause, "repaired_at": hole.repaired_at,
    }  # fmt: skip


class SqlExchangeBook:
    """Keep the rows of `exchanges` in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> list[ExchangeInfo]:
        """Return every row by name."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(exchanges).order_by(exchanges.c.name))
        return [_exchange(row) for row in rows]

    async def get(self, name: str) -> ExchangeInfo | None:
        """Return one row."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(exchanges).where(exchanges.c.name == name))).one_or_none()
        return None if row is None else _exchange(row)

    async def put(self, info: ExchangeInfo) -> None:
        """Insert a row or replace the one of that name."""
        async with self._database.writing() as connection:
            insert = insert_into(connection, exchanges).values(self._row(info))
            replaced = {name: insert.excluded[name] for name in (*info.__struct_fields__, "updated_at")}
            await connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=replaced))

    async def seed(self, infos: Sequence[ExchangeInfo]) -> None:
        """Insert the rows that are not there; leave the others as their users edited them."""
        if not infos:
            return
        async with self._database.writing() as connection:
            insert = insert_into(connection, exchanges).on_conflict_do_nothing(index_elements=["name"])
            await connection.execute(insert, [self._row(info) for info in infos])

    def _row(self, info: ExchangeInfo) -> dict[str, object]:
        now = self._clock.now()
        return msgspec.structs.asdict(info) | {"created_at": now, "updated_at": now}


def _exchange(row: Row[tuple[object, ...]]) -> ExchangeInfo:
    return msgspec.convert(row._mapping, ExchangeInfo)
