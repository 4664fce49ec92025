"""A scan that is asked for leaves a proposal in the journal, two notes in the settings and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from livermore.control.registry import Registry
from livermore.kernel.errors import InvalidError, LivermoreError, NotFoundError
from livermore.market.scanner import Filters
from livermore.market.scanning import PRIORITY, ScannerCommands, ScanSymbols, overridden
from livermore.settings.patch import PathPatch
from tests.unit.settings.standin import BY, JESSE

from .listed import listing, market
from .scanned import Office

MARKETS = listing(market("BTC", volume=9e9), market("ETH", volume=8e9), market("DOGE", volume=2e5))
SET = Filters(exchange="coinbase", minimum_age_days=30, maximum_spread_percent=0.5, blacklist=("A*",))


def registry(office: Office) -> Registry:
    known = Registry()
    ScannerCommands(office.scanner, office.settings).register(known)
    return known.seal()


def test_it_is_registered_with_its_priority() -> None:
    entry = registry(Office(MARKETS)).entry("scan-symbols")
    assert (entry.priority, entry.role) == (PRIORITY, "operator")
    assert PRIORITY == 20


@pytest.mark.parametrize(
    ("payload", "changes"),
    [
        ({}, {}), ({"exchange": None, "limit": None, "quote": None, "blacklist": None}, {}),
        ({"exchange": "binance", "quote": "usdt", "limit": 7},
         {"exchange": "binance", "quote": "USDT", "limit": 7}),
        ({"minimum_quote_volume_24h": 0}, {"minimum_quote_volume_24h": 0}),
        ({"minimum_age_days": None}, {"minimum_age_days": None}),
        ({"minimum_age_days": 1, "maximum_spread_percent": None},
         {"minimum_age_days": 1, "maximum_spread_percent": None}),
        ({"blacklist": []}, {"blacklist": ()}),
    ],
)  # fmt: skip
def test_what_is_asked_for_goes_before_what_is_set(payload: dict[str, Any], changes: dict[str, Any]) -> None:
    asked = msgspec.convert(payload, ScanSymbols)
    assert overridden(SET, asked) == msgspec.structs.replace(SET, **changes)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"limit": 0}, "payload.limit"), ({"limit": 501}, "payload.limit"),
        ({"limit": "all"}, "payload.limit"),
        ({"minimum_age_days": 0}, "payload.minimum_age_days"),
        ({"maximum_spread_percent": -1}, "payload.maximum_spread_percent"),
        ({"minimum_quote_volume_24h": -1}, "payload.minimum_quote_volume_24h"),
        ({"blacklist": ["A", 1]}, "payload.blacklist[1]"), ({"volume": 1}, "payload"),
    ],
)  # fmt: skip
def test_a_payload_that_cannot_be_is_refused_at_the_door(payload: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as refused:
        registry(Office(MARKETS)).read("scan-symbols", payload, "operator")
    assert refused.value.where == field


@pytest.mark.parametrize(
    ("payload", "kind", "field"),
    [
        ({"quote": "U-S-D"}, InvalidError, "quote"),
        ({"blacklist": ["BTC-USD", "A B"]}, InvalidError, "blacklist[1]"),
        ({"quote": "EUR"}, InvalidError, "quote"), ({"exchange": "binance"}, NotFoundError, "exchange"),
    ],
)  # fmt: skip
async def test_a_scan_that_cannot_be_leaves_nothing_behind(
    payload: dict[str, Any], kind: type[LivermoreError], field: str
) -> None:
    office = Office(MARKETS)
    with pytest.raises(kind) as refused:
        await office.done(payload)
    assert refused.value.where == field
    assert len(office.store.revisions) == 1
    assert await office.scanner.newest(JESSE) is None


async def test_who_has_no_primary_exchange_has_to_name_one() -> None:
    office = Office(MARKETS, {"perseus_profile": {}})
    with pytest.raises(InvalidError) as refused:
        await office.done({})
    assert refused.value.where == "exchange"
    assert (await office.done({"exchange": "coinbase"})).exchange == "coinbase"


async def test_one_revision_says_that_it_was_done_and_the_watchlist_stays() -> None:
    office = Office(MARKETS, {"symbols": ["ETH-USD"]})
    proposal = await office.done({"limit": 1})
    assert (proposal.add, proposal.missing) == (("BTC-USD",), ("ETH-USD",))
    written = office.store.newest
    assert (written.revision, written.author, written.source) == (2, "jesse", "command")
    assert written.reason == "command command 0"
    assert {one["path"] for one in written.diff} == {"scanner_exchange", "scanner_symbols_last_update"}
    document = (await office.settings.current(JESSE)).document
    assert (document.scanner_exchange, document.symbols) == ("coinbase", ("ETH-USD",))
    assert document.scanner_symbols_last_update == proposal.made_at


async def test_what_is_scanned_by_the_hour_is_written_by_the_system() -> None:
    office = Office(MARKETS)
    await office.done({}, source="system")
    assert (office.store.newest.author, office.store.newest.source) == ("livermore", "system")


async def test_a_watchlist_that_changes_during_a_scan_keeps_the_change() -> None:
    office = Office(MARKETS)
    call, _ = await office.command({})
    job = await ScannerCommands(office.scanner, office.settings).scan_symbols(call)
    await office.settings.patch(JESSE, PathPatch(("symbols",), ["BTC-USD"]), BY)
    proposal = await job.work()
    assert proposal.keep == ("BTC-USD",)
    assert (await office.settings.current(JESSE)).document.symbols == ("BTC-USD",)


async def test_the_newest_proposal_is_held_against_the_watchlist_of_today() -> None:
    office = Office(MARKETS)
    await office.done({"limit": 1})
    await office.done({"limit": 2}, source="system")
    with pytest.raises(InvalidError):
        await office.done({"quote": "EUR"})
    await office.settings.patch(JESSE, PathPatch(("symbols",), ["BTC-USD"]), BY)
    newest = await office.scanner.newest(JESSE)
    assert newest is not None
    assert (newest.command_id, newest.author, newest.source) == ("command 1", "livermore", "system")
    assert (newest.proposal.add, newest.proposal.keep) == (("ETH-USD",), ("BTC-USD",))
    assert [one.watched for one in newest.proposal.candidates] == [True, False]


async def test_a_proposal_that_cannot_be_read_any_more_is_none() -> None:
    office = Office(MARKETS)
    await office.done({})
    whose, command = office.journal.kept[0]
    office.journal.kept[0] = type(office.journal.kept[0])(
        whose, msgspec.structs.replace(command, result={"exchange": "coinbase"})
    )
    assert await office.scanner.newest(JESSE) is None
