"""A long-lived thing: started, stopped, asked how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Say how a service is: `failed` needs a restart, `degraded` recovers by itself."""

    state: Literal["healthy", "degraded", "failed"] = "healthy"
    detail: str | None = None


class Service(Protocol):
    """Run in the background between `start` and `stop`."""

    name: str

    async def start(self) -> None:
        """Begin; return once it runs."""
        ...

    async def stop(self) -> None:
        """End, having finished or stored what was under way."""
        ...

    def health(self) -> Health:
        """Say how it is, without waiting."""
        ...
