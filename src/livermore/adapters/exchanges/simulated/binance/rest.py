"""The REST interface: one handler a path, in front of them the weight limit, behind them Binance's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from livermore.adapters.exchanges.simulated.binance.days import NO_OFFERS, ticker_24h
from livermore.adapters.exchanges.simulated.binance.klines import klines
from livermore.adapters.exchanges.simulated.binance.listing import exchange_info
from livermore.adapters.exchanges.simulated.binance.parameters import symbols_of
from livermore.adapters.exchanges.simulated.binance.refusals import RefusalError, response
from livermore.adapters.exchanges.simulated.binance.signed import key_of
from livermore.adapters.exchanges.simulated.binance.wallet import account, restrictions
from livermore.adapters.exchanges.simulated.binance.weights import PREFIX, Verdict, Weights
from livermore.adapters.exchanges.simulated.doors import Stage
from livermore.adapters.exchanges.simulated.keys import Key
from livermore.adapters.exchanges.simulated.offers import offers_of

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

    def __init__(self, stage: Stage, weights: Weights, limit: int) -> None:
        self._source, self._view, self._floor = stage.source, stage.view, stage.floor
        self._counters, self._keys, self._now = stage.counters, stage.keys, stage.now
        self._weights = weights
        self._limit = limit

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return every path and its handler."""
        answers = {
            "ping": lambda _: b"{}",
            "time": lambda _: msgspec.json.encode({"serverTime": self._now()}),
            "exchangeInfo": self._exchange_info,
            "klines": self._klines,
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

    def _klines(self, request: web.Request) -> bytes:
        return klines(request.query, self._floor.listed, self._source.timeframes, self._view, self._now())

    def _exchange_info(self, request: web.Request) -> bytes:
        asked = symbols_of(request.query, self._floor.listed)
        listed = self._floor.listed.values()
        markets = [market for market in listed if asked is None or market.symbol in asked]
        return msgspec.json.encode(exchange_info(markets, self._now(), self._limit, self._floor.halted))

    def _days(self, request: web.Request) -> bytes:
        asked = symbols_of(request.query, self._floor.listed)
        tell = self._mini if request.query.get("type") == "MINI" else self._full
        days = [tell(symbol, self._now()) for symbol in (self._floor.listed if asked is None else asked)]
        return msgspec.json.encode(days[0] if "symbol" in request.query else days)

    def _mini(self, symbol: str, now: int) -> dict[str, Any]:
        return ticker_24h(symbol, self._view.glance(symbol, now), now)

    def _full(self, symbol: str, now: int) -> dict[str, Any]:
        """Describe a day with its offers; there are none in a market that is halted or never traded."""
        day = self._view.glance(symbol, now)
        none = day is None or symbol in self._floor.halted
        offers = NO_OFFERS if none or day is None else offers_of(self._floor.listed[symbol], day)
        return ticker_24h(symbol, day, now, offers)
