"""Commands put to the desks of an office, as the executor does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from livermore.control.command import Command, Progress
from livermore.control.lifecycle import Status
from livermore.control.registry import Call, Job, Registry
from livermore.indicators.service import Indicators
from livermore.indicators.values import Values
from livermore.kernel.errors import NotFoundError
from livermore.kernel.role import Role
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.commands import register
from livermore.market.desk import Desk

from .office import Office

SCOPE = Scope(user_id=1, identity_sub="sub")


class Names:
    """Know what one user watches: some symbols of the exchange `test`."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = symbols

    async def named(self, scope: Scope, exchange: str | None, symbol: str) -> tuple[str, str]:
        name = symbol.removeprefix("test:")
        if exchange not in (None, "test") or name not in self._symbols:
            raise NotFoundError(f"{symbol} is not watched", where="payload.symbol")
        return "test", name

    async def symbols(self, scope: Scope) -> Sequence[tuple[str, str]]:
        return [("test", symbol) for symbol in self._symbols]


class Asker:
    """Ask for something by name, and keep what is told of it."""

    def __init__(self, desks: Mapping[str, Desk], symbols: Sequence[str], role: Role = "operator") -> None:
        self.registry = Registry()
        register(self.registry, desks, Names(symbols))
        self.role: Role = role
        self.told: list[Progress] = []

    async def begin(self, name: str, payload: dict[str, Any]) -> asyncio.Task[Any]:
        """Run a handler and begin the job that it leaves behind."""
        command = Command(
            number=1, id="0" * 32, type=name, payload=payload, priority=20, status=Status.RUNNING,
            source="cli", author="sub", role=self.role, submitted_at=0,
        )  # fmt: skip
        model = self.registry.read(name, payload, self.role)
        job = await self.registry.entry(name).handler(Call(SCOPE, command, model, self.told.append))
        assert isinstance(job, Job)
        return asyncio.ensure_future(job.work())


def asker_of(office: Office, role: Role = "operator") -> Asker:
    """Return somebody who watches all that the office does."""
    return Asker({"test": office.desk}, office.desk.symbols, role)


def with_indicators(office: Office) -> Indicators:
    """Return indicators for an office to listen with."""
    return Indicators(office.table, office.store, office.recorder, [])


def values_of(office: Office, indicators: Indicators, symbol: str) -> dict[Timeframe, Values]:
    """Return the values that are held of a symbol."""
    return {one: indicators.bank.values(office.table.row(symbol, one)) for one in office.table.timeframes}
