"""One GET at a time: within the budget, and with every failure as one of the kernel's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from livermore.adapters.exchanges.binance.credentials import Signer
from livermore.adapters.exchanges.binance.refusals import refusal
from livermore.adapters.exchanges.binance.timing import Timing
from livermore.adapters.exchanges.binance.web import Web
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeRefusedError, ExchangeUnreachableError, RateLimitedError
from livermore.kernel.log import logger
from livermore.market.failures import in_plain_words
from livermore.market.ports import RequestBudget

USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
T = TypeVar("T")
log = logger("market")


class Rest:
    """Ask Binance's REST interface; `took` is how many seconds the latest answer took."""

    def __init__(
        self, web: Web, url: str, budget: RequestBudget, timing: Timing, clock: Clock,
        signer: Signer | None = None,
    ) -> None:  # fmt: skip
        self._web = web
        self._clock = clock
        self._signer = signer
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timing.request)
        self.budget = budget
        self.took = 0.0

    async def get(self, path: str, kind: type[T], *, weight: int, **query: str | int) -> T:
        """Return the decoded answer to a request of a given weight."""
        where = f"{self._url}{path}"
        await self.budget.spend(weight)
        return await self._answer(_address(where).with_query(query), {}, kind, where)

    async def get_signed(self, path: str, kind: type[T], *, weight: int, **query: str | int) -> T:
        """Return the decoded answer to a request in the name of the configured key."""
        where = f"{self._url}{path}"
        if self._signer is None:
            raise ExchangeRefusedError(
                "no key is configured for Binance", where=path, hint="name the variables that hold it"
            )
        await self.budget.spend(weight)  # before signing: a signature is good for seconds
        url = URL(f"{_address(where)}?{self._signer.signed(query)}", encoded=True)
        return await self._answer(url, self._signer.headers(), kind, where)

    async def _answer(self, url: URL, headers: Mapping[str, str], kind: type[T], where: str) -> T:
        status, headers, body = await self._fetch(url, headers, where)
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

    async def _fetch(
        self, url: URL, headers: Mapping[str, str], where: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        asked = self._clock.monotonic()
        try:
            async with self._web.session.get(url, headers=headers, timeout=self._timeout) as response:
                return response.status, response.headers, await response.read()
        except TimeoutError as error:
            raise ExchangeUnreachableError("Binance did not answer in time", where=where) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = f"Binance could not be reached: {in_plain_words(error)}"
            raise ExchangeUnreachableError(what, where=where) from error
        finally:
            self.took = self._clock.monotonic() - asked


def _address(where: str) -> URL:
    try:
        return URL(where)
    except ValueError as error:
        what = f"Binance could not be reached: {in_plain_words(error)}"
        raise ExchangeUnreachableError(what, where=where) from error


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ExchangeUnreachableError(f"Binance's answer could not be read: {error}", where=where) from error
