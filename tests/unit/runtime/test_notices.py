"""Users are told of the markets that they watch, each once, whatever comes in between."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import NewerFormatError, NotFoundError, StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.market.listing import ListedSymbol, MarketState
from livermore.market.symbol import Symbol
from livermore.runtime.notices import LATELY, LOOK, MarketNotices
from livermore.settings.ports import Revision, StoredRevision
from livermore.settings.service import Current
from livermore.settings.upgrade import read_settings
from livermore.signals.alert import Alert

NOON = 1_750_000_000_000
HOUR = 3_600_000
PAGE = 2  # revisions at once


def market(name: str, state: MarketState, before: MarketState, since: int = NOON) -> ListedSymbol:
    """Make a market that is in a state since a time."""
    symbol = Symbol(name=name, base=name, quote="USD", trading=state != "halted")
    gone = since if state == "delisted" else None
    return ListedSymbol(
        symbol=symbol, first_seen_at=0, delisted_at=gone, state_since=since, state_before=before
    )


HALTED = market("BTC-USD", "halted", "trading")
GONE = market("ETH-USD", "delisted", "trading")


def chosen(*symbols: str, **more: Any) -> dict[str, Any]:
    """Make settings that watch some symbols."""
    profile = {"primary_exchange": "coinbase"}
    return {"version": 2, "perseus_profile": profile, "symbols": list(symbols), **more}


def current(*symbols: str, at: int = 0, **more: Any) -> Current:
    """Make a revision of the settings that watches some symbols from a time on."""
    document = read_settings(chosen(*symbols, **more))
    return Current(document=document, revision=1, updated_at=rfc3339(at), warnings=())


class Running:
    """What is asked of a runtime."""

    def __init__(self, user: int, now: Current | None) -> None:
        self.scope = Scope(user_id=user, identity_sub=f"user{user}")
        self.current = now
        self.pausing: Any = None
        self.parts: Any = None
        self.idle: str | None = None

    def idles(self) -> str | None:
        return self.idle


class House:
    """Users with their outboxes in memory."""

    def __init__(self, *runtimes: Running) -> None:
        self.runtimes = list(runtimes)
        self.stored: dict[int, Current | Exception] = {}
        self.outboxes: dict[int, dict[str, Alert]] = {}
        self.failing: set[int] = set()
        self.revisions: list[tuple[int, dict[str, Any]]] = []
        self.markets: list[ListedSymbol] = []
        self.notices = MarketNotices(self.hosted, self, self, self.work, ManualClock(NOON))  # type: ignore[arg-type]

    def hosted(self) -> list[Running]:
        return self.runtimes

    async def current(self, scope: Scope) -> Current:
        found = self.stored[scope.user_id]
        if isinstance(found, Exception):
            raise found
        return found

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        rows = [
            Revision(revision=number, author="", source="api", reason=None, created_at=rfc3339(at), diff=[])
            for number, (at, _) in enumerate(self.revisions, start=1)
            if before is None or number < before
        ]
        return rows[::-1][:PAGE]

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        row = (await self.history(scope, before=number + 1))[0]
        return StoredRevision(**structs.asdict(row), document=self.revisions[number - 1][1])

    async def turned_since(self, exchange: str, moment: int) -> list[ListedSymbol]:
        found = self.markets if exchange == "coinbase" else []
        return [one for one in found if (one.state_since or 0) >= moment]

    def work(self, scope: Scope) -> Any:
        return Work(self, scope.user_id)

    def texts(self, user: int) -> list[str]:
        """Return what a user is told."""
        return [alert.payload["text"] for alert in self.outboxes.get(user, {}).values()]


class Work:
    """One transaction over an outbox."""

    def __init__(self, house: House, user: int) -> None:
        self.house, self.user = house, user
        self.alerts = self

    async def __aenter__(self) -> Work:
        if self.user in self.house.failing:
            raise StorageUnavailableError
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def add(self, alerts: list[Alert]) -> list[Alert]:
        outbox = self.house.outboxes.setdefault(self.user, {})
        return [alert for alert in alerts if outbox.setdefault(alert.id, alert) is alert]


async def test_each_user_is_told_of_what_that_user_watches() -> None:
    off = current("BTC-USD", disabled_symbols=["BTC-USD"])
    house = House(
        Running(1, current("BTC-USD", "ETH-USD")), Running(2, current("ETH-USD", "binance:BTC-USD")),
        Running(3, current("SOL-USD")), Running(4, off),
    )  # fmt: skip
    await house.notices.tell("coinbase", [HALTED, GONE])
    gone = "coinbase lists ETH-USD no more: it rests, with its history, until it is listed again"
    assert house.texts(1) == ["coinbase has halted trading of BTC-USD", gone]
    assert house.texts(2) == [gone]
    assert house.outboxes.keys() == {1, 2}


@pytest.mark.parametrize(
    ("turned", "text"),
    [
        (market("X", "trading", "halted"), "coinbase goes on with trading of X"),
        (market("X", "trading", "delisted"), "coinbase lists X again"),
        (market("X", "halted", "delisted"), "coinbase lists X again, and has halted its trading"),
        (market("X", "delisted", "halted"), "coinbase lists X no more: it rests"),
    ],
)
async def test_every_change_has_its_words(turned: ListedSymbol, text: str) -> None:
    house = House(Running(1, current("X")))
    await house.notices.tell("coinbase", [turned])
    (told,) = house.texts(1)
    assert told.startswith(text)


async def test_what_is_stored_is_sent_at_once() -> None:
    house, woken = House(Running(1, current("X")), Running(2, current("Y"))), list[int]()
    for runtime in house.runtimes:
        told = partial(woken.append, runtime.scope.user_id)
        runtime.parts = SimpleNamespace(watch=SimpleNamespace(told=told))
    await house.notices.tell("coinbase", [market("X", "halted", "trading")])
    assert woken == [1]


async def test_what_is_told_again_is_stored_once_and_what_happens_again_is_told_again() -> None:
    house = House(Running(1, current("BTC-USD")))
    for since in (NOON, NOON, NOON + 600_000):
        await house.notices.tell("coinbase", [market("BTC-USD", "halted", "trading", since)])
    assert len(house.texts(1)) == 2


@pytest.mark.parametrize("user", [1, 2])
async def test_where_it_cannot_be_stored_for_one_it_is_told_again_to_all_and_reaches_each_once(
    user: int,
) -> None:
    house = House(Running(1, current("BTC-USD")), Running(2, current("BTC-USD")))
    house.failing = {user}
    with pytest.raises(StorageUnavailableError):
        await house.notices.tell("coinbase", [HALTED])
    assert house.outboxes.keys() == {1, 2} - house.failing
    house.failing = set()
    await house.notices.tell("coinbase", [HALTED])
    assert (len(house.texts(1)), len(house.texts(2))) == (1, 1)


async def test_who_has_paused_since_the_start_is_known_by_the_stored_settings() -> None:
    house = House(Running(1, None), Running(2, None), Running(3, None), Running(4, current("BTC-USD")))
    house.stored = {1: current("BTC-USD"), 2: NotFoundError("gone"), 3: NewerFormatError()}
    house.runtimes[0].pausing = "a pause"
    await house.notices.tell("coinbase", [HALTED])
    assert house.outboxes.keys() == {1, 4}
    (kept,) = house.outboxes[1].values()
    assert (kept.state, kept.next_attempt) == ("held", 0)


# ---------------------------------------------------------------- who comes, and who came later


async def test_who_comes_here_finds_what_nobody_has_told_and_nothing_twice() -> None:
    told = House(Running(1, current("BTC-USD", "ETH-USD")))
    await told.notices.tell("coinbase", [HALTED])
    house = House(
        Running(1, current("BTC-USD", "ETH-USD", "binance:BTC-USD")), Running(2, current("BTC-USD"))
    )
    house.outboxes = told.outboxes
    house.markets = [HALTED, GONE]
    for _ in range(2):
        await house.notices.look()
    assert (len(house.texts(1)), len(house.texts(2))) == (2, 1)
    assert house.outboxes[1].keys() >= told.outboxes[1].keys()


async def test_who_is_here_is_looked_at_once_and_again_after_a_rest() -> None:
    house = House(Running(1, current("BTC-USD", "ETH-USD")), Running(2, None))
    await house.notices.look()
    house.markets = [HALTED]
    await house.notices.look()
    assert house.outboxes == {}
    house.runtimes[0].idle = "it rests"
    await house.notices.look()
    assert house.outboxes == {}
    house.runtimes[0].idle = None
    house.runtimes[1].current = current("BTC-USD")
    await house.notices.look()
    assert (len(house.texts(1)), len(house.texts(2))) == (1, 1)


async def test_who_cannot_be_told_is_told_later_and_keeps_nobody_waiting() -> None:
    house = House(Running(1, current("BTC-USD")), Running(2, current("BTC-USD")))
    house.markets, house.failing = [HALTED], {1}
    await house.notices.look()
    assert house.outboxes.keys() == {2}
    house.failing = set()
    await house.notices.look()
    assert (len(house.texts(1)), len(house.texts(2))) == (1, 1)


async def test_what_is_long_ago_is_not_told_to_who_comes() -> None:
    house = House(Running(1, current("BTC-USD", "ETH-USD")))
    house.markets = [
        market("BTC-USD", "halted", "trading", NOON - LATELY - 1),
        market("ETH-USD", "halted", "trading", NOON - LATELY),
    ]
    await house.notices.look()
    assert house.texts(1) == ["coinbase has halted trading of ETH-USD"]


async def test_who_added_a_market_after_it_halted_is_not_told_and_who_had_it_is() -> None:
    now = current("BTC-USD", "ETH-USD", "SOL-USD", at=NOON + 5 * HOUR)
    house = House(Running(1, now))
    house.revisions = [
        (NOON - HOUR, chosen("ETH-USD", "SOL-USD")),
        (NOON + HOUR, chosen("BTC-USD", "ETH-USD", "SOL-USD", disabled_symbols=["SOL-USD"])),
        *((NOON + hours * HOUR, chosen("BTC-USD", "ETH-USD", "SOL-USD")) for hours in (2, 3, 4, 5)),
    ]
    turned = [HALTED, GONE, market("SOL-USD", "halted", "trading", NOON + HOUR)]
    await house.notices.tell("coinbase", turned)
    assert [text.split(" no more")[0] for text in house.texts(1)] == ["coinbase lists ETH-USD"]
    await house.notices.tell("coinbase", [market("SOL-USD", "trading", "halted", NOON + 2 * HOUR)])
    assert len(house.texts(1)) == 2


@pytest.mark.parametrize(
    "then",
    [None, {"version": 99}, chosen("BTC-USD", alerts={"enabled": False})],
    ids=["none", "newer", "off"],
)
async def test_who_had_chosen_nothing_that_can_be_read_or_no_alerts_is_not_told(then: Any) -> None:
    house = House(Running(1, current("BTC-USD", at=NOON + HOUR)))
    house.revisions = [(NOON, then)] if then else []
    house.revisions.append((NOON + HOUR, chosen("BTC-USD")))
    await house.notices.tell("coinbase", [HALTED])
    assert house.outboxes == {}


async def test_a_route_that_is_chosen_afterwards_does_not_hear_of_what_was_told() -> None:
    house = House(Running(1, current("BTC-USD")))
    house.markets = [HALTED]
    await house.notices.look()
    route = {"channel": "webhook", "url_environment_variable": "WATCHER_URL"}
    house.runtimes = [Running(1, current("BTC-USD", alerts={"routes": [route]}))]
    await house.notices.look()
    assert [alert.channel for alert in house.outboxes[1].values()] == ["terminal"]
    house.runtimes[0].scope = Scope(user_id=2, identity_sub="user2")
    await house.notices.tell("coinbase", [HALTED])
    assert [alert.channel for alert in house.outboxes[2].values()] == ["terminal", "webhook"]


async def test_it_looks_by_itself_while_it_is_started() -> None:
    house = House(Running(1, current("BTC-USD")))
    house.markets = [HALTED]
    clock = ManualClock(NOON)
    notices = MarketNotices(house.hosted, house, house, house.work, clock)  # type: ignore[arg-type]
    await notices.start()
    await clock.advance(LOOK)
    await clock.advance(LOOK)
    assert notices.health().state == "healthy"
    await notices.stop()
    (alert,) = house.outboxes[1].values()
    assert (alert.payload["time"], alert.payload["previous"]) == (NOON, "trading")
