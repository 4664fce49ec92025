"""The symbols that a first start was given: no exchange had been asked when they were written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.market.judging import sharing
from livermore.market.listing import Listing
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import Qualified
from livermore.settings.ports import Authorship
from livermore.settings.service import SettingsService
from livermore.settings.watchlist import Removing, entries_of

LOOK = 1.0
SYSTEM = Authorship(author="system", source="system")
log = logger("market")

Known = Callable[[str], Awaitable[Listing | None]]


class FirstSymbols:
    """Leave one name of each order book on a watchlist, and say so, until its user has changed anything.

    `known` tells what an exchange lists as far as that is known; nobody is asked for this.
    """

    name = "first symbols"

    def __init__(self, scope: Scope, settings: SettingsService, known: Known, clock: Clock) -> None:
        self._scope = scope
        self._settings = settings
        self._known = known
        self._clock = clock
        self._work = Background(self._leave_one_each)

    async def start(self) -> None:
        """Begin to look."""
        self._work.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._work.stop()

    def health(self) -> Health:
        """Say whether it could look."""
        return self._work.health()

    async def _leave_one_each(self) -> None:
        document = (await self._settings.current(self._scope)).document
        for exchange in dict.fromkeys(entry.name.exchange for entry in entries_of(document)):
            if exchange is not None:
                await self._leave_one_of(await self._listing(exchange))

    async def _listing(self, exchange: str) -> Listing:
        """Return what an exchange lists, once it is known."""
        while (listing := await self._known(exchange)) is None:
            await self._clock.sleep(LOOK)
        return listing

    async def _leave_one_of(self, listing: Listing) -> None:
        """Take other names of an order book off the watchlist, unless somebody has written it meanwhile."""
        (newest,) = await self._settings.history(self._scope, limit=1)
        if (newest.author, newest.source) != (SYSTEM.author, SYSTEM.source):
            return
        document = (await self._settings.current(self._scope)).document
        for name, watched in _doubles(document, listing):
            what = f"{name.symbol} shares the order book of {watched}, which is watched"
            await self._settings.write(self._scope, Removing(name), replace(SYSTEM, reason=what))
            log.error(
                "symbol is taken off the watchlist: another name of its order book is watched",
                exchange=listing.exchange, symbol=name.symbol, watched=watched,
            )  # fmt: skip


def _doubles(document: SettingsDocument, listing: Listing) -> Iterable[tuple[Qualified, str]]:
    """Yield the lines that are not needed, each with the name under which its order book is watched."""
    own = [entry.name.symbol for entry in entries_of(document) if entry.name.exchange == listing.exchange]
    shared, named = sharing(listing, own), defaultdict(list)
    for symbol in own:
        named[shared.get(symbol, symbol)].append(symbol)
    for book, symbols in named.items():
        watched = book if book in symbols else symbols[0]
        for symbol in symbols:
            if symbol != watched:
                yield Qualified(listing.exchange, symbol), watched
