"""A listing is what the exchange says now, with what is remembered of before."""

from __future__ import annotations

from livermore.market.listed import REMEMBERED, StateChange, changes, doubt, listed, with_days
from livermore.market.symbol import Symbol, Ticker

from .listed import NOW, listing, market

DAY = 86_400_000


def symbols(*names: str, trading: bool = True) -> list[Symbol]:
    """Make markets."""
    return [Symbol(name=name, base=name[0], quote="USD", trading=trading) for name in names]


def test_what_was_known_of_a_market_stays_with_it() -> None:
    before = with_days(listed("x", symbols("A", "B"), None, NOW), [Ticker(symbol="A", price=2.0, time=NOW)])
    after = listed("x", symbols("A", trading=False), before, NOW + DAY)
    assert (after.asked_at, after.symbols["A"].first_seen_at, after.symbols["A"].price) == (
        NOW + DAY,
        NOW,
        2.0,
    )
    assert [one.state for one in after.symbols.values()] == ["halted", "delisted"]
    assert after.symbols["B"].delisted_at == NOW + DAY


def test_one_that_is_gone_keeps_its_day_and_is_forgotten_after_a_year() -> None:
    before = listed("x", symbols("A", "B"), None, NOW)
    gone = listed("x", symbols("A"), before, NOW + DAY)
    later = listed("x", symbols("A"), gone, NOW + DAY + REMEMBERED - 1)
    assert later.symbols["B"].delisted_at == NOW + DAY
    assert "B" not in listed("x", symbols("A"), later, NOW + DAY + REMEMBERED).symbols


def test_one_that_comes_back_is_as_if_it_had_never_gone() -> None:
    before = listed("x", symbols("A", "B"), None, NOW)
    back = listed("x", symbols("A", "B"), listed("x", symbols("A"), before, NOW + 1), NOW + 2)
    assert back.symbols == before.symbols


def test_a_market_without_a_day_has_no_numbers_that_would_be_old() -> None:
    made = listing(market("A", price=5.0, rank=1, change_24h_percent=1.0))
    found = with_days(made, []).symbols["A-USD"]
    assert (found.price, found.change_24h_percent, found.quote_volume_24h, found.rank) == (None,) * 4


def test_changes_name_what_was_known_and_is_otherwise_now() -> None:
    before = listed("x", symbols("A", "B", "C"), None, NOW)
    after = listed("x", [*symbols("A", "D"), *symbols("B", trading=False)], before, NOW + 1)
    assert changes(None, before) == []
    assert changes(before, before) == []
    assert changes(before, after) == [
        StateChange("B", "halted", "trading"), StateChange("C", "delisted", "trading")
    ]  # fmt: skip


def test_nothing_and_the_loss_of_more_than_half_are_doubted() -> None:
    known = listed("x", symbols("A", "B", "C", "D"), None, NOW)
    assert doubt(None, symbols("A")) is None
    assert doubt(None, []) == doubt(known, []) == "it says that it lists nothing"
    assert doubt(known, symbols("A", "B")) is None
    assert doubt(known, symbols("A", "X", "Y", "Z")) == "it says that 3 of its 4 markets are gone at once"
    smaller = listed("x", symbols("A", "B"), known, NOW + 1)
    assert doubt(smaller, symbols("B")) is None
