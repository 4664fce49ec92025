"""The drafts of a watchlist: whatever is done to it, in whatever order, it stays whole and in order."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import Draft, Drafting, settled
from livermore.settings.forms import Qualified, qualify
from livermore.settings.upgrade import read_settings
from livermore.settings.watchlist import Adding, Entry, Removing, Switching, entries_of, written
from tests.unit.settings.standin import JESSE

EXCHANGES = ("coinbase", "binance")
NAMES = [Qualified(exchange, symbol) for exchange in EXCHANGES for symbol in ("BTC-USD", "BTCUSDT", "x:Y")]


def document(
    symbols: Sequence[str], off: Sequence[str] = (), primary: str | None = "coinbase"
) -> SettingsDocument:
    return read_settings(
        {
            "version": 2,
            "perseus_profile": {"primary_exchange": primary} if primary else {},
            "symbols": list(symbols),
            "disabled_symbols": list(off),
        }
    )


def after(before: SettingsDocument, drafting: Drafting) -> SettingsDocument:
    """Return what a draft becomes when it is stored."""
    return settled(before, drafting(before), JESSE)


@st.composite
def documents(draw: st.DrawFn) -> SettingsDocument:
    """Return documents that write symbols in either form, some of them switched off."""
    primary = draw(st.sampled_from((*EXCHANGES, None)))
    chosen = draw(st.lists(st.sampled_from(NAMES), unique=True))

    def form(name: Qualified) -> str:
        full = f"{name.exchange}:{name.symbol}"
        return draw(st.sampled_from((full, written(name, primary))))

    off = [name for name in chosen if draw(st.booleans())]
    return document([form(one) for one in chosen], [form(one) for one in off], primary)


def test_entries_tell_the_whole_watchlist_in_its_order() -> None:
    listed = document(["ETH-USD", "binance:BTCUSDT", "coinbase:BTC-USD"], ["coinbase:ETH-USD"])
    assert entries_of(listed) == (
        Entry("ETH-USD", Qualified("coinbase", "ETH-USD"), enabled=False),
        Entry("binance:BTCUSDT", Qualified("binance", "BTCUSDT"), enabled=True),
        Entry("coinbase:BTC-USD", Qualified("coinbase", "BTC-USD"), enabled=True),
    )


@given(st.sampled_from(NAMES), st.sampled_from((*EXCHANGES, None)))
def test_what_is_written_is_read_as_it_was_meant(name: Qualified, primary: str | None) -> None:
    assert qualify(written(name, primary), primary) == name
    plain = name.exchange == primary and name.symbol != "x:Y"
    assert (":" in written(name, primary)) is not plain


@given(documents(), st.lists(st.sampled_from(NAMES)))
def test_adding_appends_what_was_not_there_and_nothing_twice(
    before: SettingsDocument, names: list[Qualified]
) -> None:
    adding = Adding(names)
    changed = after(before, adding)
    known = [entry.name for entry in entries_of(before)]
    new = [name for name in dict.fromkeys(names) if name not in known]
    assert [entry.name for entry in entries_of(changed)] == known + new
    assert adding.added == tuple(new)
    assert changed.symbols[: len(known)] == before.symbols
    assert changed.disabled_symbols == before.disabled_symbols


@given(documents(), st.sampled_from(NAMES))
def test_removing_what_was_added_leaves_all_as_it_was(before: SettingsDocument, name: Qualified) -> None:
    adding, removing = Adding([name]), Removing(name)
    more = after(before, adding)
    if adding.added:
        assert after(more, removing) == before
        assert removing.found


@given(documents(), st.sampled_from(NAMES))
def test_removing_takes_one_symbol_off_both_lists_and_no_other(
    before: SettingsDocument, name: Qualified
) -> None:
    removing = Removing(name)
    changed = after(before, removing)
    assert entries_of(changed) == tuple(entry for entry in entries_of(before) if entry.name != name)
    assert removing.found is any(entry.name == name for entry in entries_of(before))


@given(documents(), st.sampled_from(NAMES), st.booleans())
def test_switching_changes_one_symbol_and_back_again_all_is_as_before(
    before: SettingsDocument, name: Qualified, enabled: bool
) -> None:
    switching = Switching(name, enabled)
    changed = after(before, switching)
    assert entries_of(changed) == tuple(
        entry._replace(enabled=enabled) if entry.name == name else entry for entry in entries_of(before)
    )
    was = {entry.enabled for entry in entries_of(before) if entry.name == name}
    assert switching.found is bool(was)
    if was in (set(), {enabled}):
        assert changed == before
    else:
        assert entries_of(after(changed, Switching(name, not enabled))) == entries_of(before)


def test_a_changed_primary_exchange_changes_what_is_written_and_not_what_is_meant() -> None:
    before = document(["BTC-USD", "binance:BTCUSDT"], ["BTC-USD"])
    profile = {"perseus_profile": {"primary_exchange": "binance"}}
    moved = after(before, lambda one: Draft(one.plain() | profile))
    assert moved.symbols == ("coinbase:BTC-USD", "binance:BTCUSDT")
    for name in (Qualified("coinbase", "BTC-USD"), Qualified("binance", "BTCUSDT")):
        adding = Adding([name])
        assert after(moved, adding) == moved
        assert adding.added == ()
    added = after(moved, Adding([Qualified("binance", "ETHUSDT"), Qualified("coinbase", "ETH-USD")]))
    assert added.symbols[2:] == ("ETHUSDT", "coinbase:ETH-USD")
    removed = after(added, Removing(Qualified("coinbase", "BTC-USD")))
    assert removed.symbols == ("binance:BTCUSDT", "ETHUSDT", "coinbase:ETH-USD")
    assert removed.disabled_symbols == ()


@pytest.mark.parametrize("symbol", ["BTC-USD", "btc"])
def test_a_plain_name_without_a_primary_exchange_can_be_removed(symbol: str) -> None:
    before = document([symbol, "binance:BTCUSDT"], primary=None)
    assert after(before, Removing(Qualified(None, symbol))).symbols == ("binance:BTCUSDT",)
