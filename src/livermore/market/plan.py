"""What a change would do at a post of the floor: connections, subscriptions, and the candles to be loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import warm_up_start
from livermore.market.desk import Desk
from livermore.market.feed import REST_DELAY
from livermore.market.ports import CandleStore, Exchange, Series
from livermore.settings.existence import Caution
from livermore.settings.plan import Cost, Effect

# A session asks for the listing and for the time, and each symbol asks for the time before it is loaded.
OF_A_SESSION, OF_A_SYMBOL = [1, 1], [1]
Connection = Literal["stays", "opens", "closes", "opens anew"]


class PostChange(NamedTuple):
    """What would become of a post: what happens to its connection, and its symbols before and after."""

    connection: Connection
    before: tuple[str, ...]
    after: tuple[str, ...]
    timeframes: frozenset[Timeframe]


class Due(NamedTuple):
    """A history that has to be read: so many candles, and whether the series begins with them."""

    symbol: str
    timeframe: Timeframe
    candles: int
    begins: bool


class Prospect(NamedTuple):
    """What would happen at a post: which symbols are loaded, what that reads and costs, and what to mind."""

    effects: list[Effect]
    loaded: list[str]
    due: list[Due]
    cost: Cost = Cost()
    warnings: tuple[Caution, ...] = ()


class MarketForesight:
    """Say what would happen at the posts of exchanges, without touching them.

    `adapter` makes a connection to an exchange that nobody watches yet; None where it is switched off.
    """

    def __init__(
        self, store: CandleStore, adapter: Callable[[str], Awaitable[Exchange | None]], clock: Clock
    ) -> None:
        self._store = store
        self._adapter = adapter
        self._clock = clock

    async def prospect(self, name: str, change: PostChange, desk: Desk | None) -> Prospect:
        """Say what a change of a post would do; `desk` is what stands there now."""
        effects = [*_of_connection(name, change), *_of_symbols(name, change)]
        if change.connection == "closes":
            return Prospect(effects, [], [])
        if desk is not None:
            market_time = max(desk.feed.market_time, desk.feed.expected()) or self._clock.now()
            if change.connection == "stays":
                # It goes on showing what it shows, also timeframes that nobody wants any more.
                change = change._replace(timeframes=frozenset(desk.table.timeframes))
            prospect = await self._loading(desk.exchange, change, effects, market_time)
            return _at_the_pace_of(desk, prospect)
        try:
            adapter = await self._adapter(name)
        except LivermoreError as error:
            return Prospect([], [], [], warnings=(_unwatched(name, str(error), error.hint),))
        if adapter is None:
            hint = f"switch it on with: livermore exchanges edit {name} --active"
            return Prospect([], [], [], warnings=(_unwatched(name, "it is switched off", hint),))
        try:
            return await self._loading(adapter, change, effects, await adapter.server_time())
        except LivermoreError as error:
            return await self._blindly(adapter, change, effects, error)
        finally:
            await adapter.close()

    async def _blindly(
        self, adapter: Exchange, change: PostChange, effects: list[Effect], error: LivermoreError
    ) -> Prospect:
        """Say what would happen once an exchange can be reached that cannot be now."""
        name = adapter.info.name
        prospect = await self._loading(adapter, change, effects, self._clock.now())
        return prospect._replace(warnings=(_unwatched(name, str(error), error.hint),))

    async def _loading(
        self, exchange: Exchange, change: PostChange, effects: list[Effect], market_time: int
    ) -> Prospect:
        """Add what has to be loaded, and what it costs, behind all that is asked of the host already."""
        base, *_ = offered = exchange.info.timeframes()
        timeframes = [base, *(one for one in offered[1:] if one in change.timeframes)]
        until = base.bucket(market_time - REST_DELAY)
        anew = change.connection != "stays"
        symbols = [symbol for symbol in change.after if anew or symbol not in change.before]
        spans = await self._store.spans(exchange.info.name, symbols)
        due = [
            one
            for symbol in symbols
            for one in histories_due(spans, exchange.info.name, symbol, timeframes, until)
        ]
        weights = [weight for one in due for weight in exchange.pages(one.candles)]
        weights += OF_A_SYMBOL * len(symbols) + (OF_A_SESSION if anew else [])
        requests, seconds = exchange.budget.forecast(weights)
        effects += _of_loading(exchange.info.name, symbols, due)
        return Prospect(effects, symbols, due, Cost(requests=requests, seconds=round(seconds, 1)))


def _at_the_pace_of(desk: Desk, prospect: Prospect) -> Prospect:
    """Let nothing be foreseen to be done sooner than the last symbols of a desk were."""
    new = {one.symbol for one in prospect.due if one.begins}
    seconds = max(prospect.cost.seconds, round(desk.loading.pace.forecast(len(new)), 1))
    return prospect._replace(cost=Cost(requests=prospect.cost.requests, seconds=seconds))


def histories_due(
    spans: Mapping[Series, tuple[int, int]], exchange: str, symbol: str, timeframes: Sequence[Timeframe],
    until: int,
) -> list[Due]:  # fmt: skip
    """Return what loading a symbol up to a time (ms) has to read, where `timeframes` begins with the base.

    `spans` says which candles are stored.
    """
    base, due = timeframes[0], []
    for timeframe in timeframes:
        span = spans.get(Series(exchange, symbol, timeframe))
        if span is None:
            start = warm_up_start(timeframe, base, until)
            count = (timeframe.bucket(until) - start) // timeframe.milliseconds
            due.append(Due(symbol, timeframe, count, begins=True))
        elif timeframe == base and span[1] + base.milliseconds < until:
            behind = (until - span[1]) // base.milliseconds - 1
            due.append(Due(symbol, timeframe, behind, begins=False))
    return due


def _of_connection(name: str, change: PostChange) -> list[Effect]:
    said = {
        "opens": ("connect", "opens a connection"),
        "closes": ("disconnect", "closes the connection: nothing of it is watched any more"),
        "opens anew": ("reconnect", "opens a wider post in place of this one, and repairs what lies between"),
    }
    if change.connection == "stays":
        return []
    kind, detail = said[change.connection]
    return [Effect(kind=kind, target=name, detail=detail)]


def _of_symbols(name: str, change: PostChange) -> list[Effect]:
    gone = [symbol for symbol in change.before if symbol not in change.after]
    come = [symbol for symbol in change.after if symbol not in change.before]
    stays = "is streamed no more; what is stored of it stays"
    return [
        *(Effect(kind="unsubscribe", target=f"{name}:{symbol}", detail=stays) for symbol in gone),
        *(Effect(kind="subscribe", target=f"{name}:{symbol}", detail="is streamed") for symbol in come),
    ]


def _of_loading(name: str, symbols: Iterable[str], due: Sequence[Due]) -> list[Effect]:
    counted: dict[str, list[Due]] = {symbol: [] for symbol in symbols}
    for one in due:
        counted[one.symbol].append(one)
    return [
        Effect(
            kind="load",
            target=f"{name}:{symbol}",
            detail=", ".join(f"{one.candles} candles of {one.timeframe}" for one in listed),
        )
        for symbol, listed in counted.items()
        if listed
    ]


def _unwatched(name: str, why: str, hint: str | None) -> Caution:
    message = f"{name} cannot be watched now: {why}"
    return Caution(path="symbols", message=message, hint=hint or "it is watched as soon as it answers")
