"""What may be asked of the market while it runs: candles read again, and what is held taken again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal, Protocol

import msgspec

from livermore.control.command import Progress
from livermore.control.registry import Call, Job, Payload, Registry
from livermore.kernel.errors import InvalidError, LivermoreError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import WARM_UP
from livermore.market.budget import forecast_histories
from livermore.market.comparison import Tally
from livermore.market.desk import Desk
from livermore.market.refresh import Refresh, Span, span_of
from livermore.market.renewal import Renewal, Renewed

PRIORITY = 20
MOST_BARS = 100_000
"""So many bars of one timeframe may be asked for at once."""
AHEAD = 60_000
Time = Annotated[int, msgspec.Meta(ge=0)]
WATCHED = "see the watched symbols and timeframes with: livermore status"


class Watched(Protocol):
    """Know what each user watches."""

    async def named(self, scope: Scope, exchange: str | None, symbol: str) -> tuple[str, str]:
        """Return the exchange and its own name of a symbol that a user names.

        `symbol` may be written `exchange:SYMBOL`; a plain one is of `exchange`, else of the user's primary
        exchange. Raises NotFoundError for one that this user does not watch.
        """
        ...

    async def symbols(self, scope: Scope) -> Sequence[tuple[str, str]]:
        """Return every symbol that a user watches, as (exchange, symbol)."""
        ...


class ForceBackfill(Payload, frozen=True, kw_only=True):
    """Name a symbol, the timeframes (all that are watched, by default) and a range [from, to) in ms."""

    symbol: str
    exchange: str | None = None
    timeframes: tuple[Timeframe, ...] | None = None
    start: Time | None = msgspec.field(default=None, name="from")
    end: Time | None = msgspec.field(default=None, name="to")


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the buckets that were asked for, by timeframe."""

    exchange: str
    symbol: str
    timeframes: dict[str, Tally]


class ClearCache(Payload, frozen=True, kw_only=True):
    """Say what is dropped: all that the user watches, one symbol, or one timeframe (of one symbol, or all).

    With an `exchange` alone, of that exchange. With `stored`, what is stored goes too.
    """

    scope: Literal["all", "symbol", "timeframe"]
    symbol: str | None = None
    exchange: str | None = None
    timeframe: Timeframe | None = None
    stored: bool = False


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken again: how many symbols, which timeframes, how many bars; how many stored ones went."""

    symbols: int
    timeframes: list[str]
    bars: int
    stored_deleted: int


def register(registry: Registry, desks: Mapping[str, Desk], watched: Watched) -> None:
    """Add what may be asked of the market at these desks."""
    commands = MarketCommands(desks, watched)
    registry.register(
        "force-backfill", ForceBackfill, commands.force_backfill, priority=PRIORITY,
        about="Hold a symbol's candles against the exchange, and put right what differs.",
    )  # fmt: skip
    registry.register(
        "clear-cache", ClearCache, commands.clear_cache, priority=PRIORITY,
        about="Drop what is held of watched symbols, and take it again from the store or the exchange.",
    )  # fmt: skip


class MarketCommands:
    """Check what is asked of the market, and leave the work behind as a job."""

    def __init__(self, desks: Mapping[str, Desk], watched: Watched) -> None:
        self._desks = desks
        self._watched = watched

    async def force_backfill(self, call: Call) -> Job:
        """Refresh a watched symbol's candles from the exchange.

        Raises NotFoundError for what is not watched or not loaded, InvalidError naming the field of a
        range that cannot be.
        """
        asked: ForceBackfill = call.payload
        exchange, symbol = await self._watched.named(call.scope, asked.exchange, asked.symbol)
        desk = self._loaded(exchange, symbol)
        spans = spans_of(desk, asked)
        return Job(partial(self._backfill, call, desk, symbol, spans))

    async def clear_cache(self, call: Call) -> Job:
        """Drop and take again what is held of the user's symbols; with `stored`, for admins, all of it.

        Raises InvalidError naming the field that does not belong to the scope, NotFoundError.
        """
        asked: ClearCache = call.payload
        check_scope(asked)
        if asked.stored:
            call.need("admin")
        chosen = await self._chosen(call.scope, asked)
        return Job(partial(self._clear, call, chosen))

    async def _backfill(
        self, call: Call, desk: Desk, symbol: str, spans: Mapping[Timeframe, Span]
    ) -> Backfilled:
        refresh = Refresh(desk, symbol, spans, call.scope.identity_sub, call.progress)
        found = await desk.works.hosted(symbol, refresh.run())
        counted = {timeframe.value: tally for timeframe, tally in found.items()}
        return Backfilled(exchange=desk.info.name, symbol=symbol, timeframes=counted)

    async def _clear(self, call: Call, chosen: Sequence[tuple[str, str]]) -> Cleared:
        asked: ClearCache = call.payload
        cleared: list[Renewed] = []
        timeframes: set[Timeframe] = set()
        if asked.scope == "all":
            await self._read_listings({exchange for exchange, _ in chosen})
        for number, (exchange, symbol) in enumerate(chosen):
            call.progress(self._progress(asked, chosen, number))
            try:
                desk = self._loaded(exchange, symbol)
                these = _held(desk, asked)
                cleared.append(await self._renew(call, desk, symbol, these))
                timeframes.update(these)
            except NotFoundError:
                # One of many may have left meanwhile.
                if asked.symbol is not None:
                    raise
        call.progress(Progress(done=len(chosen), total=len(chosen), message="taken again"))
        bars, deleted = sum(one.bars for one in cleared), sum(one.deleted for one in cleared)
        names = [one.value for one in Timeframe if one in timeframes]
        return Cleared(symbols=len(cleared), timeframes=names, bars=bars, stored_deleted=deleted)

    async def _renew(self, call: Call, desk: Desk, symbol: str, timeframes: Sequence[Timeframe]) -> Renewed:
        renewal = Renewal(desk, symbol, timeframes)
        is_stored = call.payload.stored
        work = renewal.from_exchange(call.scope.identity_sub) if is_stored else renewal.from_store()
        return await desk.works.hosted(symbol, work)

    def _progress(self, asked: ClearCache, chosen: Sequence[tuple[str, str]], number: int) -> Progress:
        """Say how far it is; when it will be done is known of what the exchange is asked for."""
        exchange, symbol = chosen[number]
        desk, eta = self._desks.get(exchange), None
        if asked.stored and desk is not None:
            left = sum(one == exchange for one, _ in chosen[number:])
            histories = [WARM_UP] * len(_held(desk, asked))
            eta = round(forecast_histories(desk.exchange, left, histories).seconds)
        message = f"{exchange}:{symbol}"
        return Progress(done=number, total=len(chosen), message=message, eta_seconds=eta)

    async def _chosen(self, scope: Scope, asked: ClearCache) -> list[tuple[str, str]]:
        """Return what is dropped, as (exchange, symbol); what is not loaded yet holds nothing."""
        if asked.symbol is None:
            return self._all_loaded(await self._watched.symbols(scope), asked)
        exchange, symbol = await self._watched.named(scope, asked.exchange, asked.symbol)
        if not _held(self._loaded(exchange, symbol), asked):
            what = f"{symbol} {asked.timeframe} is not watched"
            raise NotFoundError(what, where="payload.timeframe", hint=WATCHED)
        return [(exchange, symbol)]

    def _all_loaded(self, symbols: Sequence[tuple[str, str]], asked: ClearCache) -> list[tuple[str, str]]:
        only = asked.exchange
        if only is not None and only not in {exchange for exchange, _ in symbols}:
            raise NotFoundError(f"nothing is watched on {only!r}", where="payload.exchange", hint=WATCHED)
        desks = self._desks
        return [
            (exchange, symbol)
            for exchange, symbol in symbols
            if only in (None, exchange)
            and exchange in desks
            and symbol in desks[exchange].loaded
            and _held(desks[exchange], asked)
        ]

    def _loaded(self, exchange: str, symbol: str) -> Desk:
        desk = self._desks.get(exchange)
        if desk is None or symbol not in desk.loaded:
            hint = "see how far it is with: livermore status"
            raise NotFoundError(f"{exchange}:{symbol} is not loaded", where="payload.symbol", hint=hint)
        return desk

    async def _read_listings(self, exchanges: Collection[str]) -> None:
        """Read listings again; one that cannot be read is kept as it is."""
        for desk in [self._desks[name] for name in exchanges if name in self._desks]:
            with suppress(LivermoreError):
                await desk.session.look_up()


def spans_of(desk: Desk, asked: ForceBackfill) -> dict[Timeframe, Span]:
    """Return what is asked of each timeframe; raise InvalidError or NotFoundError, naming the field."""
    now, base = desk.market_time, desk.table.base
    chosen = desk.table.timeframes if asked.timeframes is None else asked.timeframes
    if not chosen:
        raise InvalidError("no timeframe is named", where="payload.timeframes", hint="leave it out for all")
    for timeframe in chosen:
        if timeframe not in desk.table.timeframes:
            raise NotFoundError(f"{timeframe} is not watched", where="payload.timeframes", hint=WATCHED)
    _check_range(asked.start, asked.end, now)
    ordered = [timeframe for timeframe in desk.table.timeframes if timeframe in chosen]
    spans = {timeframe: span_of(timeframe, base, asked.start, asked.end, now) for timeframe in ordered}
    for timeframe, span in spans.items():
        if span.count(timeframe) > MOST_BARS:
            what = f"these are {span.count(timeframe)} bars of {timeframe}, and {MOST_BARS} may be asked for"
            raise InvalidError(
                what, where="payload.from", hint="ask for a shorter range or longer timeframes"
            )
    return spans


def _check_range(start: int | None, end: int | None, now: int) -> None:
    """Raise InvalidError, naming the field, for a range that is none or lies ahead of a time (ms)."""
    if start is not None and start >= now:
        raise InvalidError("the range begins in the future", where="payload.from")
    if end is not None and end > now + AHEAD:
        raise InvalidError("the range ends in the future", where="payload.to", hint="leave it out for now")
    if start is not None and end is not None and start >= end:
        raise InvalidError("the range ends before it begins", where="payload.from")


def check_scope(asked: ClearCache) -> None:
    """Raise InvalidError, naming the field, for one that a scope lacks or that does not belong to it."""
    needed = {"all": (), "symbol": ("symbol",), "timeframe": ("timeframe",)}[asked.scope]
    foreign = {"all": ("symbol", "timeframe"), "symbol": ("timeframe",), "timeframe": ()}[asked.scope]
    for name in needed:
        if getattr(asked, name) is None:
            raise InvalidError(f"the scope {asked.scope} needs a {name}", where=f"payload.{name}")
    for name in foreign:
        if getattr(asked, name) is not None:
            hint = f"choose the scope {name}, or leave it out"
            raise InvalidError(f"the scope {asked.scope} has no {name}", where=f"payload.{name}", hint=hint)


def _held(desk: Desk, asked: ClearCache) -> tuple[Timeframe, ...]:
    """Return the timeframes that are to be dropped of those that a desk holds."""
    held = desk.table.timeframes
    return held if asked.timeframe is None else tuple(one for one in held if one == asked.timeframe)
