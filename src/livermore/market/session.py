"""The connection of a desk: dialled, subscribed to what is watched, and dialled again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, TransientError
from livermore.kernel.log import logger
from livermore.market.ports import Exchange
from livermore.market.reconnect import LONGEST_DELAY, keep_connected
from livermore.market.symbol import Symbol
from livermore.market.works import CAUSES

if TYPE_CHECKING:
    from livermore.market.desk import Desk

POLL, AWAY = 30.0, 180.0
LISTED = 30.0  # seconds for which a listing holds that others have asked for
log = logger("market")


class Markets(Protocol):
    """Know which markets an exchange has, or ask it."""

    async def markets(
        self, exchange: Exchange, *, oldest: float, streamed: Collection[str]
    ) -> dict[str, Symbol]:
        """Return its markets by name, as it said so many seconds ago at most.

        Of those that it streams to us, one is there until its absence is certain. Errors: those of the
        exchange.
        """
        ...

    async def last_known(self, exchange: Exchange) -> dict[str, Symbol]:
        """Return its markets by name as they were known last, however long ago; none without any."""
        ...


@runtime_checkable
class Learning(Protocol):
    """An exchange that must know what it lists before it streams, and need not ask when it is told."""

    def learn(self, symbols: Iterable[Symbol]) -> None:
        """Take what the exchange lists."""
        ...


class AskedAtOnce:
    """Ask the exchange each time."""

    async def markets(
        self, exchange: Exchange, *, oldest: float, streamed: Collection[str]
    ) -> dict[str, Symbol]:
        """Return its markets as it says now."""
        return {symbol.name: symbol for symbol in await exchange.listing()}

    async def last_known(self, exchange: Exchange) -> dict[str, Symbol]:
        """Return nothing."""
        return {}


class Session:
    """Keep what the exchange streams in step with what a desk watches."""

    def __init__(
        self, desk: Desk, exchange: Exchange, clock: Clock, first_delay: float, listings: Markets
    ) -> None:
        self._desk = desk
        self._exchange = exchange
        self._clock = clock
        self._first_delay = first_delay
        self._listings = listings
        self._subscribing = asyncio.Lock()
        self.subscribed: set[str] = set()
        self._left: set[str] = set()

    async def keep(self) -> None:
        """Hold one connection after the other, for ever."""
        await keep_connected(self._hold, self._clock, self._lost, first_delay=self._first_delay)

    async def _hold(self) -> None:
        """Hold one connection from dial to loss."""
        desk = self._desk
        desk.state = "connecting" if desk.connected_at is None else desk.state
        await self.look_up()
        self.note_unlisted()
        stream = await self._exchange.connect()
        try:
            desk.feed.connected(await self.exchange_time())
            running = asyncio.create_task(stream.run(desk.feed))
            try:
                self._left.clear()
                desk.repairs.stream = stream
                await self._subscribe()
                self._arrived()
                await running
            finally:
                desk.repairs.stream = None
                running.cancel()
                with suppress(asyncio.CancelledError, LivermoreError):
                    await running
        finally:
            self.subscribed.clear()
            await stream.close()

    async def look_up(self) -> None:
        """Read the listing; while REST is away and the stream is not, the last one will do."""
        try:
            await self._read_listing()
        except TransientError as error:
            known = self._desk.listing or await self._listings.last_known(self._exchange)
            if not known:
                raise
            await self._desk.go_by(known)
            log.warning("the listing is an old one", exchange=self._desk.info.name, error=str(error))

    async def _read_listing(self) -> None:
        streamed = self.subscribed
        listing = await self._listings.markets(self._exchange, oldest=LISTED, streamed=streamed)
        await self._desk.go_by(listing)

    def learn(self, listing: Mapping[str, Symbol]) -> None:
        """Let the exchange know what it lists, where it must."""
        if isinstance(self._exchange, Learning):
            self._exchange.learn(listing.values())

    async def exchange_time(self) -> int:
        """Ask the exchange for its time (ms); while REST is away, go by what was heard last."""
        desk = self._desk
        try:
            return await self._exchange.server_time()
        except TransientError:
            if desk.heard_at is None or not desk.feed.market_time:
                raise
            return desk.feed.market_time + int((self._clock.monotonic() - desk.heard_at) * 1000)

    def leave(self, symbols: list[str]) -> None:
        """Have symbols subscribed anew should they come back: nothing is known of what they missed."""
        self._left.update(symbols)

    async def take_in(self) -> None:
        """Follow a change of what is watched, again and again until the exchange has taken it.

        A connection that is not there does so when it comes.
        """
        desk, delay = self._desk, self._first_delay
        while desk.repairs.stream is not None:
            try:
                # Nobody else waits for the listing, which may be away for long.
                await self._subscribe()
                if self._unheard_of():
                    await self._read_listing()
                    await self._subscribe()
                return
            except LivermoreError as error:
                for symbol in set(desk.symbols).difference(self.subscribed, desk.unlisted):
                    desk.works.say(symbol, f"{symbol} is not subscribed yet", error)
                await self._clock.sleep(delay if isinstance(error, TransientError) else LONGEST_DELAY)
                delay = min(delay * 2, LONGEST_DELAY)

    def _unheard_of(self) -> set[str]:
        """Return what is watched and no listing has said anything of yet."""
        return set(self._desk.symbols).difference(self._desk.listing, self._desk.unlisted)

    async def _subscribe(self) -> None:
        """Bring what the connection is subscribed to in step with what is watched, and load what is new."""
        desk = self._desk
        async with self._subscribing:
            stream = desk.repairs.stream
            if stream is None:
                return
            wanted = [symbol for symbol in desk.symbols if symbol in desk.listing]
            left = set(self._left)
            gone = sorted(self.subscribed.difference(wanted) | (self.subscribed & left))
            if gone:
                await stream.unsubscribe(gone)
            self._left.difference_update(left)
            self.subscribed.difference_update(gone)
            new = [symbol for symbol in wanted if symbol not in self.subscribed]
            if new:
                await stream.subscribe(new)
                self.subscribed.update(new)
                desk.feed.subscribed(new)
            for symbol in new:
                # Whatever has left or was delisted meanwhile is unsubscribed by whoever waits.
                if symbol in desk.symbols and symbol in desk.listing and symbol not in desk.loaded:
                    desk.works.spawn(desk.loading.load(symbol), symbol)

    def _arrived(self) -> None:
        desk = self._desk
        desk.state = "connected"
        desk.detail = desk.not_listed()
        desk.connected_at, desk.heard_at = self._clock.now(), self._clock.monotonic()
        log.info("connected", exchange=desk.info.name, symbols=len(self.subscribed))

    def _lost(self, error: LivermoreError | None, wait: float) -> None:
        desk = self._desk
        desk.reconnects += 1
        desk.state = "disconnected" if error is not None else "degraded"
        desk.detail = str(error) if error is not None else "renewing the connection"
        hint = (error.hint or CAUSES) if error is not None else None
        tell = log.warning if error is None else log.error
        tell(
            "connection lost", exchange=desk.info.name, error=desk.detail, hint=hint, again_in=round(wait, 1)
        )

    def note_unlisted(self) -> None:
        """Go on without watched symbols that the exchange does not list, and say so once."""
        desk = self._desk
        unlisted = [symbol for symbol in desk.symbols if symbol not in desk.listing]
        for symbol in unlisted:
            if symbol not in desk.unlisted:
                log.error("symbol is not listed", exchange=desk.info.name, symbol=symbol)
        desk.unlisted = unlisted
        for symbol in unlisted:
            desk.works.lacks_nothing(symbol)

    async def poll(self) -> None:
        """Ask REST for what closes while the stream cannot be had, so that bars come late and not never."""
        desk = self._desk
        while True:
            await self._clock.sleep(POLL)
            away = self._clock.monotonic() - (desk.heard_at or 0.0)
            if desk.state == "disconnected" and desk.loaded and away > AWAY:
                with suppress(LivermoreError):
                    desk.feed.dark(await self._exchange.server_time())
