"""A watchlist as it stands, and what is said of names that might come onto it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.market.judging import judge
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.plane import MarketPlane
from livermore.market.symbol import Symbol, Ticker
from livermore.market.verdict import Fitness, Judgement
from livermore.market.watchlist import WatchedSymbol, Watchlist
from livermore.settings.document import SettingsDocument
from livermore.settings.service import SettingsService
from livermore.settings.upgrade import read_settings
from tests.unit.settings.standin import JESSE, NINE, MemoryStore

from .office import BEGIN, Office, busy, opened


def listing(exchange: str, *names: str, **states: str) -> Listing:
    """Return a listing of markets in S that are open, except those that are halted or delisted."""
    return Listing(
        exchange=exchange, asked_at=0,
        symbols={
            name: ListedSymbol(
                symbol=Symbol(name=name, base=name, quote="S", trading=states.get(name) != "halted"),
                price=2.5, change_24h_percent=-1.0, quote_volume_24h=1e6, first_seen_at=0,
                delisted_at=5 if states.get(name) == "delisted" else None,
            )
            for name in (*names, *states)
        },
    )  # fmt: skip


class Listings:
    """Know some listings, and write down what is asked."""

    def __init__(self, *known: Listing, unread: Sequence[Listing] = ()) -> None:
        self.in_memory = {one.exchange: one for one in known}
        self.all = self.in_memory | {one.exchange: one for one in unread}
        self.asked: list[tuple[str, list[str]]] = []

    def known(self, exchange: str) -> Listing | None:
        return self.in_memory.get(exchange)

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        return dict.fromkeys(("test", "other"), NINE)

    async def judged(self, exchange: str, inputs: Sequence[str]) -> list[Judgement]:
        self.asked.append((exchange, list(inputs)))
        if exchange not in self.all:
            return [
                Judgement(input=one, exchange=exchange, verdict=Fitness.UNREACHABLE, detail="away")
                for one in inputs
            ]
        return judge(self.all[exchange], inputs)

    async def load(self, exchange: str) -> Listing | None:
        return self.all.get(exchange)


class Holding:
    """Have one document hold."""

    def __init__(self, applied: SettingsDocument | None) -> None:
        self.document, self.at_rest = applied, None if applied else "off"

    def rests(self, scope: Scope) -> Any:
        return self.at_rest

    def applied(self, scope: Scope) -> SettingsDocument | None:
        return self.document


class Case:
    """A watchlist of one user."""

    def __init__(
        self, symbols: Sequence[str], listings: Listings, office: Office | None = None, **more: Any
    ) -> None:
        document = {"version": 2, "perseus_profile": {"primary_exchange": "test"}, "symbols": list(symbols)}
        document |= more
        self.listings = listings
        self.holding = Holding(None if office is None else read_settings(document))
        clock = ManualClock(0) if office is None else office.clock
        plane = MarketPlane({} if office is None else {"test": office.desk}, clock)
        self.watchlist = Watchlist(
            SettingsService(MemoryStore(document)), listings, listings, plane, self.holding
        )

    async def states(self) -> dict[str, str]:
        return {row.symbol: row.state for row in await self.watchlist.rows(JESSE)}

    async def verdicts(self, *inputs: str, exchange: str | None = None) -> list[str]:
        found = await self.watchlist.validated(JESSE, inputs, exchange)
        assert [one.input for one in found] == list(inputs)
        return [one.verdict for one in found]


async def test_every_state_of_a_symbol_is_told_by_its_cause() -> None:
    known = listing("test", "S0", "S1", "NEW", "OFF", STOPPED="halted", GONE="delisted", OLD="delisted")
    names = ["S0", "S1", "NEW", "OFF", "STOPPED", "GONE", "OLD", "NONE", "other:S0"]
    async with opened(busy(symbols=2)) as office:
        await office.until(BEGIN + 0.1)
        case = Case(names, Listings(known), office, disabled_symbols=["OFF", "OLD"])
        office.desk.loaded.discard("S1")
        assert await case.states() == {
            "S0": "off",  # the last one of that name: the other exchange has no desk
            "S1": "loading", "NEW": "loading", "OFF": "disabled", "STOPPED": "halted", "GONE": "delisted",
            "OLD": "disabled", "NONE": "unlisted",
        }  # fmt: skip
        (first, *_) = await case.watchlist.rows(JESSE)
        assert first.state == "live"
        office.desk.state = "disconnected"
        assert (await case.states())["S1"] == "disconnected"
        case.holding.at_rest = "paused"
        paused = await case.states()
        assert {paused["S1"], paused["STOPPED"]} == {"paused"}
        assert (paused["GONE"], paused["NONE"]) == ("delisted", "unlisted")
        case.holding.at_rest, case.holding.document = None, read_settings({})
        assert (await case.states())["S1"] == "loading", "stored, and not applied yet"


async def test_a_row_tells_what_streams_and_else_what_was_listed() -> None:
    known = listing("test", "S0", "S1")
    async with opened(busy(symbols=2)) as office:
        await office.until(BEGIN + 2.1)
        office.desk.feed.tickers = {"S0": Ticker(symbol="S0", price=7.0, time=0, open_24h=3.5)}
        first, second = await Case(["S0", "S1"], Listings(known), office).watchlist.rows(JESSE)
        assert first == WatchedSymbol(
            symbol="S0", exchange="test", base="S0", quote="S", enabled=True, state="live", price=7.0,
            change_24h_percent=100.0, quote_volume_24h=1e6, last_candle_age_ms=first.last_candle_age_ms,
        )  # fmt: skip
        assert 0 <= (first.last_candle_age_ms or -1) < 120_000
        assert (second.price, second.change_24h_percent) == (2.5, -1.0)


async def test_where_nothing_runs_the_rows_are_those_of_the_database() -> None:
    """Also what no listing was ever stored of is told."""
    stored = Listings(unread=[listing("test", "S0")])
    rows = await Case(["S0", "other:X"], stored).watchlist.rows(JESSE)
    assert [(row.symbol, row.state, row.base, row.price) for row in rows] == [
        ("S0", "off", "S0", 2.5), ("X", "off", None, None),
    ]  # fmt: skip
    assert stored.asked == []


async def test_a_plain_name_of_no_exchange_is_shown_and_watched_by_nobody() -> None:
    async with opened(busy(symbols=1)) as office:
        case = Case(["S0"], Listings(), office, perseus_profile={})
        (row,) = await case.watchlist.rows(JESSE)
    assert (row.exchange, row.symbol, row.state) == (None, "S0", "off")


async def test_only_what_is_not_watched_is_asked_about() -> None:
    case = Case(["S0", "S1", "other:X"], Listings(listing("test", "S0", "S1", "S2")), disabled_symbols=["S1"])
    assert await case.verdicts("S0", "s1", "other:x", "OTHER:X") == ["duplicate"] * 4
    assert case.listings.asked == []
    assert await case.verdicts("S2", "s0", "S9", "s2", "test:S2") == [
        "ok", "duplicate", "unknown", "duplicate", "duplicate",
    ]  # fmt: skip
    assert case.listings.asked == [("test", ["S2", "S9", "s2", "S2"])]


async def test_each_way_not_to_be_watched_has_a_verdict_of_its_own() -> None:
    known = listing("test", "S0", STOPPED="halted", GONE="delisted")
    case = Case([], Listings(known))
    given = ["S0", "STOPPED", "gone", "nope", "nowhere:S0", "other:S0", "", "S" * 10_000, "S0"]
    assert await case.verdicts(*given) == [
        "ok", "halted", "delisted", "unknown", "unknown", "unreachable", "unknown", "unknown", "duplicate",
    ]  # fmt: skip
    (stranger,) = await case.watchlist.validated(JESSE, ["nowhere:S0"])
    assert "known are other, test" in (stranger.detail or "")


async def test_what_is_watched_under_another_name_is_known_when_the_exchange_has_told() -> None:
    case = Case(["other:S0"], Listings(unread=[listing("other", "S0", "S1")]))
    found = await case.watchlist.validated(JESSE, ["s0/s", "other:S0/S"], "other")
    assert [(one.verdict, one.symbol) for one in found] == [("duplicate", "S0")] * 2
    assert "on the watchlist already" in (found[0].detail or "")


@pytest.mark.parametrize("watched", [["S0"], ["ALIAS"], ["other:S0", "ALIAS", "S1"]])
async def test_either_name_of_an_order_book_is_a_duplicate_of_the_other(watched: list[str]) -> None:
    markets = dict(listing("test", "S0", "S1").symbols)
    alias = Symbol(name="ALIAS", base="S0", quote="T", alias="S0")
    markets["ALIAS"] = ListedSymbol(symbol=alias, first_seen_at=0)
    known = Listing(exchange="test", asked_at=0, symbols=markets)
    case = Case(watched, Listings(known), disabled_symbols=watched[-1:])
    given = ["S0", "alias", "test:ALIAS", "s0/t"]
    assert await case.verdicts(*given) == ["duplicate"] * 4
    first, *_ = await case.watchlist.validated(JESSE, given)
    line = "S0" if watched == ["S0"] else "ALIAS"
    assert f"{line} is on the watchlist already" in (first.detail or "")
    assert ("ALIAS shares the order book of S0" in (first.detail or "")) == (line == "ALIAS")


async def test_no_exchange_is_ever_guessed() -> None:
    case = Case(["other:S0"], Listings(), perseus_profile={})
    with pytest.raises(InvalidError) as refused:
        await case.watchlist.validated(JESSE, ["other:S1", "S1"])
    assert refused.value.where == "exchange"
    with pytest.raises(NotFoundError, match="known are other, test") as unknown:
        await case.watchlist.validated(JESSE, ["other:S1"], "nowhere")
    assert unknown.value.where == "exchange"


async def test_each_of_five_hundred_names_has_its_verdict() -> None:
    names = [f"N{number}" for number in range(500)]
    case = Case(names[:250], Listings(listing("test", *names)))
    assert await case.verdicts(*names) == ["duplicate"] * 250 + ["ok"] * 250
    assert case.listings.asked == [("test", names[250:])]
