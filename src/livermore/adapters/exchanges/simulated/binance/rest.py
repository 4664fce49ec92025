"""The REST interface: one handler a path, in front of them the weight limit, behind them Binance's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from livermore.adapters.exchanges.simulated.binance.days import ticker_24h
from livermore.adapters.exchanges.simulated.binance.klines import klines
from livermore.adapters.exchanges.simulated.binance.listing import exchange_info
from livermore.adapters.exchanges.simulated.binance.parameters import symbols_of
from livermore.adapters.exchanges.simulated.binance.refusals import RefusalError, response
from livermore.adapters.exchanges.simulated.binance.signed import key_of
from livermore.adapters.exchanges.simulated.binance.wallet import account, restrictions
from livermore.adapters.exchanges.simulated.binance.weights import PREFIX, Verdict, Weights
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.keys import Key, Keys
from livermore.adapters.exchanges.simulated.source import Source
from livermore.adapters.exchanges.simulated.view import View

Answer = Callable[[web.Request], bytes]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RESTRICTIONS = "/sapi/v1/account/apiRestrictions"
_REFUSED = {
    429: (
        -1003,
        "Too many requests; current limit is exceeded. Please use WebSocket Streams for live updates.",
    ),
    418: (-1003, "Way too much request weight used; IP banned. Please use WebSocket Streams to avoid bans."),
}


class RestDoor:
    """Answer `/api/v3/…`, and what a key may do, as of the market's time."""

    def __init__(
        self,
        source: Source,
        view: View,
        weights: Weights,
        counters: Counters,
        limit: int,
        now: Callable[[], int],
        keys: Keys,
    ) -> None:
        self._source = source
        self._view = view
        self._weights = weights
        self._counters = counters
        self._limit = limit
        self._now = now
        self._keys = keys

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return every path and its handler."""
        answers = {
            "ping": lambda _: b"{}",
            "time": lambda _: msgspec.json.encode({"serverTime": self._now()}),
            "exchangeInfo": self._exchange_info,
            "klines": lambda request: klines(request.query, self._source, self._view, self._now()),
            "ticker/24hr": self._days,
            "account": self._signed(account),
        }
        return [
            *(web.get(PREFIX + name, self._guarded(answer)) for name, answer in answers.items()),
            web.get(RESTRICTIONS, self._guarded(self._signed(restrictions))),
        ]

    def _guarded(self, answer: Answer) -> Handler:
        """Charge a request before it is answered."""

        async def handler(request: web.Request) -> web.StreamResponse:
            self._counters.requests[request.path] += 1
            verdict = self._weights.charge(request.remote or "", request.path, request.query)
            reply = self._reply(request, answer, verdict)
            reply.headers["X-MBX-USED-WEIGHT-1M"] = reply.headers["X-MBX-USED-WEIGHT"] = str(verdict.used)
            return reply

        return handler

    @staticmethod
    def _reply(request: web.Request, answer: Answer, verdict: Verdict) -> web.Response:
        if verdict.status != 200:
            return response(verdict.status, *_REFUSED[verdict.status], verdict.retry_after)
        try:
            return web.Response(body=answer(request), content_type="application/json")
        except RefusalError as refusal:
            return response(refusal.status, refusal.code, refusal.message)

    def _signed(self, answer: Callable[[Key], dict[str, Any]]) -> Answer:
        """Answer only what one of our keys has signed."""
        return lambda request: msgspec.json.encode(answer(key_of(request, self._keys, self._now())))

    def _exchange_info(self, request: web.Request) -> bytes:
        asked = symbols_of(request.query, self._view.symbols)
        markets = [market for market in self._source.markets if asked is None or market.symbol in asked]
        return msgspec.json.encode(exchange_info(markets, self._now(), self._limit))

    def _days(self, request: web.Request) -> bytes:
        now, mini = self._now(), request.query.get("type") == "MINI"
        asked = symbols_of(request.query, self._view.symbols)
        days: Any = [
            ticker_24h(symbol, self._view.day(symbol, now), now, mini=mini)
            for symbol in (self._view.symbols if asked is None else asked)
        ]
        return msgspec.json.encode(days[0] if "symbol" in request.query else days)
