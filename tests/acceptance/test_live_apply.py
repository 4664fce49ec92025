"""Settings are applied over and over while symbols stream: no candle is lost, nothing is left behind."""

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import (
    CoinbaseRules,
    GeneratedSource,
    Protocol,
    SimulatedExchange,
    SocketRules,
)
from livermore.bootstrap import ground
from livermore.indicators.service import Indicators
from livermore.kernel.clock import ScaledClock
from livermore.kernel.errors import ExchangeRefusedError
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.feed import REST_DELAY
from livermore.settings.drafts import patching
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship
from livermore.settings.service import watched_symbols

from .both_protocols import (
    OPEN,
    PROTOCOLS,
    RATE,
    STEP,
    SteadyClock,
    comes_to,
    desk_of,
    symbols_of,
)
from .inside import Place, live_systems, until
from .test_memory import Held
from .truth.stored import StoredBar, books, file_of

BY = Authorship(author="jesse", source="api")
TIMEFRAMES = ["1m", "5m", "15m", "1h"]
PAST = 21  # days: 450 bars of an hour
FLAT = 1.05
FEW, ONE_OR_TWO = 4, 2
LOOKS = 6
# The newest 2,000 events are remembered, and the numbers under which series are stored.
BOUNDED = ("livermore.kernel.events.Event", "livermore.market.ports.Series")
MADE_UP = "livermore.adapters.exchanges.simulated."
BEGINS = ("subscribe", "load", "compute", "arm")
LONGEST_PAUSE = 40_000  # ms of the market between two changes


class Live(NamedTuple):
    """A system that watches a simulated exchange; the first half of its symbols is watched throughout."""

    system: bootstrap.System
    server: SimulatedExchange
    exchange: Protocol
    symbols: tuple[str, ...]
    clock: SteadyClock

    @property
    def steady(self) -> tuple[str, ...]:
        return self.symbols[: len(self.symbols) // 2]

    @property
    def fleeting(self) -> tuple[str, ...]:
        return self.symbols[len(self.symbols) // 2 :]

    @property
    def indicators(self) -> Indicators:
        return self.system.indicators._indicators[self.exchange]

    async def write(self, **changes: Any) -> int:
        """Store a change, and wait until it holds; return its revision."""
        scope = self.system.user.scope()
        revision = (await self.system.settings.patch(scope, MergePatch(changes), BY)).revision
        while not (await self.system.runtimes.bring_about(scope, revision)).holds:
            await asyncio.sleep(0)
        return revision

    async def whole(self) -> None:
        """Wait until everything that is watched is loaded, and waits for nothing."""
        desk, watched = desk_of(self.system, self.exchange), watched_symbols
        document = (await self.system.settings.current(self.system.user.scope())).document
        symbols = {symbol for _, symbol in watched(document)}
        await until(lambda: desk.loaded == symbols == set(desk.symbols) and not desk.feed.waiting(), 300)


@asynccontextmanager
async def live(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol, count: int
) -> AsyncIterator[Live]:
    """Watch half of so many symbols until their histories are there."""
    clock, symbols = SteadyClock(STEP / RATE), symbols_of(exchange, count)
    source = GeneratedSource(symbols, updates_per_bar=6, past_days=PAST)
    server = SimulatedExchange(
        source, protocol=exchange, speed=RATE, clock=clock, hold=False, weight_limit=OPEN,
        rules=SocketRules(messages_per_second=OPEN),
        coinbase_rules=CoinbaseRules(messages_per_second=OPEN, requests_per_second=OPEN),
    )  # fmt: skip
    monkeypatch.setattr(ground, "SystemClock", lambda: ScaledClock(clock, origin=source.start, rate=RATE))
    driver = asyncio.create_task(clock.run())
    await server.start()
    place = Place(int(server.rest_url.rsplit(":", 1)[1]), symbols[: count // 2])
    try:
        async with live_systems(folder, **{exchange: place}) as system:
            watching = Live(system, server, exchange, symbols, clock)
            await watching.write(timeframes=TIMEFRAMES)
            await watching.whole()
            yield watching
    finally:
        await server.stop()
        driver.cancel()
        await asyncio.gather(driver, return_exceptions=True)


def changes(live: Live, count: int) -> Iterator[dict[str, Any]]:
    """Make up changes: mostly of the watchlist, some of everything else that is applied live."""
    chance, watched = random.Random(5), set[str]()
    for number in range(count):
        watched ^= set(chance.sample(live.fleeting, chance.randint(1, 3)))
        symbols = [*live.steady, *sorted(watched)]
        yield {"symbols": symbols, "disabled_symbols": symbols[-1:] if number % 4 == 1 else []}
        if number % 3 == 0:
            yield {"alerts": {"levels": [100 + number, 1000], "cooldown_seconds": number}}
        if number == 10:
            yield {"timeframes": [*TIMEFRAMES, "30m"]}
        if number % 10 == 5:
            yield {"livermore_runtime": {"mode": ["scalper-macdv", "position-monitor"][number // 10 % 2]}}
        if number % 15 == 7:
            yield {"perseus_profile": {"timezone": ["Europe/Paris", "Asia/Tokyo"][number // 15 % 2]}}
        if number % 20 == 9:
            yield {"alerts": {"routes": [{"channel": "terminal"}] if number // 20 % 2 else []}}


def assert_as_served(live: Live, folder: Path) -> None:
    """Hold every stored bar against the source: each one there, each one right."""
    stored, holes = books(folder)[:2]
    assert [hole for hole in holes if not hole.repaired_at] == []
    assert {symbol for symbol, _ in stored} == set(live.symbols)
    for (symbol, name), bars in stored.items():
        timeframe = Timeframe(name)
        assert {later.time - bar.time for bar, later in pairwise(bars)} == {timeframe.milliseconds}
        end = bars[-1].time + timeframe.milliseconds
        source = GeneratedSource(live.symbols, updates_per_bar=6, past_days=PAST)
        source_bars = live_bars(source, live.exchange, symbol, timeframe, bars[0].time, end)
        told = [bar for bar in bars if bar.state == "traded"]
        assert [prices(bar) for bar in told] == source_bars, f"{symbol} {name}"
        assert {bar.state for bar in bars} <= {"traded", "quiet"}


def live_bars(
    source: GeneratedSource, exchange: Protocol, symbol: str, timeframe: Timeframe, start: int, end: int
) -> list[tuple[float, ...]]:
    """Return the traded bars of a source as the exchange told them."""
    if exchange == "coinbase":
        source.number_every_trade()
    bars = source.bars(symbol, timeframe, start, end)
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close)
    rows = zip(*(column.tolist() for column in columns), bars.volume.tolist(), strict=True)
    return [row[:-1] for row in rows if row[-1] > 0]


def prices(bar: StoredBar) -> tuple[float, ...]:
    return (bar.time, bar.open, bar.high, bar.low, bar.close)


class Look(NamedTuple):
    """What this process holds, and how many objects of ours of each kind."""

    held: Held
    objects: Counter[str]

    @classmethod
    def now(cls, held: Held) -> Self:
        """Count the objects; made-up markets remember what they have made up."""
        kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
        ours = {name: number for name, number in kinds.items() if name.startswith("livermore.")}
        known = {name: number for name, number in ours.items() if not name.startswith((*BOUNDED, MADE_UP))}
        return cls(held, Counter(known))


async def applied_over_and_over(live: Live, count: int) -> list[Look]:
    """Apply changes one after the other while the market goes on; look at what is held now and then."""
    looks, pauses = [], random.Random(7)
    for number, change in enumerate(changes(live, count)):
        await live.write(**change)
        await comes_to(live.server, live.server.market_time() + pauses.randint(0, LONGEST_PAUSE))
        if number % (count // LOOKS) == 0:
            looks.append(Look.now(await held_at_rest(live)))
    return [*looks, Look.now(await held_at_rest(live))]


async def held_at_rest(live: Live) -> Held:
    """Say what is held when nothing but the steady half is watched."""
    await live.write(symbols=list(live.steady), disabled_symbols=[])
    await live.whole()
    gc.collect()
    return Held.now()


def assert_flat(looks: list[Held]) -> None:
    """Hold the second half of looks against the first; of sockets the fewest, for those of REST linger."""
    middle = len(looks) // 2
    first, last = looks[:middle], looks[middle:]
    assert max(look.tasks for look in last) <= max(look.tasks for look in first) + FEW
    assert min(look.sockets for look in last) <= min(look.sockets for look in first) + FEW
    assert median(look.resident for look in last) <= FLAT * median(look.resident for look in first)


def assert_no_object_left(looks: list[Look]) -> None:
    """Hold the second half of looks against the first: of no kind of ours are there more and more."""
    middle = len(looks) // 2
    first, last = looks[:middle], looks[middle:]
    kinds = {name for look in last for name in look.objects}
    more = {
        name: (max(look.objects[name] for look in first), min(look.objects[name] for look in last))
        for name in kinds
    }
    assert {name: counts for name, counts in more.items() if counts[1] > counts[0] + ONE_OR_TWO} == {}


async def applied_and_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol, symbols: int, count: int
) -> None:
    """Apply so many changes and more, and hold all that is stored and held against what it should be."""
    async with live(folder, monkeypatch, exchange, symbols) as watching:
        looks = await applied_over_and_over(watching, count)
        desk, indicators = desk_of(watching.system, exchange), watching.indicators
        assert (desk.reconnects, desk.feed.skips) == (0, {})
        assert len(indicators._listeners) == 2  # who tells what has closed, and the rules
        await watching.write(symbols=list(watching.symbols))
        await watching.whole()
        await comes_to(watching.server, watching.server.market_time() + 5 * MINUTE)
        ledger = desk.ledger
        await until(lambda: not any(ledger.open_holes(symbol) for symbol in watching.symbols), 60)
        await watching.system.recorder.flush()
        assert watching.server.counters.over_limit == watching.server.counters.cut == 0
    assert_as_served(watching, folder)
    assert_flat([look.held for look in looks])
    assert_no_object_left(looks)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_many_applies_lose_no_candle_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    await applied_and_compared(tmp_path, monkeypatch, exchange, 10, 12)


@pytest.mark.soak
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_thousand_applies_while_fifty_symbols_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    await applied_and_compared(tmp_path, monkeypatch, exchange, 100, 700)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_plan_says_what_then_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    async with live(tmp_path, monkeypatch, exchange, 8) as watching:
        system, server, scope = watching.system, watching.server, watching.system.user.scope()
        come, gone = watching.fleeting[:2], watching.steady[0]
        symbols = [*watching.steady[1:], *come]
        drafting = patching(MergePatch({"symbols": symbols}))
        plan = await system.planner.plan(scope, drafting)
        asked = server.counters.requests.copy()
        applied = await system.planner.apply(scope, plan.id, BY)
        assert (applied.verdict.holds, applied.verdict.error) == (True, None)
        await watching.whole()
        await comes_to(server, server.market_time() + 2 * MINUTE)
        assert (server.counters.requests - asked).total() == plan.cost.requests
        assert {(one.kind, one.target) for one in plan.effects} == {
            *((kind, f"{exchange}:{symbol}") for symbol in come for kind in BEGINS),
            *((kind, f"{exchange}:{gone}") for kind in ("unsubscribe", "disarm")),
        }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_plan_says_what_a_wider_post_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    async with live(tmp_path, monkeypatch, exchange, 6) as watching:
        system, server, scope = watching.system, watching.server, watching.system.user.scope()
        await comes_to(server, Timeframe.M1.bucket(server.market_time()) + 3 * MINUTE + REST_DELAY)
        await system.recorder.flush()
        drafting = patching(MergePatch({"timeframes": [*TIMEFRAMES, "30m"]}))
        plan = await system.planner.plan(scope, drafting)
        asked = server.counters.requests.copy()
        assert (await system.planner.apply(scope, plan.id, BY)).verdict.holds
        await watching.whole()
        await comes_to(server, server.market_time() + 2 * MINUTE)
        assert (server.counters.requests - asked).total() == plan.cost.requests
        assert {(one.kind, one.target) for one in plan.effects} == {
            ("reconnect", exchange),
            *((kind, f"{exchange}:{symbol}") for symbol in watching.steady for kind in ("load", "compute")),
        }


@pytest.mark.timeout(300)
async def test_what_another_process_writes_and_what_cannot_be_are_both_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(tmp_path, monkeypatch, "binance", 4) as watching:
        system, scope = watching.system, watching.system.user.scope()
        elsewhere = await bootstrap.read_only(f"sqlite+aiosqlite:///{file_of(tmp_path)}")
        quieter = MergePatch({"alerts": {"enabled": False}})
        change = await elsewhere.settings.patch(scope, quieter, BY)
        verdict = await elsewhere.runtimes.bring_about(scope, change.revision)
        assert (verdict.applied, verdict.error) == (None, "nothing runs here; it holds at the next start")
        await until(lambda: system.status().settings["applied"] == change.revision)

        desk = desk_of(system, "binance")
        monkeypatch.setattr(desk, "add", _refused)
        refused = await elsewhere.settings.patch(scope, MergePatch({"symbols": list(watching.symbols)}), BY)
        await elsewhere.stop()
        drift = {"saved": refused.revision, "applied": change.revision}
        await until(lambda: system.status().settings == drift)
        await until(lambda: system.status().services["settings"] == "degraded")
        assert desk.symbols == list(watching.steady)
        monkeypatch.undo()
        await until(lambda: system.status().settings["applied"] == refused.revision)
        await watching.whole()
        assert desk_of(system, "binance") is desk
        await system.recorder.flush()
    assert_as_served(watching, tmp_path)


async def _refused(_: Iterable[str]) -> None:
    raise ExchangeRefusedError("no more of them")
