"""Days are written down once they are known: who looks when nothing runs wants to see a price."""

from __future__ import annotations

from .listing_office import ListingOffice


def prices(office: ListingOffice) -> set[float | None]:
    """Return the prices that are stored."""
    return {one.price for one in office.store.kept["test"].symbols.values()}


async def test_days_that_are_asked_for_later_are_written_down_at_once() -> None:
    office = ListingOffice()
    await office.listings.start()
    await office.listings.judged("test", ["AUSD"])
    await office.soon(3)
    assert (prices(office), office.store.saves) == ({None}, 1)
    assert office.listings.known("test") is not None
    await office.soon(3)
    assert (prices(office), office.store.saves) == ({2.0}, 2)
    await office.soon(100)
    assert office.store.saves == 2
    await office.listings.stop()
