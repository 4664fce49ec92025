"""What is foreseen of a change is what then happens on a real floor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from livermore.kernel.errors import ExchangeRefusedError, ExchangeUnreachableError
from livermore.kernel.scope import Scope
from livermore.market.plan import MarketForesight
from livermore.market.ports import Exchange
from livermore.runtime.plan import RuntimeForesight
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Effect, Outlook
from livermore.signals.rules import RuleState
from tests.unit.market.exchange import TapeExchange

from .hall import Hall, User, opened

JESSE = Scope(user_id=1, identity_sub="user 1")
OF_A_SESSION = 2  # the listing and the time
FEW = 10  # buckets: a repair reads no more


class Seer:
    """Foresee changes of a user's settings in a hall."""

    def __init__(self, hall: Hall, user: User) -> None:
        self.hall, self.user = hall, user
        self.idle: str | None = None
        self.asked: list[str] = []
        self.closed: list[TapeExchange] = []
        self.refusing: Exception | None = None
        self.off = False
        market = MarketForesight(hall.store, self.adapter, hall.clock)
        self.foresight = RuntimeForesight(JESSE, hall.floor, user.watch, market, lambda: self.idle)

    async def adapter(self, name: str) -> Exchange | None:
        self.asked.append(name)
        if self.refusing is not None:
            raise self.refusing
        self.closed.append(TapeExchange(self.hall.tape, self.hall.clock))
        return None if self.off else self.closed[-1]

    async def foresee(self, *symbols: str, **more: Any) -> Outlook:
        before = self.user.document() if self.user.watch.current is None else self.user.watch.current.document
        return await self.foresight.outlook(JESSE, before, self.user.document(*symbols, **more))


def loads(exchange: TapeExchange, since: int = 0) -> list[tuple[str, int]]:
    """Return what was read to load symbols: which, and how many buckets."""
    asked = [(symbol, (end - start) // length.milliseconds) for symbol, length, start, end in exchange.asked]
    return sorted((symbol, buckets) for symbol, buckets in asked[since:] if buckets > FEW)


def said(effects: Iterable[Effect], *kinds: str) -> set[tuple[str, str]]:
    return {(one.kind, one.target) for one in effects if not kinds or one.kind in kinds}


def of(symbol: str, *kinds: str) -> set[tuple[str, str]]:
    return {(kind, f"test:{symbol}") for kind in kinds}


BEGINS = ("subscribe", "load", "compute", "arm")


async def test_the_first_symbols_open_a_connection_and_cost_what_is_then_asked() -> None:
    async with opened() as hall:
        user = User(hall)
        seer = Seer(hall, user)
        seen = await seer.foresee("S0", "S1")
        assert said(seen.effects) == {("connect", "test"), *of("S0", *BEGINS), *of("S1", *BEGINS)}
        assert [one.closed for one in seer.closed] == [True]
        assert hall.floor.posts == {}
        await user.choose("S0", "S1")
        await hall.until(60.5)
        assert loads(hall.exchanges[0]) == [("S0", 450), ("S0", 450), ("S1", 450), ("S1", 450)]
        assert seen.cost.requests == 4 + 2 + OF_A_SESSION


async def test_a_symbol_more_and_one_less_are_subscribed_and_let_go() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "S1")
        await hall.until(80)
        exchange, before = hall.exchanges[0], len(hall.exchanges[0].asked)
        seen = await Seer(hall, user).foresee("S1", "S2")
        assert said(seen.effects) == {*of("S0", "unsubscribe", "disarm"), *of("S2", *BEGINS)}
        await user.choose("S1", "S2")
        await hall.until(80.5)
        assert exchange.unsubscribed == [["S0"]]
        assert exchange.subscribed[1:] == [["S2"]]
        assert loads(exchange, before) == [("S2", 450), ("S2", 450)]
        assert seen.cost.requests == 2 + 1
        await user.said()
        assert {series.symbol for series in user.books.states} == {"S1", "S2"}


async def test_nothing_is_foreseen_to_be_done_sooner_than_the_last_symbols_were() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "S1")
        await hall.until(80)
        pace = hall.floor.posts["test"].desk.loading.pace
        pace.took(60.0 - 2 * pace.forecast(1))  # 20 s each, with the two that were loaded
        assert (await Seer(hall, user).foresee("S0", "S1", "S2")).cost.seconds == 20.0
        assert (await Seer(hall, user).foresee("S0", "S1")).cost.seconds == 0.0
        await user.choose("S0")
        await user.choose("S0", "S1")
        await hall.until(100)
        assert pace.forecast(1) == 20.0  # one that was stored is no measure


async def test_a_symbol_that_comes_back_reads_only_what_it_missed_and_is_armed_again() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "S1")
        await hall.until(80)
        await user.choose("S0")
        await hall.until(100)
        seen = await Seer(hall, user).foresee("S0", "S1")
        (load,) = (one for one in seen.effects if one.kind == "load")
        assert load.detail == "20 candles of 1m"
        (compute,) = (one for one in seen.effects if one.kind == "compute")
        assert compute.detail == "MACD-V goes on from its checkpoints"
        assert ("arm", "test:S1") in said(seen.effects)
        before = len(hall.exchanges[0].asked)
        await user.choose("S0", "S1")
        assert {state.state for series, state in user.books.states.items() if series.symbol == "S1"} <= {
            RuleState().freeze()
        }
        await hall.until(100.5)
        assert loads(hall.exchanges[0], before) == [("S1", 20)]
        assert seen.cost.requests == 1 + 1


async def test_one_more_timeframe_opens_the_post_anew_and_loads_what_is_new() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "S1")
        await hall.until(80)
        seen = await Seer(hall, user).foresee("S0", "S1", timeframes=("1m", "5m", "15m"))
        assert said(seen.effects) == {
            ("reconnect", "test"), ("arm", "15m"), *of("S0", "load", "compute"), *of("S1", "load", "compute"),
        }  # fmt: skip
        await user.choose("S0", "S1", timeframes=("1m", "5m", "15m"))
        await hall.until(81)
        assert [one.closed for one in hall.exchanges] == [True, False]
        computed = [one.detail for one in seen.effects if one.kind == "compute"]
        assert computed == ["MACD-V begins anew on 15m"] * 2


async def test_what_another_user_watches_stays() -> None:
    async with opened() as hall:
        first, second = User(hall, 1), User(hall, 2)
        await first.choose("S0", "S1")
        await second.choose("S0")
        await hall.until(80)
        seen = await Seer(hall, first).foresee()
        assert said(seen.effects, "unsubscribe", "disconnect") == of("S1", "unsubscribe")
        alone = await Seer(hall, second).foresee("S1")
        assert said(alone.effects) == {*of("S0", "disarm"), *of("S1", "arm")}
        assert alone.cost.requests == 0
        await first.choose()
        assert hall.desk.symbols == ["S0"]


async def test_the_last_symbol_closes_the_connection() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        seen = await Seer(hall, user).foresee()
        assert said(seen.effects) == {("disconnect", "test"), *of("S0", "unsubscribe", "disarm")}
        await user.choose()
        assert hall.exchanges[0].closed


async def test_rules_channels_and_hours_are_named() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        seen = await Seer(hall, user).foresee(
            "S0",
            alerts={
                "levels": [100], "cooldown_seconds": 0, "enabled": False, "low_confidence": True,
                "quiet_hours": {"from": "22:00", "to": "07:00"},
                "routes": [{"channel": "webhook", "url_environment_variable": "HOOK"}],
            },
        )  # fmt: skip
        assert said(seen.effects) == {
            ("rules", "alerts.levels"), ("alerts", "alerts.enabled"), ("alerts", "alerts.low_confidence"),
            ("alerts", "alerts.quiet_hours"), ("channel", "webhook"),
        }  # fmt: skip
        told = {one.target: one.detail for one in seen.effects}
        assert told["alerts.quiet_hours"] == "new alerts are held from 22:00 to 07:00 UTC"
        assert seen.cost.requests == 0


async def test_a_mode_that_judges_less_disarms_what_it_leaves() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", timeframes=("1m", "1h"))
        await hall.until(80)
        seen = await Seer(hall, user).foresee(
            "S0", timeframes=("1m", "1h"), livermore_runtime={"mode": "position-monitor"}
        )
        assert said(seen.effects) == {("disarm", "1m")}


async def test_what_cannot_be_watched_is_a_warning() -> None:
    async with opened() as hall:
        user = User(hall)
        seer = Seer(hall, user)
        seer.refusing = ExchangeRefusedError("nobody is let in", hint="ask them")
        (warning,) = (await seer.foresee("S0")).warnings
        assert warning.message == "test cannot be watched now: nobody is let in"
        seer.refusing, seer.off = None, True
        (warning,) = (await seer.foresee("S0")).warnings
        assert warning.hint == "switch it on with: livermore exchanges edit test --active"


async def test_an_exchange_is_not_asked_about_a_change_that_is_none_of_its_own() -> None:
    async with opened() as hall:
        hall.off.add("away")
        user, neighbour = User(hall), User(hall, 2)
        await user.choose("S0", "away:A0")
        await neighbour.choose("away:A1")
        await hall.until(80)
        seer = Seer(hall, user)
        for symbols in (("S0", "S1", "away:A0"), ("away:A0",), ("away:A0", "S0")):
            seen = await seer.foresee(*symbols)
            assert {one.target.partition(":")[0] for one in seen.effects} <= {"test"}
            assert (seen.warnings, seer.asked) == ((), [])
        await seer.foresee("S0", "away:A0", "away:A2")
        assert seer.asked == ["away"]
        await seer.foresee("S0", "away:A0", timeframes=("1m", "5m", "15m"))
        assert seer.asked == ["away"] * 2


async def test_an_exchange_that_is_away_is_foreseen_for_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened() as hall:
        seer = Seer(hall, User(hall))
        monkeypatch.setattr(TapeExchange, "_answer", _away)
        seen = await seer.foresee("S0")
        assert [one.message for one in seen.warnings] == ["test cannot be watched now: REST is away"]
        assert ("load", "test:S0") in said(seen.effects)
        assert [one.closed for one in seer.closed] == [True]


def _away(_: TapeExchange) -> None:
    raise ExchangeUnreachableError("REST is away")


async def test_where_nothing_is_watched_just_now_nothing_happens() -> None:
    async with opened() as hall:
        seer = Seer(hall, User(hall))
        seer.idle = "the runtime is paused"
        assert said((await seer.foresee("S0")).effects) == {("wait", "runtime")}
        seer.idle = None
        other = Scope(user_id=9, identity_sub="nine")
        seen = await seer.foresight.outlook(other, SettingsDocument(), seer.user.document("S0"))
        assert [one.detail for one in seen.effects] == ["nothing runs here for this user"]
        assert await seer.foresight.outlook(JESSE, SettingsDocument(), SettingsDocument()) == Outlook()
