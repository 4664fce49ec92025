"""One GET at a time: within the budget, and with every failure as one of the kernel's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec

from livermore.adapters.exchanges.coinbase.credentials import Signer
from livermore.adapters.exchanges.coinbase.patience import Patience
from livermore.adapters.exchanges.coinbase.refusals import (
    KEY_REFUSED,
    refusal,
    retry_after,
    too_many,
    words_of,
)
from livermore.adapters.exchanges.coinbase.timing import Timing
from livermore.adapters.exchanges.coinbase.web import Web
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeRefusedError, ExchangeUnreachableError, LivermoreError
from livermore.market.failures import in_plain_words
from livermore.market.ports import RequestBudget

PREFIX = "/api/v3/brokerage"
HOST = "api.coinbase.com"  # what a token is made out to, whatever address we reach it at
LIMIT = 10  # public requests a second for one address
T = TypeVar("T")
Query = Mapping[str, str | int] | list[tuple[str, str]]


class Rest:
    """Ask Coinbase's REST interface; `took` is how many seconds the latest answer took."""

    def __init__(
        self, web: Web, url: str, budget: RequestBudget, timing: Timing, patience: Patience, clock: Clock,
        signer: Signer | None = None,
    ) -> None:  # fmt: skip
        self._web = web
        self._url = f"{url.rstrip('/')}{PREFIX}"
        self._budget = budget
        self._timeout = aiohttp.ClientTimeout(total=timing.request)
        self._patience = patience
        self._clock = clock
        self._signer = signer
        self.took = 0.0

    async def get(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """Return the decoded answer to a public request; Coinbase's own cache of a second is passed by."""
        return await self._get(path, kind, query, {"Cache-Control": "no-cache"}, signed=False)

    async def get_signed(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """Return the decoded answer to a request in the name of the configured key."""
        if self._signer is None:
            raise ExchangeRefusedError(
                "no key is configured for Coinbase", where=path, hint="name the variables that hold it"
            )
        token = self._signer.token(f"GET {HOST}{PREFIX}{path}")  # good for longer than any wait for a turn
        return await self._get(path, kind, query, {"Authorization": f"Bearer {token}"}, signed=True)

    async def _get(
        self, path: str, kind: type[T], query: Query | None, headers: dict[str, str], *, signed: bool
    ) -> T:
        where = f"{self._url}{path}"
        # Requests that pile up while nobody answers would all be counted in the second of the answer.
        async with self._web.few:
            await self._budget.spend(1)
            status, told, body = await self._fetch(where, query, headers)
        if not signed:
            self._note_limits(told)
        if status == 429 or (status == 401 and not signed):
            raise self._slowed(status, told, body, where)
        self._patience.answered()
        if status != 200:
            raise refusal(status, body, where, signed=signed)
        return _decoded(body, kind, where)

    async def _fetch(
        self, where: str, query: Query | None, headers: dict[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        asked = self._clock.monotonic()
        try:
            async with self._web.session.get(
                where, params=query, headers=headers, timeout=self._timeout
            ) as response:
                return response.status, response.headers, await response.read()
        except TimeoutError as error:
            raise ExchangeUnreachableError("Coinbase did not answer in time", where=where) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            what = f"Coinbase could not be reached: {in_plain_words(error)}"
            raise ExchangeUnreachableError(what, where=where) from error
        finally:
            self.took = self._clock.monotonic() - asked

    def _slowed(self, status: int, told: Mapping[str, str], body: bytes, where: str) -> LivermoreError:
        """Hold everybody off; a 401 is throttling too, until it has come too often in a row."""
        wait = self._patience.refused(retry_after(told), unauthorized=status == 401)
        self._budget.hold_off(wait)
        if self._patience.is_over:
            what = words_of(body) or "Coinbase refuses to serve us: HTTP 401"
            return ExchangeRefusedError(what, where=where, hint=KEY_REFUSED if self._signer else None)
        return too_many(body, where, wait)

    def _note_limits(self, told: Mapping[str, str]) -> None:
        """Let the budget know what Coinbase has counted, where it counts in the window that we do."""
        limit, remaining = _count(told, "x-ratelimit-limit"), _count(told, "x-ratelimit-remaining")
        if limit:
            self._budget.told_limit(limit)
        if limit and limit <= LIMIT and remaining is not None:
            self._budget.told_used(max(0, limit - remaining))


def _count(told: Mapping[str, str], name: str) -> int | None:
    text = told.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _decoded(body: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (ValueError, RecursionError) as error:
        raise ExchangeUnreachableError(
            f"Coinbase's answer could not be read: {error}", where=where
        ) from error
