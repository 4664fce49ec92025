"""One instance of ccxt: imported when first needed, our budget in front of every request, always closed."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from livermore.adapters.exchanges.through_ccxt.addresses import redirected
from livermore.adapters.exchanges.through_ccxt.hooks import (
    book_requests,
    hear_answers,
    hear_frames,
    refuse_the_unreadable,
)
from livermore.adapters.exchanges.through_ccxt.refusals import NOT_HERE, USUAL_WAIT, translated
from livermore.adapters.exchanges.through_ccxt.server_clock import ServerClock
from livermore.adapters.exchanges.through_ccxt.timing import Timing
from livermore.kernel.clock import Clock
from livermore.kernel.errors import (
    BlockedError,
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    NotFoundError,
)
from livermore.kernel.timeframe import MINUTE
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import RequestBudget

Factory = Callable[[str, dict[str, Any]], Any]
Listener = Callable[[Any], None]
BARS_KEPT = 10
BARRED = {403: ExchangeRefusedError, 451: BlockedError}
_REMEDY = "install it with: pip install 'livermore[ccxt]'"


def ccxt_id(info: ExchangeInfo) -> str:
    """Return ccxt's name of an exchange: the row's own, unless its limits tell another."""
    return str((info.api_limits or {}).get("ccxt", info.name))


def require_ccxt() -> None:
    """Raise InvalidError when the library is not installed; importing it costs 70 MB, so it is not tried."""
    if importlib.util.find_spec("ccxt") is None:
        raise InvalidError("this exchange is reached through ccxt, which is not installed", hint=_REMEDY)


def make(name: str, config: dict[str, Any]) -> Any:
    """Make ccxt's own object for an exchange."""
    libraries = map(importlib.import_module, ("ccxt.pro", "ccxt.async_support"))
    library = next((library for library in libraries if name in library.exchanges), None)
    if library is None:
        raise InvalidError(
            f"ccxt knows no exchange called {name!r}",
            where="exchanges",
            hint="name it as ccxt does; its names are listed at https://docs.ccxt.com/#/Exchange-Markets",
        )
    return getattr(library, name)(config)


class Library:
    """Ask one exchange through ccxt."""

    def __init__(
        self, info: ExchangeInfo, clock: Clock, budget: RequestBudget, timing: Timing, factory: Factory | None
    ) -> None:
        if factory is None:
            require_ccxt()
        self.info = info
        self.time = ServerClock(clock)
        self.listener: Listener | None = None
        self._clock = clock
        self._budget = budget
        self._timing = timing
        self._factory = factory or make
        self._opening = asyncio.Lock()
        self._closed = False
        self._instance: Any = None
        self._session: aiohttp.ClientSession | None = None
        self._asked_wait: float | None = None
        self._status = 0

    @property
    def loaded(self) -> Any:
        """Return ccxt's object, or None before the first question."""
        return self._instance

    async def open(self) -> Any:
        """Return ccxt's object, importing the library in a thread of its own when first needed.

        Raises ExchangeUnreachableError once it is closed: opened again, nobody would close it.
        """
        async with self._opening:
            if self._closed:
                what = "the connection to the exchange has been closed"
                raise ExchangeUnreachableError(what, where=self.info.name)
            if self._instance is None:
                self._session = self._session or aiohttp.ClientSession()
                instance = await asyncio.to_thread(self._factory, ccxt_id(self.info), self._config())
                self._prepare(instance)
                self._instance = instance
            return self._instance

    async def ask(self, method: str, *arguments: Any) -> Any:
        """Call one of ccxt's methods; raises the kernel's errors."""
        instance = await self.open()
        try:
            with translated(self.info.name, self._limited):
                return await getattr(instance, method)(*arguments)
        except ExchangeUnreachableError as error:
            if self._status in BARRED:
                raise BARRED[self._status](error.what, where=self.info.name, hint=NOT_HERE) from error
            raise

    async def markets(self, *, fresh: bool = False) -> dict[str, dict[str, Any]]:
        """Return ccxt's markets by the exchange's own name, in capitals as everywhere in Livermore.

        They are the spot ones, or all where it has none.
        """
        markets: Mapping[str, dict[str, Any]] = await self.ask("load_markets", fresh)
        spot = [market for market in markets.values() if market.get("spot")]
        return {market["id"].upper(): market for market in reversed(spot or list(markets.values()))}

    async def unified(self, name: str) -> str:
        """Return ccxt's name of a symbol; raise NotFoundError when the exchange does not list it."""
        market = (await self.markets()).get(name)
        if market is None:
            raise NotFoundError(f"{self.info.display_name} lists no {name}", where=self.info.name)
        return str(market["symbol"])

    def has(self, feature: str) -> bool:
        """Say whether ccxt offers something for this exchange, not counting what it makes up."""
        return self._instance is not None and self._instance.has.get(feature) is True

    async def close(self) -> None:
        """Close every connection and forget the instance."""
        self._closed = True
        async with self._opening:
            instance, self._instance = self._instance, None
            session, self._session = self._session, None
            if instance is not None:
                await instance.close()
            if session is not None:
                await session.close()

    def _config(self) -> dict[str, Any]:
        return {
            "enableRateLimit": True,  # it paces subscriptions too; see `_prepare` for requests
            "timeout": int(self._timing.request * 1000),
            "asyncio_loop": asyncio.get_running_loop(),
            "session": self._session,  # its own would be opened in a way that newer Pythons warn of
            "options": {"OHLCVLimit": BARS_KEPT},
        }

    def _prepare(self, instance: Any) -> None:
        """Put our budget before every request, and hear what ccxt does not hand on."""
        instance.urls["api"] = redirected(instance.urls["api"], self.info.rest_url, self.info.ws_url)
        _only_spot(instance)
        book_requests(instance, self._spend)
        hear_answers(instance, self._answered)
        refuse_the_unreadable(instance, self.info.name)
        hear_frames(instance, self._hear)
        self._budget.told_limit(max(1, int(MINUTE / instance.rateLimit)))

    async def _spend(self, weight: int) -> None:
        await self._budget.spend(weight)
        self._status, self._asked_wait = 0, None

    def _hear(self, message: Any) -> None:
        if self.listener is not None:
            self.listener(message)

    def _answered(self, status: int, headers: Mapping[str, str]) -> None:
        if "date" in headers:
            self.time.dated(headers["date"])
        self._status = status
        if status in {418, 429}:
            told = headers.get("retry-after", "")
            self._asked_wait = float(told) if told.isascii() and told.isdigit() else USUAL_WAIT
            self._budget.hold_off(self._asked_wait)

    def _limited(self) -> float:
        """Return how long to stay away; some exchanges ask for it in an answer whose status says nothing."""
        if self._asked_wait is None:
            self._budget.hold_off(USUAL_WAIT)
        return self._asked_wait or USUAL_WAIT


def _only_spot(instance: Any) -> None:
    """Keep an exchange that has spot markets from listing its derivatives: each kind costs a request."""
    if not instance.has.get("spot"):
        return
    instance.options["defaultType"] = "spot"
    chosen = instance.options.get("fetchMarkets")
    if isinstance(chosen, dict) and "spot" in (chosen.get("types") or ()):
        instance.options["fetchMarkets"] = {**chosen, "types": ["spot"]}
