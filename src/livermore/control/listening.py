"""Hearing the answers to single commands, for as long as somebody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from livermore.control.switchboard import Line, Switchboard
from livermore.control.wire import RESPONSES, read_response, response_channel
from livermore.kernel.errors import InvalidError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope

log = logger("control")


class Listening:
    """Wake those who wait for a command; a user's channel is joined once, while anybody waits there."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._waiting: dict[str, dict[str, list[asyncio.Event]]] = {}
        self._joined: set[str] = set()
        self._tuning: asyncio.Task[None] | None = None
        switchboard.connect(Line(RESPONSES, self._heard, self._regained))

    @contextmanager
    def to(self, scope: Scope, command_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something may have become of a command."""
        channel, stirred = response_channel(scope.identity_sub), asyncio.Event()
        listeners = self._waiting.setdefault(channel, {}).setdefault(command_id, [])
        listeners.append(stirred)
        self._tune()
        try:
            yield stirred
        finally:
            listeners.remove(stirred)
            self._forget(channel, command_id)
            self._tune()

    def hears(self, scope: Scope) -> bool:
        """Say whether a user's answers are heard by now."""
        return response_channel(scope.identity_sub) in self._joined

    def _forget(self, channel: str, command_id: str) -> None:
        waiting = self._waiting[channel]
        if not waiting[command_id]:
            del waiting[command_id]
        if not waiting:
            del self._waiting[channel]

    def _heard(self, channel: str, raw: bytes) -> None:
        waiting = self._waiting.get(channel)
        if waiting is None:
            return
        try:
            command_id = read_response(raw).correlation_id.lower()
        except InvalidError as error:
            log.debug("something else was said on a channel of answers", error=str(error))
            return
        for stirred in waiting.get(command_id, ()):
            stirred.set()

    def _regained(self) -> None:
        """Let everybody look, because answers may have been lost."""
        for channel in self._waiting:
            self._stir(channel)

    def _stir(self, channel: str) -> None:
        for listeners in self._waiting.get(channel, {}).values():
            for stirred in listeners:
                stirred.set()

    def _tune(self) -> None:
        """Join and leave in the background, so that nobody waits for a bus that is away."""
        if self._tuning is None and self._waiting.keys() != self._joined:
            self._tuning = asyncio.create_task(self._join_and_leave())

    async def _join_and_leave(self) -> None:
        try:
            while self._waiting.keys() != self._joined:
                await self._join(self._waiting.keys() - self._joined)
                await self._leave(self._joined - self._waiting.keys())
        except TransientError as error:
            # Whoever waits looks into the journal from time to time; the next one tries again.
            log.debug("the channels of answers could not be joined", error=str(error))
        finally:
            self._tuning = None

    async def _join(self, channels: set[str]) -> None:
        if channels:
            await self._switchboard.join(channels)
            self._joined |= channels
        for channel in channels:
            self._stir(channel)

    async def _leave(self, channels: set[str]) -> None:
        if channels:
            self._joined -= channels
            await self._switchboard.leave(channels)
