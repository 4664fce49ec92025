"""One GET at a time: within the budget, and with every failure as one of the kernel's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec

from livermore.adapters.exchanges.binance.refusals import refusal
from livermore.adapters.exchanges.binance.timing import Timing
from livermore.adapters.exchanges.binance.web import Web
from livermore.kernel.errors import ExchangeUnreachableError, RateLimitedError
from livermore.kernel.log import logger
from livermore.market.ports import RequestBudget

USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
T = TypeVar("T")
log = logger("market")


class Rest:
    """Ask Binance's REST interface."""

    def __init__(self, web: Web, url: str, budget: RequestBudget, timing: Timing) -> None:
        self._web = web
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timing.request)
        self.budget = budget

    async def get(self, path: str, kind: type[T], *, weight: int, **query: str | int) -> T:
        """Return the decoded answer to a request of a given weight."""
        where = f"{self._url}{path}"
        await self.budget.spend(weight)
        status, headers, body = await self._fetch(where, query)
        used = headers.get(USED_WEIGHT, "")
        if used.isascii() and used.isdigit():
            self.budget.told_used(int(used))
        if status != 200:
            error = refusal(status, headers, body, where)
            if isinstance(error, RateLimitedError):
                self._refused(status, error)
            raise error
        return _decoded(body, kind, where)

    def _refused(self, status: int, error: RateLimitedError) -> None:
        """Stay away as long as told; that it came to this is a fault in how we count."""
        used, limit = self.budget.usage()
        log.error("Binance refuses to be asked more", status=status, error=str(error), used=used, limit=limit)
        self.budget.hold_off(error.retry_after or 0)

    async def _fetch(self, where: str, query: dict[str, str | int]) -> tuple[int, Mapping[str, str], bytes]:
        try:
            async with self._web.session.get(where, params=query, timeout=self._timeout) as response:
                return response.status, response.headers, await response.read()
        except TimeoutError as error:
            raise ExchangeUnreachableError("Binance did not answer in time", where=where) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ExchangeUnreachableError(f"Binance could not be reached: {error}", where=where) from error


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ExchangeUnreachableError(f"Binance's answer could not be read: {error}", where=where) from error
