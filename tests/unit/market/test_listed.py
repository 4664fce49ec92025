"""A listing is what the exchange says now, with what is remembered of before."""

from __future__ import annotations

from msgspec.structs import replace

from livermore.market.listed import (
    REMEMBERED,
    StateChange,
    agreed,
    changes,
    doubt,
    listed,
    turned,
    with_days,
)
from livermore.market.listing import Listing
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


def test_one_that_comes_back_was_away_and_is_otherwise_as_before() -> None:
    before = listed("x", symbols("A", "B"), None, NOW)
    back = listed("x", symbols("A", "B"), listed("x", symbols("A"), before, NOW + 1), NOW + 2)
    was_away = replace(before.symbols["B"], state_since=NOW + 2, state_before="delisted")
    assert back.symbols == {"A": before.symbols["A"], "B": was_away}


def states(of: Listing) -> dict[str, tuple[str, int | None, str | None]]:
    """Return each market's state, since when, and what it was before."""
    return {name: (one.state, one.state_since, one.state_before) for name, one in of.symbols.items()}


def test_a_state_has_its_beginning_and_keeps_it() -> None:
    first = listed("x", symbols("A", "B", "C"), None, NOW)
    halted = listed("x", [*symbols("A"), *symbols("B", trading=False)], first, NOW + 1)
    later = listed("x", [*symbols("A"), *symbols("B", trading=False)], halted, NOW + 2)
    assert states(halted) == states(later)
    assert states(later) == {
        "A": ("trading", None, None),
        "B": ("halted", NOW + 1, "trading"),
        "C": ("delisted", NOW + 1, "trading"),
    }
    again = listed("x", symbols("A", "B"), later, NOW + 3)
    assert states(again)["B"] == ("trading", NOW + 3, "halted")


def test_who_stores_a_state_first_says_when_it_began() -> None:
    first = listed("x", symbols("A", "B"), None, NOW)
    stored = agreed(first, listed("x", symbols("A", trading=False), first, NOW + 10))
    own = listed("x", symbols("A", trading=False), first, NOW + 20)
    assert own.symbols["B"].delisted_at == NOW + 20
    both = agreed(stored, own)
    assert states(both) == {"A": ("halted", NOW + 10, "trading"), "B": ("delisted", NOW + 10, "trading")}
    assert (both.asked_at, both.symbols["B"].delisted_at) == (NOW + 20, NOW + 10)
    # Who has missed a state says when it was over by the listing that shows it.
    missed = agreed(both, listed("x", symbols("A", "B"), first, NOW + 30))
    assert states(missed) == {"A": ("trading", NOW + 30, "halted"), "B": ("trading", NOW + 30, "delisted")}
    seen = listed("x", symbols("A", "B"), own, NOW + 25)
    assert agreed(both, listed("x", symbols("A", "B"), seen, NOW + 30)).symbols["A"].state_since == NOW + 25


def test_of_what_is_not_mentioned_what_is_stored_stays_until_it_is_forgotten() -> None:
    first = listed("x", symbols("A", "B"), None, NOW)
    gone = agreed(first, listed("x", symbols("A"), first, NOW + 1))
    later = agreed(gone, listed("x", symbols("A"), None, NOW + 2))
    assert later.symbols == gone.symbols
    assert agreed(None, first) is first
    assert "B" not in agreed(gone, listed("x", symbols("A"), None, NOW + 1 + REMEMBERED)).symbols


def test_turned_is_what_began_at_another_time_than_was_known() -> None:
    first = listed("x", symbols("A", "B"), None, NOW)
    halted = listed("x", [*symbols("A", "C"), *symbols("B", trading=False)], first, NOW + 1)
    again = listed("x", symbols("A", "B", "C"), halted, NOW + 2)
    assert (turned(None, first), turned(first, first), turned(halted, halted)) == ([], [], [])
    assert [one.name for one in turned(first, halted)] == ["B"]
    assert [(one.name, one.state) for one in turned(first, again)] == [("B", "trading")]
    assert turned(None, again) == [again.symbols["B"]]


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
