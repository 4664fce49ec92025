"""The contract of `ListingStore`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from livermore.adapters.sql import Database
from livermore.adapters.sql.listing import SqlListingStore
from livermore.adapters.sql.tables import exchange_symbols
from livermore.kernel.errors import LivermoreError
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.symbol import Symbol

NOON = 1_750_000_000_123


def listed(name: str, **other: Any) -> ListedSymbol:
    """Make a market."""
    symbol = Symbol(name=name, base=name[:3], quote="USD", status="online")
    return ListedSymbol(symbol=symbol, first_seen_at=NOON, **other)


def listing(*markets: ListedSymbol, exchange: str = "coinbase", asked_at: int = NOON) -> Listing:
    """Make a listing."""
    return Listing(exchange=exchange, asked_at=asked_at, symbols={one.name: one for one in markets})


WHOLE = ListedSymbol(
    symbol=Symbol(
        name="BTC-USDC", base="BTC", quote="USDC", trading=False, status="limit_only", alias="BTC-USD",
        price_step=0.01, amount_step=1e-8, minimum_value=1.0, opened_at=NOON - 10**11,
    ),
    price=97153.15, change_24h_percent=-4.25, quote_volume_24h=2555311385.5919976, rank=1,
    first_seen_at=NOON - 5, delisted_at=NOON + 5, state_since=NOON + 5, state_before="halted",
)  # fmt: skip


async def test_what_is_stored_is_read_again_as_it_was(database: Database) -> None:
    store = SqlListingStore(database)
    assert await store.load("coinbase") is None
    made = listing(WHOLE, listed("ETH-USD"))
    await store.save(made)
    assert await store.load("coinbase") == made
    assert await SqlListingStore(database).load("coinbase") == made
    assert await store.load("binance") is None


async def test_a_listing_takes_the_place_of_the_one_before_and_of_no_other(database: Database) -> None:
    store = SqlListingStore(database)
    other = listing(listed("BTCUSD"), exchange="binance")
    await store.save(other)
    await store.save(listing(listed("BTC-USD", rank=2), listed("OLD-USD")))
    year = 365 * 86_400_000
    old = listed("OLD-USD", delisted_at=NOON + 60_000)
    await store.save(listing(listed("BTC-USD", rank=1), old, asked_at=NOON + 60_000))
    newer = listing(listed("BTC-USD", rank=1), listed("NEW-USD"), asked_at=NOON + 60_000 + year)
    assert await store.save(newer) == newer
    assert await store.load("coinbase") == newer
    assert await store.load("binance") == other


async def test_an_older_one_takes_the_place_of_none_that_is_newer_but_by_a_clock_put_back(
    database: Database,
) -> None:
    store, newer = SqlListingStore(database), listing(replace(WHOLE, price=1.0))
    assert await store.save(newer) == newer
    assert await store.save(listing(WHOLE, asked_at=NOON - 60_000)) == newer
    assert await store.load("coinbase") == newer
    long_ago = listing(WHOLE, asked_at=NOON - 7_200_000)
    assert await store.save(long_ago) == long_ago
    assert await store.load("coinbase") == long_ago


async def test_a_state_begins_when_whoever_stored_it_first_has_said(database: Database) -> None:
    store, other = SqlListingStore(database), SqlListingStore(database)
    await store.save(listing(listed("BTC-USD"), listed("ETH-USD")))
    halted = listed("BTC-USD", state_since=NOON + 10, state_before="trading")
    halted = replace(halted, symbol=replace(halted.symbol, trading=False))
    await store.save(listing(halted, listed("ETH-USD"), asked_at=NOON + 10))
    later = replace(halted, state_since=NOON + 20)
    gone = listed("ETH-USD", delisted_at=NOON + 20, state_since=NOON + 20, state_before="trading")
    stored = await other.save(listing(later, gone, asked_at=NOON + 20))
    assert stored == listing(halted, gone, asked_at=NOON + 20) == await store.load("coinbase")
    # Who has not heard that one is gone, and does not mention it, leaves it where it is.
    stored = await store.save(listing(later, asked_at=NOON + 30))
    assert stored.symbols == {"BTC-USD": halted, "ETH-USD": gone}
    assert await other.load("coinbase") == stored
    back = await store.save(listing(later, listed("ETH-USD"), asked_at=NOON + 40))
    began = (back.symbols["ETH-USD"].state_since, back.symbols["ETH-USD"].state_before)
    assert began == (NOON + 40, "delisted")


async def test_of_several_who_find_a_state_at_once_all_learn_the_same_beginning(database: Database) -> None:
    store = SqlListingStore(database)
    await store.save(listing(WHOLE))
    found = [listing(listed("BTC-USDC"), asked_at=NOON + place) for place in range(1, 5)]
    told = await asyncio.gather(*(SqlListingStore(database).save(one) for one in found))
    stored = await store.load("coinbase")
    assert stored is not None
    began = {one.symbols["BTC-USDC"].state_since for one in (*told, stored)}
    assert len(began) == 1
    assert began < set(range(NOON + 1, NOON + 5))


async def test_many_are_stored_whole_or_not_at_all(database: Database) -> None:
    store = SqlListingStore(database)
    made = listing(*(listed(f"{number:04}-USD", rank=number) for number in range(1_234)))
    await store.save(made)
    wrong = replace(
        made, asked_at=NOON + 1, symbols={**made.symbols, "Z": replace(WHOLE, first_seen_at=None)}
    )
    with pytest.raises(LivermoreError, match="first_seen_at"):
        await store.save(wrong)
    assert await store.load("coinbase") == made


async def test_what_cannot_be_stored_keeps_nothing_else_out(database: Database) -> None:
    store = SqlListingStore(database)
    strange = [
        listed("X" * 51),
        listed("NUL\0USD"),
        replace(WHOLE, symbol=replace(WHOLE.symbol, status="s" * 51)),
    ]
    await store.save(listing(*strange, listed("BTC-USD"), listed("Y" * 50)))
    found = await store.load("coinbase")
    assert found is not None
    assert found.symbols.keys() == {"BTC-USD", "Y" * 50}


async def test_several_who_store_at_once_leave_the_newest_listing_whole(database: Database) -> None:
    store = SqlListingStore(database)
    each = [
        listing(*(listed(f"{number:03}-USD", price=place) for number in range(150)), asked_at=NOON + place)
        for place in range(4)
    ]
    await asyncio.gather(*(store.save(one) for one in each))
    assert await store.load("coinbase") == each[-1]
    async with database.reading() as connection:
        asked = (await connection.execute(select(exchange_symbols.c.asked_at).distinct())).scalars().all()
    assert len(asked) == 1
