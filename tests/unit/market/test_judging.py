"""Each input gets one verdict, in order, whatever it is; the words say what was resolved, or what to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.errors import BlockedError, RateLimitedError
from livermore.market.judging import SUGGESTED, denies, excused, judge, reserved, sharing
from livermore.market.verdict import Fitness

from .listed import NOW, listing, market

MADE = listing(
    market("BTC", rank=1), market("BTC", "USDC", alias="BTC-USD"),
    market("ETH", trading=False, status="auction"), market("OLD", delisted_at=NOW - 86_400_000),
    market("BTCB", rank=2),
)  # fmt: skip


def judged(*inputs: str) -> list[tuple[str | None, Fitness]]:
    """Return what was meant, and the verdict."""
    return [(one.symbol, one.verdict) for one in judge(MADE, inputs)]


def test_every_verdict_of_a_listing() -> None:
    assert judged("BTC-USD", "eth/usd", "OLD-USD", "NOPE", "btcusd") == [
        ("BTC-USD", Fitness.OK), ("ETH-USD", Fitness.HALTED), ("OLD-USD", Fitness.DELISTED),
        (None, Fitness.UNKNOWN), ("BTC-USD", Fitness.DUPLICATE),
    ]  # fmt: skip
    words = [
        one.detail for one in judge(MADE, ["BTC-USD", "eth/usd", "OLD-USD", "NOPE", "btcusd", "BTC-USDX"])
    ]
    assert words == [
        None, "coinbase has halted trading of ETH-USD (auction)",
        "coinbase lists OLD-USD no more since 2025-06-14T15:06:40.000Z", "coinbase does not list it",
        "it is BTC-USD, which stands there already as BTC-USD",
        "coinbase does not list it; did you mean BTC-USD?",
    ]  # fmt: skip


def test_what_was_resolved_is_said() -> None:
    alias, joint = judge(MADE, ["BTC-USDC"])[0], judge(MADE, [" btcb/usd "])[0]
    assert (alias.symbol, alias.verdict) == ("BTC-USD", Fitness.OK)
    assert "shares the order book" in (alias.detail or "")
    assert (joint.symbol, joint.detail) == ("BTCB-USD", "it is BTCB-USD at coinbase")


def test_one_that_cannot_be_watched_is_a_duplicate_too_the_second_time() -> None:
    assert judged("ETH-USD", "ETH-USD") == [("ETH-USD", Fitness.HALTED), ("ETH-USD", Fitness.DUPLICATE)]


def test_only_the_first_unknown_ones_are_told_what_was_meant() -> None:
    told = judge(MADE, [f"BTC-US{number}" for number in range(SUGGESTED + 10)])
    assert sum("did you mean" in (one.detail or "") for one in told) == SUGGESTED


def test_what_is_said_does_not_grow_with_what_is_asked() -> None:
    told = judge(MADE, ["x" * 1_000_000, " " * 1_000_000 + "BTC-USD", "BTC-USD"])
    assert [one.verdict for one in told] == [Fitness.UNKNOWN, Fitness.OK, Fitness.DUPLICATE]
    assert all(len(one.detail or "") < 200 for one in told)


@given(st.lists(st.one_of(st.text(), st.sampled_from(sorted(MADE.symbols))), max_size=12))
def test_it_is_total_and_keeps_the_order(inputs: list[str]) -> None:
    told = judge(MADE, inputs)
    assert [one.input for one in told] == inputs
    fit = [one.symbol for one in told if one.verdict is Fitness.OK]
    assert len(fit) == len(set(fit))
    assert all((one.symbol is None) == (one.verdict is Fitness.UNKNOWN) for one in told)
    assert denies(told) == any(one.verdict not in (Fitness.OK, Fitness.DUPLICATE) for one in told)


def test_an_exchange_that_says_nothing_is_not_one_that_says_no() -> None:
    busy, blocked = RateLimitedError("slow down", hint="wait"), BlockedError("not here")
    assert [one.verdict for one in excused("x", ["A", "B"], busy)] == [Fitness.UNREACHABLE] * 2
    assert excused("x", ["A"], busy)[0].detail == "x cannot be asked: slow down (wait)"
    told = judge(MADE, ["BTC-USD", "NOPE", "BTC-USD"])
    assert [one.verdict for one in reserved(told, MADE, busy, NOW)] == [
        Fitness.OK, Fitness.UNREACHABLE, Fitness.DUPLICATE,
    ]  # fmt: skip
    assert [one.verdict for one in reserved(told, MADE, blocked, NOW)] == [
        Fitness.BLOCKED, Fitness.BLOCKED, Fitness.DUPLICATE,
    ]  # fmt: skip


def test_which_markets_share_the_order_book_of_another_is_said_by_the_listing() -> None:
    gone = market("ETC", "USDC", alias="ETC-USD"), market("ETC", delisted_at=NOW)
    known = listing(*MADE.symbols.values(), *gone)
    assert sharing(known, ["BTC-USDC", "BTC-USD", "NOPE", "ETC-USDC"]) == {"BTC-USDC": "BTC-USD"}
