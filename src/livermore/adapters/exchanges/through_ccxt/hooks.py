"""Four places where ccxt lets us in: before a request, at its answer, behind it, and at every frame."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from livermore.kernel.errors import ExchangeUnreachableError

Spend = Callable[[int], Awaitable[None]]
Answered = Callable[[int, Mapping[str, str]], None]


def book_requests(instance: Any, spend: Spend) -> None:
    """Put a budget before every request: it keeps to the minute, and ccxt to what a second allows."""
    spaced = instance.throttle

    async def throttle(cost: float | None = None) -> None:
        await spend(max(1, math.ceil(cost or 1)))
        await spaced(cost)

    instance.throttle = throttle


def hear_answers(instance: Any, answered: Answered) -> None:
    """Tell the status and the headers (in small letters) of every answer."""
    read = instance.on_rest_response

    def on_rest_response(
        code: int, reason: Any, url: Any, method: Any, headers: Mapping[str, str], *rest: Any
    ) -> Any:
        answered(code, {name.lower(): value for name, value in headers.items()})
        return read(code, reason, url, method, headers, *rest)

    instance.on_rest_response = on_rest_response


def refuse_the_unreadable(instance: Any, where: str) -> None:
    """Raise for an answer that is no JSON: ccxt finds no candles in it, as if nothing had been traded."""
    fetched = instance.fetch

    async def fetch(*request: Any) -> Any:
        answer = await fetched(*request)
        if not isinstance(answer, (dict, list, int, float)):
            raise ExchangeUnreachableError("the answer could not be read", where=where)
        return answer

    instance.fetch = fetch


def hear_frames(instance: Any, heard: Callable[[Any], None]) -> None:
    """Tell every decoded frame before ccxt reads it."""
    read = instance.handle_message

    def handle_message(client: Any, message: Any) -> None:
        heard(message)
        read(client, message)

    instance.handle_message = handle_message
