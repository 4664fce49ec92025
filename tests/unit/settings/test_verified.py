"""A write names nothing of no exchange, and no order book twice; what is stored so already can be mended."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from livermore.settings.drafts import patching, replacing
from livermore.settings.patch import MergePatch, PathPatch
from livermore.settings.path import read_path
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.service import SettingsService
from tests.unit.settings.standin import BY, JESSE, Listings, MemoryStore

HOMELESS = {"symbols": ["coinbase:BTC-USD", "BTCUSDT", "XYZNOTHING"]}
TWICE = {"perseus_profile": {"primary_exchange": "coinbase"}, "symbols": ["BTC-USD", "BTC-USDC"]}
WAYS: dict[str, Callable[[SettingsService, dict[str, Any]], Awaitable[object]]] = {
    "put": lambda service, document: service.replace(JESSE, document, BY),
    "patch": lambda service, document: service.patch(JESSE, MergePatch(document), BY),
    "import": lambda service, document: service.import_file(JESSE, document, BY),
    "dry run": lambda service, document: service.import_file(JESSE, document, BY, dry_run=True),
    "preview": lambda service, document: service.preview(JESSE, patching(MergePatch(document))),
    "validate": lambda service, document: service.preview(JESSE, replacing(document)),
}


def stored(document: dict[str, Any] | None = None) -> SettingsService:
    return SettingsService(MemoryStore(document), Listings())


@pytest.fixture(params=WAYS)
def write(request: pytest.FixtureRequest) -> Callable[[SettingsService, dict[str, Any]], Awaitable[object]]:
    return WAYS[request.param]


async def refused(writing: Awaitable[object]) -> SettingsProblemsError:
    """Return what a write is refused with."""
    with pytest.raises(SettingsProblemsError) as caught:
        await writing
    assert caught.value.hint
    return caught.value


async def test_a_plain_name_needs_a_primary_exchange(write: Any) -> None:
    error = await refused(write(stored(), HOMELESS))
    assert [one["path"] for one in error.errors] == ["symbols.1", "symbols.2"]
    assert all("no exchange is named" in one["message"] for one in error.errors)
    assert "perseus_profile.primary_exchange" in str(error.hint)


async def test_qualified_names_need_none(write: Any) -> None:
    assert await write(stored(), {"symbols": ["coinbase:BTC-USD", "binance:BTCUSDT"]})


async def test_plain_names_of_no_exchange_that_are_stored_can_be_left_and_taken_away() -> None:
    service = stored(HOMELESS)
    assert (await service.patch(JESSE, PathPatch(("scanner", "limit"), 3), BY)).diff
    fewer = await service.patch(JESSE, PathPatch(("symbols",), ["BTCUSDT"]), BY)
    assert fewer.after.symbols == ("BTCUSDT",)
    chosen = PathPatch(read_path("perseus_profile.primary_exchange"), "binance")
    assert (await service.patch(JESSE, chosen, BY)).after.symbols == ("BTCUSDT",)


@pytest.mark.parametrize(
    ("symbols", "place", "other"),
    [
        (["BTC-USD", "BTC-USDC"], 1, "BTC-USD"),
        (["coinbase:BTC-USDC", "ETH-USD", "BTC-USD"], 2, "BTC-USDC"),
        (["binance:BTC-USD", "BTC-USDC", "BTC-USD"], 2, "BTC-USDC"),
    ],
)
async def test_two_names_of_one_order_book_are_refused(
    write: Any, symbols: list[str], place: int, other: str
) -> None:
    error = await refused(write(stored(), TWICE | {"symbols": symbols}))
    (problem,) = error.errors
    assert problem["path"] == f"symbols.{place}"
    assert f"shares its order book with {other} on the same list" in problem["message"]


async def test_the_name_that_comes_is_the_one_that_is_refused() -> None:
    service = stored(TWICE | {"symbols": ["BTC-USDC"]})
    error = await refused(service.patch(JESSE, PathPatch(("symbols",), ["BTC-USD", "BTC-USDC"]), BY))
    assert [one["path"] for one in error.errors] == ["symbols.0"]


async def test_one_name_of_each_book_and_alike_ones_of_two_exchanges_are_fine(write: Any) -> None:
    assert await write(stored(), TWICE | {"symbols": ["BTC-USDC", "ETH-USD", "binance:BTC-USD"]})


async def test_a_name_may_take_the_place_of_the_other(write: Any) -> None:
    assert await write(stored(TWICE | {"symbols": ["BTC-USDC"]}), TWICE | {"symbols": ["BTC-USD"]})


async def test_what_stands_there_twice_already_stays_until_it_is_taken_away() -> None:
    service = stored(TWICE)
    more = await service.patch(JESSE, PathPatch(("symbols", "-"), "ETH-USD"), BY)
    assert more.after.symbols == ("BTC-USD", "BTC-USDC", "ETH-USD")
    fewer = await service.patch(JESSE, PathPatch(("symbols",), ["BTC-USDC", "ETH-USD"]), BY)
    assert fewer.after.symbols == ("BTC-USDC", "ETH-USD")


async def test_another_name_that_comes_while_the_book_is_looked_up_is_seen() -> None:
    class Busy(Listings):
        async def sharing(self, exchange: str, symbols: Any) -> Any:
            if "BTC-USD" not in symbols:
                await SettingsService(store, Listings()).patch(
                    JESSE, PathPatch(("symbols", 0), "BTC-USD"), BY
                )
            return await super().sharing(exchange, symbols)

    store = MemoryStore(TWICE | {"symbols": []})
    error = await refused(
        SettingsService(store, Busy()).patch(JESSE, PathPatch(("symbols", "-"), "BTC-USDC"), BY)
    )
    assert [one["path"] for one in error.errors] == ["symbols.1"]
    assert store.newest.document["symbols"] == ["BTC-USD"]
