"""One transaction: everything in it is stored, or nothing is; events are told after the commit."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from livermore.kernel.events import Event


class UnitOfWork(Protocol):
    """Commit when the block ends well, roll back when it raises."""

    def announce(self, event: Event) -> None:
        """Publish an event after the commit; a rollback drops it."""
        ...

    async def __aenter__(self) -> Self:
        """Begin the transaction."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit and announce, or roll back."""
        ...
