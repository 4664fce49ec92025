"""The scanner looks for what its exchange is quoted in, until its user chooses something else."""

from typing import Any

import pytest

from livermore.settings.drafts import patching, replacing
from livermore.settings.patch import MergePatch
from livermore.settings.service import SettingsService
from tests.unit.settings.standin import BY, JESSE, Listings, MemoryStore

AT_COINBASE = {"perseus_profile": {"primary_exchange": "coinbase"}}
AT_BINANCE = {"perseus_profile": {"primary_exchange": "binance"}, "scanner": {"quote": "USDT"}}
NOWHERE: dict[str, Any] = {}
TO = {name: {"perseus_profile": {"primary_exchange": name}} for name in ("coinbase", "binance", None)}


def stored(document: dict[str, Any], *later: dict[str, Any]) -> SettingsService:
    """Return a service whose store holds these revisions."""
    store = MemoryStore(document)
    for number, one in enumerate(later, 2):
        store.revisions.append(store._revision(number, one, [], BY))
    return SettingsService(store, Listings())


@pytest.mark.parametrize(
    ("before", "exchange", "quote"),
    [
        (AT_COINBASE, "binance", "USDT"), (NOWHERE, "binance", "USDT"), (AT_BINANCE, "coinbase", "USD"),
        (AT_BINANCE, None, "USD"), (NOWHERE, "coinbase", "USD"),
        (AT_COINBASE | {"scanner": {"quote": "USDC"}}, "binance", "USDC"),
        (AT_BINANCE | {"scanner": {"quote": "BTC"}}, "coinbase", "BTC"),
        (AT_BINANCE, "binance", "USDT"), (AT_BINANCE | {"scanner": {}}, "binance", "USD"),
    ],
)  # fmt: skip
async def test_the_quote_follows_the_exchange_until_it_is_chosen(
    before: dict[str, Any], exchange: str | None, quote: str
) -> None:
    change = await stored(before).patch(JESSE, MergePatch(TO[exchange]), BY)
    assert change.after.scanner.quote == quote


async def test_what_is_chosen_with_the_exchange_holds() -> None:
    chosen = MergePatch({**TO["binance"], "scanner": {"quote": "BTC"}})
    assert (await stored(AT_COINBASE).patch(JESSE, chosen, BY)).after.scanner.quote == "BTC"


@pytest.mark.parametrize("scanner", [{}, {"scanner": {"limit": 3}}])
async def test_a_document_that_chooses_none_has_the_usual_one(scanner: dict[str, Any]) -> None:
    for before in (AT_COINBASE, AT_BINANCE):
        change = await stored(before).replace(JESSE, {"version": 2, **TO["binance"], **scanner}, BY)
        assert change.after.scanner.quote == "USDT"


async def test_a_reset_is_a_reset_to_what_the_exchange_is_quoted_in() -> None:
    own = AT_BINANCE | {"scanner": {"quote": "BTC", "limit": 3}}
    for paths in (None, [("scanner",)], [("scanner", "quote")]):
        assert (await stored(own).reset(JESSE, BY, paths=paths)).after.scanner.quote == "USDT"
    both = await stored(AT_BINANCE).reset(JESSE, BY, paths=[("perseus_profile",), ("scanner",)])
    assert both.after.scanner.quote == "USD"


async def test_a_part_that_comes_back_does_not_bring_the_quote_of_another_exchange() -> None:
    paths = [("scanner",)]
    back = await stored(AT_COINBASE | {"scanner": {"limit": 3}}, AT_BINANCE).rollback(
        JESSE, 1, BY, paths=paths
    )
    assert (back.after.scanner.limit, back.after.scanner.quote) == (3, "USDT")
    profile = await stored(AT_COINBASE, AT_BINANCE).rollback(JESSE, 1, BY, paths=[("perseus_profile",)])
    assert profile.after.scanner.quote == "USD"


async def test_a_quote_that_the_exchange_does_not_have_is_a_warning_before_it_is_saved() -> None:
    service = stored(AT_COINBASE | {"scanner": {"quote": "USDC"}})
    (warning,) = (await service.preview(JESSE, patching(MergePatch(TO["binance"])))).warnings
    assert (warning.path, warning.hint) == ("scanner.quote", "livermore settings set scanner.quote USDT")
    assert "binance lists no market in USDC" in warning.message
    fitting = MergePatch({**TO["binance"], "scanner": {"quote": "BTC"}})
    assert (await service.preview(JESSE, patching(fitting))).warnings == ()
    other = MergePatch({"scanner": {"limit": 3}})
    assert (
        await stored(AT_BINANCE | {"scanner": {"quote": "X1"}}).preview(JESSE, patching(other))
    ).warnings == ()


async def test_nothing_is_warned_of_where_nobody_can_tell() -> None:
    listing = Listings()
    listing.down.add("binance")
    service = SettingsService(MemoryStore(AT_COINBASE), listing)
    wanted = {"version": 2, **TO["binance"], "scanner": {"quote": "X1"}}
    assert (await service.preview(JESSE, replacing(wanted))).warnings == ()
