"""The REST interface: one handler a path, in front of them the limit, behind them Coinbase's errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from livermore.adapters.exchanges.simulated.coinbase.candles import candles
from livermore.adapters.exchanges.simulated.coinbase.history import History
from livermore.adapters.exchanges.simulated.coinbase.limits import Limit
from livermore.adapters.exchanges.simulated.coinbase.listing import Listing
from livermore.adapters.exchanges.simulated.coinbase.refusals import (
    RefusalError,
    invalid,
    not_permitted,
    too_many,
    unauthorized,
    unknown_product,
)
from livermore.adapters.exchanges.simulated.coinbase.rules import CoinbaseRules
from livermore.adapters.exchanges.simulated.coinbase.tokens import HOST, key_of
from livermore.adapters.exchanges.simulated.coinbase.wallet import accounts, permissions
from livermore.adapters.exchanges.simulated.coinbase.writing import whole_second
from livermore.adapters.exchanges.simulated.doors import Stage
from livermore.adapters.exchanges.simulated.keys import Key

Answer = Callable[[web.Request], Awaitable[bytes]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PREFIX = "/api/v3/brokerage/"
PRODUCT = "market/products/{product_id}"
MOST_CACHED = 4096
MOST_TRADES = 1000


class RestDoor:
    """Answer `/api/v3/brokerage/…` as of the market's time."""

    def __init__(self, stage: Stage, listing: Listing, history: History, rules: CoinbaseRules) -> None:
        self._stage = stage
        self._listing = listing
        self._history = history
        self._rules = rules
        self._public = Limit(stage.clock, rules.requests_per_second, stage.counters)
        self._private = Limit(stage.clock, rules.private_requests_per_second, stage.counters)
        self._refusals = too_many()
        self._cache: dict[str, tuple[float, bytes]] = {}

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return every path and its handler."""
        cached = {
            "market/products": self._products,
            PRODUCT: self._product,
            f"{PRODUCT}/candles": self._candles,
            f"{PRODUCT}/ticker": self._ticker,
        }
        private = {"key_permissions": permissions, "accounts": _accounts}
        return [
            web.get(f"{PREFIX}time", self._guarded(self._public, self._time)),
            *(web.get(PREFIX + path, self._guarded(self._public, self._cached(answer)))
              for path, answer in cached.items()),
            *(web.get(PREFIX + path, self._guarded(self._private, self._signed(answer)))
              for path, answer in private.items()),
        ]  # fmt: skip

    def _guarded(self, limit: Limit, answer: Answer) -> Handler:
        """Count a request before it is answered."""

        async def handler(request: web.Request) -> web.StreamResponse:
            self._stage.counters.requests[request.path] += 1
            verdict = limit.charge(request.remote or "")
            reply = await self._reply(request, answer) if verdict.served else next(self._refusals)
            reply.headers.update(verdict.headers())
            return reply

        return handler

    @staticmethod
    async def _reply(request: web.Request, answer: Answer) -> web.Response:
        try:
            return web.Response(body=await answer(request), content_type="application/json")
        except RefusalError as refusal:
            return refusal.response()
        except PermissionError:
            return unauthorized()

    def _cached(self, answer: Answer) -> Answer:
        """Give the same answer for a second, unless the client wants none that is kept."""

        async def kept(request: web.Request) -> bytes:
            now = self._stage.clock.monotonic()
            since, body = self._cache.get(request.path_qs, (now, b""))
            if "no-cache" in request.headers.get("Cache-Control", "") or not body:
                since = now - self._rules.cached_for
            if now - since < self._rules.cached_for:
                return body
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            body = await answer(request)
            self._cache[request.path_qs] = now, body
            return body

        return kept

    async def _time(self, _: web.Request) -> bytes:
        now = self._stage.now()
        return msgspec.json.encode(
            {"iso": whole_second(now), "epochSeconds": str(now // 1000), "epochMillis": str(now)}
        )

    async def _products(self, request: web.Request) -> bytes:
        """List the products, all of them or a page."""
        query = request.query
        asked = query.getall("product_ids", [])
        names = [name for name in self._listing.canonical if not asked or name in asked]
        if query.get("product_type", "SPOT") != "SPOT":
            names = []
        offset, limit = _count(query.get("offset"), 0), _count(query.get("limit"), len(names))
        now = self._stage.now()
        page: list[Any] = []
        for name in names[offset:][:limit]:
            if self._listing.lists(name):  # it may be taken off while the answer is written
                page.append(self._listing.product(name, now))
            await asyncio.sleep(0)  # a made-up market is drawn when it is first looked at
        return msgspec.json.encode({"products": page, "num_products": len(page), "pagination": None})

    async def _product(self, request: web.Request) -> bytes:
        self._symbol(request)
        return msgspec.json.encode(self._listing.product(request.match_info["product_id"], self._stage.now()))

    async def _candles(self, request: web.Request) -> bytes:
        stage = self._stage
        return candles(request.query, self._symbol(request), stage.source, stage.view, stage.now())

    async def _ticker(self, request: web.Request) -> bytes:
        """Tell the latest trades, newest first."""
        symbol, name = self._symbol(request), request.match_info["product_id"]
        bid, ask = self._listing.offers(symbol, self._stage.now())
        limit = min(_count(request.query.get("limit"), 100), MOST_TRADES)
        trades = [
            {
                "trade_id": str(trade.trade_id),
                "product_id": name,
                "price": trade.price,
                "size": trade.size,
                "time": trade.time,
                "side": trade.side,
                "bid": "",
                "ask": "",
                "exchange": "coinbase",
            }
            for trade in self._history.trades(symbol, limit)
        ]
        return msgspec.json.encode({"trades": trades, "best_bid": bid, "best_ask": ask})

    def _signed(self, answer: Callable[[Key], dict[str, Any]]) -> Answer:
        """Answer only who brings a token that one of our keys has signed for this very request."""

        async def guarded(request: web.Request) -> bytes:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            uri = f"{request.method} {HOST}{request.path}"
            key = key_of(token, self._stage.keys, self._stage.now(), uri)
            if scheme != "Bearer" or key is None or not key.admits(request.remote or ""):
                raise PermissionError
            return msgspec.json.encode(answer(key))

        return guarded

    def _symbol(self, request: web.Request) -> str:
        """Return the market behind a product that a path names."""
        symbol = self._listing.canonical.get(request.match_info["product_id"])
        if symbol is None:
            raise unknown_product()
        return symbol


def _accounts(key: Key) -> dict[str, Any]:
    """Return the accounts of a key's owner, if the key may see them."""
    if "view" not in key.may:
        raise not_permitted()
    return accounts()


def _count(text: str | None, default: int) -> int:
    """Read a number that a request may give."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise invalid("a number is not valid")
    return int(text)
