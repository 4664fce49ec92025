"""What the tests of the command bus share: somebody who listens and remembers."""

import asyncio
from collections.abc import Callable


class Listener:
    """Remember what was heard, and how often the bus came back."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.regained = 0
        self._stirred = asyncio.Event()

    def hear(self, channel: str, message: bytes) -> None:
        self.heard.append((channel, message))
        self._stirred.set()

    def regain(self) -> None:
        self.regained += 1
        self._stirred.set()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds that changes with what is heard."""
        async with asyncio.timeout(20):
            while not holds():
                self._stirred.clear()
                await self._stirred.wait()

    async def comes_back(self, times: int) -> None:
        """Wait until the bus has come back so many times."""
        await self.until(lambda: self.regained >= times)

    async def messages(self, count: int) -> list[bytes]:
        """Wait for so many messages, and return all that were heard."""
        await self.until(lambda: len(self.heard) >= count)
        return [message for _, message in self.heard]
