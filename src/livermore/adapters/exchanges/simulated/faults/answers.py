"""What happens to answers over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from livermore.adapters.exchanges.simulated.faults.kinds import (
    Empty,
    Hang,
    Refuse,
    RestFault,
    Skew,
    Slow,
    Truncate,
)

if TYPE_CHECKING:
    from livermore.adapters.exchanges.simulated.faults.faults import Faults, Numbered


class Answers:
    """Spoil answers, each by the first fault that chance picks."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked = 0

    async def spoiled(self, request: web.Request, answer: web.Response) -> web.StreamResponse:
        """Return what becomes of an answer."""
        self._skew(request, answer)
        self._asked += 1
        numbered = next((one for one in self._faults.of_answers if self._concerns(one, request)), None)
        if numbered is None:
            return answer
        self._faults.count(numbered.fault)
        roll = self._faults.chance(numbered.number, self._asked, "how")
        match numbered.fault:
            case Refuse() as fault:
                return self._refusal(fault, answer, roll)
            case Truncate():
                body = _body(answer)
                answer.body = body[: 1 + int(roll * (len(body) - 1))]
            case Empty():
                answer.body = self._faults.shapes.emptied(_body(answer))
            case Slow(seconds=seconds):
                await self._faults.clock.sleep(seconds)
            case Hang(seconds=seconds):
                await self._faults.clock.sleep(seconds)
                if request.transport is not None:
                    request.transport.abort()
        return answer

    def _concerns(self, numbered: Numbered[RestFault], request: web.Request) -> bool:
        number, fault = numbered
        if fault.paths is not None and not any(_names(word, request.path) for word in fault.paths):
            return False
        if self._faults.window(number, fault, self._faults.now()) is None:
            return False
        return self._faults.chance(number, self._asked) < fault.share

    def _refusal(self, fault: Refuse, answer: web.Response, roll: float) -> web.Response:
        """Return an error which tells of the request's weight as the answer would have."""
        refusal = self._faults.shapes.refusal(fault.status, roll)
        headers = {name: value for name, value in answer.headers.items() if name.upper().startswith("X-")}
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        return web.Response(
            status=fault.status, body=refusal.body, content_type=refusal.content_type, headers=headers
        )

    def _skew(self, request: web.Request, answer: web.Response) -> None:
        now = self._faults.now()
        skews: list[Numbered[Any]] = [one for one in self._faults.of_frames if isinstance(one.fault, Skew)]
        for number, skew in skews:
            if self._faults.window(number, skew, now) is not None:
                body = self._faults.shapes.skewed_answer(request.path, _body(answer), skew.milliseconds)
                answer.body = body


def _names(word: str, path: str) -> bool:
    """Say whether a word of a fault's means a path: one that contains it, or ends in it before a `$`."""
    return path.endswith(word[:-1]) if word.endswith("$") else word in path


def _body(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""
