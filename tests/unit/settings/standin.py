"""What stands in for the world: a store in memory, and a listing of three exchanges."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from livermore.kernel.errors import ExchangeUnreachableError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.ports import (
    Authorship,
    Revision,
    RevisionMovedError,
    Rewriting,
    StoredRevision,
    StoredSettings,
    Unlisted,
)

JESSE = Scope(user_id=1, identity_sub="local")
BY = Authorship(author="jesse", source="api")
NINE = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "1d")
OFFERED: dict[str, Sequence[str]] = {"coinbase": NINE, "binance": NINE, "hourly": ("1h", "1d")}
LISTED = {
    "coinbase": {"BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD"},
    "binance": {"BTCUSDT", "ETHUSDT", "BTC-USD"},
    "hourly": {"BTC-USD"},
}
QUOTES = {"coinbase": ["USD", "USDC"], "binance": ["USDT", "USD", "BTC"], "hourly": ["USDT"]}
# Other names of order books that stand among these.
BOOKS = {"BTC-USDC": "BTC-USD", "ETH-USDC": "ETH-USD"}


class MemoryStore:
    """Keep the settings of one user."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        self.revisions = [self._revision(1, document or {"version": 2}, [], BY)]

    @property
    def newest(self) -> StoredRevision:
        return self.revisions[-1]

    async def current(self, scope: Scope) -> StoredSettings:
        if scope != JESSE:
            raise NotFoundError
        newest = self.newest
        return StoredSettings(
            document=copy.deepcopy(newest.document), revision=newest.revision, updated_at=newest.created_at
        )

    async def newest_revision(self, scope: Scope) -> int:
        return (await self.current(scope)).revision

    async def revise(
        self, scope: Scope, rewriting: Rewriting, by: Authorship, *, expected: int | None = None
    ) -> StoredSettings | None:
        before = await self.current(scope)
        if expected not in (None, before.revision):
            raise RevisionMovedError("moved")
        rewrite = rewriting(before)
        if rewrite is None:
            return None
        self.revisions.append(self._revision(before.revision + 1, rewrite.document, rewrite.diff, by))
        return await self.current(scope)

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        newest_first = reversed(self.revisions)
        listed: list[Revision] = [one for one in newest_first if before is None or one.revision < before]
        return listed[:limit]

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        if not 1 <= number <= len(self.revisions):
            raise NotFoundError(f"there is no revision {number}")
        return self.revisions[number - 1]

    @staticmethod
    def _revision(number: int, document: dict[str, Any], diff: Any, by: Authorship) -> StoredRevision:
        return StoredRevision(
            revision=number, author=by.author, source=by.source, reason=by.reason,
            created_at=f"2026-01-31T12:00:{number:02}.000Z", diff=diff, document=document,
        )  # fmt: skip


class Listings:
    """Know three exchanges, and count what is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.down: set[str] = set()

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        return OFFERED

    async def unlisted(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, Unlisted]:
        self.asked.append((exchange, tuple(symbols)))
        if exchange in self.down:
            raise ExchangeUnreachableError(f"{exchange} does not answer")
        return {
            symbol: Unlisted("unknown", "BTC-USD" if symbol.startswith("BTC") else None)
            for symbol in symbols
            if symbol not in LISTED[exchange] and symbol not in BOOKS
        }

    async def sharing(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, str]:
        return {symbol: BOOKS[symbol] for symbol in symbols if exchange == "coinbase" and symbol in BOOKS}

    async def quotes(self, exchange: str) -> Sequence[str]:
        return [] if exchange in self.down else QUOTES.get(exchange, ())
