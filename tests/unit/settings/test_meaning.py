"""What a name of the watchlist means stays what it was, whichever way it comes into a document."""

from typing import Any

import pytest

from livermore.settings.patch import PathPatch
from livermore.settings.path import Path, read_path
from livermore.settings.service import SettingsService, watched_symbols
from tests.unit.settings.standin import BY, JESSE, Listings, MemoryStore

AT_COINBASE = {
    "version": 2,
    "perseus_profile": {"primary_exchange": "coinbase", "public_name": "Desk"},
    "symbols": ["BTC-USD", "ETH-USD", "binance:BTC-USD"],
    "disabled_symbols": ["ETH-USD"],
}
WATCHED = (("coinbase", "BTC-USD"), ("binance", "BTC-USD"))
LISTS: list[Path] = [("symbols",), ("disabled_symbols",)]


def service_of(*documents: dict[str, Any]) -> SettingsService:
    """Return a service whose store holds these revisions."""
    store = MemoryStore(documents[0])
    for number, document in enumerate(documents[1:], 2):
        store.revisions.append(store._revision(number, document, [], BY))
    return SettingsService(store, Listings())


async def moved_to_binance() -> SettingsService:
    service = service_of(AT_COINBASE)
    await service.patch(JESSE, PathPatch(read_path("perseus_profile.primary_exchange"), "binance"), BY)
    return service


QUALIFIED = ("coinbase:BTC-USD", "coinbase:ETH-USD", "binance:BTC-USD")


@pytest.mark.parametrize(
    ("paths", "symbols", "off"),
    [
        (LISTS, QUALIFIED, ("coinbase:ETH-USD",)),
        (LISTS[:1], QUALIFIED, ()),
        (LISTS[1:], ("coinbase:ETH-USD",), ("coinbase:ETH-USD",)),
        ([("symbols", 0)], ("coinbase:BTC-USD",), ()),
    ],
)
async def test_a_list_that_comes_back_alone_stays_on_the_exchange_that_it_had(
    paths: list[Path], symbols: tuple[str, ...], off: tuple[str, ...]
) -> None:
    elsewhere = {"perseus_profile": {"primary_exchange": "binance"}, "symbols": ["coinbase:ETH-USD"]}
    after = (await service_of(AT_COINBASE, elsewhere).rollback(JESSE, 1, BY, paths=paths)).after
    assert (after.symbols, after.disabled_symbols) == (symbols, off)


async def test_names_are_plain_again_where_their_exchange_comes_back_with_them() -> None:
    service = await moved_to_binance()
    await service.patch(JESSE, PathPatch(("symbols", "-"), "ETHUSDT"), BY)
    whole = await service.rollback(JESSE, 1, BY, paths=[*LISTS, ("perseus_profile",)])
    assert whole.after.symbols == ("BTC-USD", "ETH-USD", "binance:BTC-USD")
    assert watched_symbols(whole.after) == WATCHED


async def test_a_profile_that_comes_back_alone_leaves_symbols_where_they_are() -> None:
    service = await moved_to_binance()
    await service.patch(JESSE, PathPatch(("symbols", "-"), "ETHUSDT"), BY)
    back = await service.rollback(JESSE, 1, BY, paths=[("perseus_profile", "primary_exchange")])
    assert watched_symbols(back.after) == (*WATCHED, ("binance", "ETHUSDT"))
    assert back.after.symbols[-1] == "binance:ETHUSDT"


async def test_what_is_written_alike_on_two_exchanges_is_not_mixed_up() -> None:
    both = {"perseus_profile": {"primary_exchange": "binance"}, "symbols": ["BTC-USD"]}
    service = service_of({**AT_COINBASE, "symbols": ["BTC-USD"], "disabled_symbols": []}, both)
    change = await service.rollback(JESSE, 1, BY, paths=[("perseus_profile",), ("symbols",)])
    assert (change.after.symbols, watched_symbols(change.after)) == (("BTC-USD",), WATCHED[:1])


async def test_an_exchange_that_is_reset_leaves_symbols_where_they_are() -> None:
    reset = await service_of(AT_COINBASE).reset(JESSE, BY, paths=[("perseus_profile",)])
    assert reset.after.perseus_profile.primary_exchange is None
    assert watched_symbols(reset.after) == WATCHED


@pytest.mark.parametrize("symbols", [None, "BTC-USD", [None, 1, {}], {"a": 1}])
async def test_a_part_of_what_fits_no_more_is_refused_or_left(symbols: Any) -> None:
    service = service_of({**AT_COINBASE, "symbols": symbols, "disabled_symbols": []}, AT_COINBASE)
    await service.patch(JESSE, PathPatch(read_path("perseus_profile.primary_exchange"), "binance"), BY)
    back = await service.rollback(JESSE, 1, BY, paths=[("perseus_profile", "primary_exchange")])
    assert watched_symbols(back.after) == WATCHED
