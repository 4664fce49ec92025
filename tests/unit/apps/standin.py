"""A System made of the real shapes over an invented market: what the doors need, without plumbing."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from livermore.accounts.user import User
from livermore.adapters.memory.bus import MemoryBus
from livermore.indicators.history import derive
from livermore.indicators.macdv import MacdvState
from livermore.indicators.service import Cell, GridRow, IndicatorPage, cell_of
from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.events import Event
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from livermore.market.candle import Candle, Candles
from livermore.market.coverage import Coverage, tally
from livermore.market.exchange import COINBASE, ExchangeInfo
from livermore.market.freshness import Freshness, FreshnessRow
from livermore.market.gaps import Gap
from livermore.market.plane import ExchangeStatus
from livermore.market.ports import Cause, Series
from livermore.market.service import CandlePage, kept
from livermore.runtime.status import STOPPED, Pause, RuntimeStatus, Startup
from livermore.settings.service import SettingsService
from livermore.signals.alert import Alert
from livermore.signals.service import AlertPage, Explanation, SignalPage
from livermore.signals.signal import Signal
from tests.unit.apps import chosen
from tests.unit.apps.books import Books, LoginTwin, accounts_in
from tests.unit.apps.choices import preferences_in_memory, workspaces_in_memory
from tests.unit.apps.commanded import Obedience, control_in_memory
from tests.unit.apps.listed import StandInListings, StandInScanner, watchlist_over

NOW = 1_780_000_000_000 - 1_780_000_000_000 % 86_400_000 + 52_200_000
PRICES = {
    "BTC-USD": 64_120.0,
    "ETH-USD": 3_180.0,
    "SOL-USD": 148.0,
    "DOGE-USD": 0.1234,
    "SHIB-USD": 0.0000173,
}
BARS = 600
OWN_DOCUMENT = {"version": 2, "symbols": list(PRICES)}
STARTED_DOCUMENT = OWN_DOCUMENT | {"perseus_profile": {"primary_exchange": "coinbase"}}
OTHERS_WATCH = ["ETH-USD"]
OTHERS_DOCUMENT = {
    "version": 2, "perseus_profile": {"primary_exchange": "coinbase"}, "symbols": OTHERS_WATCH
}  # fmt: skip


@cache
def walk(symbol: str, timeframe: Timeframe, end: int) -> Candles:
    """Invent candles that look like a market and are the same in every run."""
    chance = random.Random(f"{symbol} {timeframe}")
    first = timeframe.bucket(end) - BARS * timeframe.milliseconds
    price, rows = PRICES[symbol], []
    scale = 0.0012 * math.sqrt(timeframe.milliseconds / 60_000) ** 0.6
    for number in range(BARS):
        drift = 0.5 * scale * math.sin(number / 23 + len(symbol))
        close = price * math.exp(chance.gauss(drift, scale))
        high = max(price, close) * (1 + abs(chance.gauss(0, scale / 2)))
        low = min(price, close) * (1 - abs(chance.gauss(0, scale / 2)))
        time = first + number * timeframe.milliseconds
        rows.append((time, price, high, low, close, chance.uniform(1, 50)))
        price = close
    return Candles.of(*zip(*rows, strict=True))


class StandInMarket:
    """Answer for an invented market."""

    def __init__(self) -> None:
        self.now = NOW + 23_000
        self.series = {
            (symbol, timeframe): walk(symbol, timeframe, NOW)
            for symbol in PRICES
            for timeframe in DEFAULT_TIMEFRAMES
        }

    async def exchanges(self) -> list[ExchangeInfo]:
        return [COINBASE]

    async def exchange(self, name: str) -> ExchangeInfo:
        if name != COINBASE.name:
            raise NotFoundError(f"no exchange is called {name!r}")
        return COINBASE

    async def candles(
        self, exchange: str, symbol: str, timeframe: str, *,
        start: int | None = None, end: int | None = None, limit: int = 500,
    ) -> CandlePage:  # fmt: skip
        candles = self.named(exchange, symbol, timeframe)
        part = candles.between(start or 0, end or 2**60)
        part = part[:limit] if start is not None and end is None else part[-limit:]
        return CandlePage(
            exchange=exchange, symbol=symbol, timeframe=Timeframe(timeframe),
            candles=part.rows(), forming=self.forming(symbol, Timeframe(timeframe)),
        )  # fmt: skip

    def named(self, exchange: str, symbol: str, timeframe: str) -> Candles:
        if exchange != "coinbase":
            raise NotFoundError(f"no exchange is called {exchange!r}", hint="known exchanges: coinbase")
        if timeframe not in list(Timeframe):
            raise InvalidError(
                f"{timeframe!r} is not a timeframe", where="timeframe", hint=" ".join(Timeframe)
            )
        if (symbol, timeframe) not in self.series:
            raise NotFoundError(f"there are no candles of {symbol} {timeframe} on {exchange}")
        return self.series[symbol, Timeframe(timeframe)]

    def forming(self, symbol: str, timeframe: Timeframe) -> Candle:
        candles = self.series[symbol, timeframe]
        close = float(candles.close[-1])
        chance = random.Random(self.now)
        price = close * (1 + chance.gauss(0, 0.0008))
        return Candle(
            time=int(candles.time[-1]) + timeframe.milliseconds,
            open=close, high=max(close, price) * 1.0003, low=min(close, price) * 0.9997, close=price,
            volume=chance.uniform(1, 30),
        )  # fmt: skip

    def advance(self) -> list[str]:
        """Close the running minute everywhere; return the timeframes that closed."""
        self.now = self.now - self.now % 60_000 + 60_000 + 2_000
        closed = []
        for (symbol, timeframe), candles in self.series.items():
            opens = int(candles.time[-1]) + timeframe.milliseconds
            if opens + timeframe.milliseconds <= self.now:
                one = self.forming(symbol, timeframe)
                bar = Candles.of([opens], [one.open], [one.high], [one.low], [one.close], [one.volume])
                self.series[symbol, timeframe] = Candles.joined(candles, bar)
                closed.append(timeframe)
        return sorted(set(closed))


class StandInCoverage:
    """Cover the invented market whole, but for what `gaps` says."""

    def __init__(self, market: StandInMarket) -> None:
        self._market = market
        self.gaps: dict[tuple[str, str], list[Gap]] = {}

    def lose(self, symbol: str, timeframe: str, buckets: int, *, repaired: bool = False) -> None:
        """Miss the newest buckets of a series, for now or until a minute ago."""
        length = Timeframe(timeframe).milliseconds
        end = int(self._market.series[symbol, Timeframe(timeframe)].time[-1]) + length
        gap = Gap(
            start=end - buckets * length, end=end, cause=Cause.DISCONNECTED,
            state="repaired" if repaired else "open",
            repaired_at=self._market.now - 60_000 if repaired else None,
        )  # fmt: skip
        self.gaps.setdefault((symbol, timeframe), []).append(gap)

    async def of(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None = None, end: int | None = None
    ) -> Coverage:
        candles = self._market.named(exchange, symbol, timeframe).between(start or 0, end or 2**60)
        length = Timeframe(timeframe).milliseconds
        gaps = self.gaps.get((symbol, timeframe), [])
        missing = sum((gap.end - gap.start) // length for gap in gaps if gap.state == "open")
        counts = tally(candles)
        return Coverage(
            series=Series(exchange, symbol, Timeframe(timeframe)),
            start=int(candles.time[0]), end=int(candles.time[-1]) + length,
            counts=counts._replace(traded=counts.traded - missing, missing=missing), gaps=gaps,
        )  # fmt: skip

    async def grid(self) -> list[FreshnessRow]:
        return [
            FreshnessRow(
                exchange="coinbase", symbol=symbol,
                cells={str(timeframe): self._cell(symbol, timeframe) for timeframe in DEFAULT_TIMEFRAMES},
            )
            for symbol in PRICES
        ]  # fmt: skip

    def _cell(self, symbol: str, timeframe: Timeframe) -> Freshness:
        newest = int(self._market.series[symbol, timeframe].time[-1])
        gaps = self.gaps.get((symbol, timeframe), [])
        opened = [gap for gap in gaps if gap.state == "open"]
        return Freshness(
            state="hole" if opened else "repaired" if gaps else "fresh", newest=newest,
            age_ms=self._market.now - newest - timeframe.milliseconds,
            missing=sum((gap.end - gap.start) // timeframe.milliseconds for gap in opened), holes=len(gaps),
        )  # fmt: skip


class StandInIndicators:
    """Derive the invented market's values with the real rules."""

    def __init__(self, market: StandInMarket) -> None:
        self._market = market

    async def values(
        self, exchange: str, symbol: str, timeframe: str, *,
        start: int | None = None, end: int | None = None, limit: int = 500,
    ) -> IndicatorPage:  # fmt: skip
        candles = self._market.named(exchange, symbol, timeframe)
        rows = derive(MacdvState(), candles).rows()
        rows = [row for row in rows if (start or 0) <= row.time < (end or 2**60)][kept(start, end, limit)]
        return IndicatorPage(
            exchange=exchange, symbol=symbol, timeframe=Timeframe(timeframe),
            seed_time=int(candles.time[0]), values=rows,
        )  # fmt: skip

    def grid(self) -> list[GridRow]:
        return [self._row(symbol) for symbol in PRICES]

    def _row(self, symbol: str) -> GridRow:
        series = self._market.series
        running = self._market.forming(symbol, Timeframe.M1)
        return GridRow(
            exchange="coinbase", symbol=symbol, base=symbol.split("-")[0], quote=symbol.split("-")[-1],
            enabled=True, price=running.close,
            change_24h_percent=(running.close / PRICES[symbol] - 1) * 100, quote_volume_24h=1.5e8,
            last_candle_age_ms=self._market.now - running.time,
            cells={str(timeframe): self._cell(series[symbol, timeframe]) for timeframe in DEFAULT_TIMEFRAMES},
        )  # fmt: skip

    @staticmethod
    def _cell(candles: Candles) -> Cell:
        return cell_of(derive(MacdvState(), candles[-200:]).rows()[-1])


@dataclass
class StandInSignals:
    """Keep a few signals and alerts."""

    signals: list[Signal] = field(default_factory=list)
    alerts_: list[Alert] = field(default_factory=list)

    async def list(self, _: Any, *, limit: int = 100, before: str | None = None, **wanted: Any) -> SignalPage:
        start, end = wanted.pop("start", None), wanted.pop("end", None)
        found = [
            signal
            for signal in self.signals
            if all(value is None or getattr(signal, name) == value for name, value in wanted.items())
            and (start or 0) <= signal.time < (end or 2**60)
        ]
        return SignalPage(signals=found[:limit], next=before)

    async def alerts(
        self, _: Any, *, limit: int = 100, before: str | None = None, state: str | None = None
    ) -> AlertPage:
        found = [alert for alert in self.alerts_ if state in {None, alert.state}]
        return AlertPage(alerts=found[:limit], next=before)

    async def explain(self, _: Any, signal_id: str) -> Explanation:
        for signal in self.signals:
            if signal.id == signal_id:
                return Explanation(
                    signal=signal, rule="level", inputs={"previous": 140.0},
                    recomputed={"macdv": signal.macdv}, agrees=True, text="MACD-V rose above 150.",
                )  # fmt: skip
        raise NotFoundError(f"there is no signal {signal_id}")


def signal_at(
    symbol: str, timeframe: str, time: int, macdv: float, number: int = 0, **changes: Any
) -> Signal:
    """Invent a signal."""
    kind = changes.get("kind", "level")
    values: dict[str, Any] = {
        "id": f"{symbol}-{timeframe}-{time}-{number}", "exchange": "coinbase", "symbol": symbol,
        "timeframe": timeframe, "kind": kind, "level": round(macdv / 50) * 50 if kind == "level" else None,
        "direction": "up" if macdv > 0 else "down", "time": time, "price": PRICES[symbol], "macdv": macdv,
        "signal": macdv - 9, "histogram": 9.0, "stage": "overbought" if macdv > 0 else "oversold",
        "bias": "neutral", "complete": True, "low_confidence": False, "late": False, "withdrawn_at": None,
        "settings_revision": 1, "recorded_at": rfc3339(time), "evidence": {"previous": 140.0},
    }  # fmt: skip
    return Signal(**(values | changes))


def alert_of(signal: Signal, state: Any = "sent") -> Alert:
    """Invent the alert of a signal."""
    return Alert(
        id="alert-" + signal.id, signal_id=signal.id, event="level", channel="terminal", state=state,
        attempts=1, created_at=signal.recorded_at, sent_at=signal.recorded_at if state == "sent" else None,
        error=None, payload={"text": "secret"},
    )  # fmt: skip


class StandInRuntime:
    """Be in a state."""

    def __init__(self, market: StandInMarket) -> None:
        self._market = market
        self.state = "running"
        self.connection = "connected"
        self.startup: Startup | None = None
        self.health = "healthy"
        self.pause: Pause | None = None

    def status(self) -> RuntimeStatus:
        exchange = ExchangeStatus(
            name="coinbase", state=self.connection, detail=None, connected_at=rfc3339(NOW),
            last_message_ms_ago=120, reconnects=1, requests={"used": 12, "limit": 10_000},
            market_time=self._market.now, frames=4_711, skipped={},
        )  # fmt: skip
        return RuntimeStatus(
            state=self.state, desired_state="running", pause=self.pause, mode="scalper-macdv",
            uptime_seconds=(self._market.now - NOW) // 1000, settings={"saved": 3, "applied": 3},
            queue_depth=0, symbols={"active": len(PRICES), "total": len(PRICES)}, exchanges=[exchange],
            startup=self.startup, last_candle_age_ms=23_000, services={"exchange coinbase": self.health},
        )  # fmt: skip


class StandInRuntimes:
    """Run for one user."""

    def __init__(self, runtime: StandInRuntime, user: User) -> None:
        self._runtime = runtime
        self._whose = user.scope()

    def status(self, scope: Scope) -> RuntimeStatus:
        return self._runtime.status() if scope == self._whose else STOPPED


class StandIn:
    """What the doors receive, invented; nothing is on the watchlist before a document was started with."""

    def __init__(self, document: dict[str, Any] = OWN_DOCUMENT) -> None:
        self.clock = ManualClock(NOW)
        self.bus = MemoryBus(start=1_000)
        self.user = User(
            id=1, username="local", identity_provider="local", identity_sub="local", role="admin"
        )
        self.books = Books(self.clock)
        self.books.people[self.user.id] = self.user
        self.accounts = accounts_in(self.books)
        self.logins = LoginTwin(self.books)
        self.preferences = preferences_in_memory(self.clock)
        self.workspaces = workspaces_in_memory(self.clock)
        self.market = StandInMarket()
        self.coverage = StandInCoverage(self.market)
        self.indicators = StandInIndicators(self.market)
        self.signals = StandInSignals()
        self.store = chosen.Store(document, others=OTHERS_DOCUMENT)
        self.settings = SettingsService(self.store, chosen.Listings(), chosen.ENVIRONMENT)
        self.exchange_accounts = chosen.accounts_over(self.store, self.clock)
        self.planner = chosen.planner_over(self.settings, self.clock)
        self.listings = StandInListings(self.clock)
        self.watchlist = watchlist_over(self.settings, self.listings)
        self.scanner = StandInScanner(self.settings, self.listings, self.clock)
        self.runtime = StandInRuntime(self.market)
        self.runtimes = StandInRuntimes(self.runtime, self.user)
        self.obedience = Obedience()
        self.control = control_in_memory(self.accounts, self.bus, self.obedience)
        self.parts = {"database": True, "runtime": True}
        self._tell_the_past()

    async def ready(self) -> dict[str, bool]:
        return self.parts

    def status(self) -> RuntimeStatus:
        return self.runtime.status()

    def raise_signal(self, signal: Signal, state: str = "sent") -> None:
        """Store a signal with its alert and tell of both."""
        alert = alert_of(signal, state)
        self.signals.signals.insert(0, signal)
        self.signals.alerts_.insert(0, alert)
        told = msgspec.to_builtins(alert)
        del told["payload"]
        said = msgspec.to_builtins(signal)
        del said["evidence"]
        self.publish("signal", said)
        self.publish("alert", told)

    def publish(self, topic: Any, data: Any) -> None:
        """Tell of something that is this user's."""
        whose = None if topic == "candle" else self.user.identity_sub
        self.bus.publish(Event(topic=topic, time=self.market.now, data=data, whose=whose))

    def close_minute(self) -> None:
        """Let the running minute close, and tell of it."""
        closed = self.market.advance()
        bars = [
            {"symbol": symbol, "timeframe": timeframe, "time": int(candles.time[-1])}
            for (symbol, timeframe), candles in self.market.series.items()
            if timeframe in closed
        ]
        self.publish("candle", {"exchange": "coinbase", "bars": bars})

    def _tell_the_past(self) -> None:
        for number, symbol in enumerate(PRICES):
            for turn, timeframe in enumerate(("1m", "5m")):
                length = Timeframe(timeframe).milliseconds
                time = Timeframe(timeframe).bucket(NOW) - (3 + 9 * number + 5 * turn) * length
                macdv = (-1) ** (number + turn) * (152.0 + number * 31)
                self.raise_signal(signal_at(symbol, timeframe, time, macdv, number))
        self.signals.signals.sort(key=lambda signal: -signal.time)
