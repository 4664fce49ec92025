"""Where reading verbs get their answers: the running server, else what is stored; both in API shapes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

from livermore.apps.cli.errors import NotRunningError
from livermore.apps.cli.output import note
from livermore.apps.cli.server import Server, ask, find_server
from livermore.apps.cli.stored import Stored, find_database
from livermore.apps.cli.symbols_stored import stored_search, stored_watchlist
from livermore.kernel.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from livermore.bootstrap import System

Answer = TypeVar("Answer")


class Reader(Protocol):
    """Answer questions in the shapes of the API; times are ms."""

    async def signals(self, *, start: int | None, end: int | None, **chosen: Any) -> Any:
        """Return a page of signals."""
        ...

    async def explain(self, signal_id: str) -> Any:
        """Return why a signal fired."""
        ...

    async def alerts(self, **chosen: Any) -> Any:
        """Return a page of alerts."""
        ...

    async def commands(self, **chosen: Any) -> Any:
        """Return a page of commands."""
        ...

    async def command(self, command_id: str) -> Any:
        """Return one command."""
        ...

    async def chain(self, expected: str | None) -> Any:
        """Prove the chain of what happened to commands; `expected` is a head that was noted earlier."""
        ...

    async def exchanges(self) -> Any:
        """Return the rows of exchanges."""
        ...

    async def candles(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None, end: int | None, limit: int
    ) -> Any:
        """Return candles of one series."""
        ...

    async def symbols(self) -> Any:
        """Return the watchlist."""
        ...

    async def listed(self, query: Mapping[str, Any]) -> Any:
        """Return what fits a query in the listing of an exchange."""
        ...

    async def coverage_grid(self) -> Any:
        """Return how fresh every series is."""
        ...

    async def coverage(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None, end: int | None
    ) -> Any:
        """Return what one series lacks."""
        ...

    async def exchange_of(self, symbol: str) -> str:
        """Return the exchange that a plain symbol means; raise InvalidError where that is not clear."""
        ...


class ServerReader:
    """Ask the running server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def signals(self, *, start: int | None, end: int | None, **chosen: Any) -> Any:
        """Return a page of signals."""
        return await ask(self._server, "/signals", chosen | {"from": start, "to": end})

    async def explain(self, signal_id: str) -> Any:
        """Return why a signal fired."""
        return await ask(self._server, f"/signals/{quote(signal_id, safe='')}/explain")

    async def alerts(self, **chosen: Any) -> Any:
        """Return a page of alerts."""
        return await ask(self._server, "/alerts", chosen)

    async def commands(self, **chosen: Any) -> Any:
        """Return a page of commands."""
        return await ask(self._server, "/commands", chosen)

    async def command(self, command_id: str) -> Any:
        """Return one command."""
        return await ask(self._server, f"/commands/{quote(command_id, safe='')}")

    async def chain(self, expected: str | None) -> Any:
        """Have the chain proven."""
        return await ask(self._server, "/commands/verify", {"expect": expected})

    async def exchanges(self) -> Any:
        """Return the rows of exchanges."""
        return await ask(self._server, "/exchanges")

    async def candles(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None, end: int | None, limit: int
    ) -> Any:
        """Return candles of one series."""
        path = path_of(exchange, symbol, timeframe)
        return await ask(self._server, f"/candles/{path}", {"from": start, "to": end, "limit": limit})

    async def symbols(self) -> Any:
        """Return the watchlist."""
        return await ask(self._server, "/symbols")

    async def listed(self, query: Mapping[str, Any]) -> Any:
        """Return what fits in the newest listing."""
        return await ask(self._server, "/symbols/search", query)

    async def coverage_grid(self) -> Any:
        """Return how fresh every watched series is."""
        return await ask(self._server, "/coverage")

    async def coverage(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None, end: int | None
    ) -> Any:
        """Return what one series lacks."""
        path = path_of(exchange, symbol, timeframe)
        return await ask(self._server, f"/coverage/{path}", {"from": start, "to": end})

    async def exchange_of(self, symbol: str) -> str:
        """Return the one exchange that is watched, or of several the one on which the symbol is."""
        rows = (await self.symbols())["symbols"]
        return only(symbol, [(row["exchange"], row["symbol"]) for row in rows if row["exchange"]])


class StoreReader:
    """Read the database."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._scope = system.user.scope()
        self.file = system.database.file.name if system.database.file is not None else None

    async def signals(self, *, start: int | None, end: int | None, **chosen: Any) -> Any:
        """Return a page of signals."""
        from livermore.apps.api import shapes

        if chosen.get("exchange"):
            await self._system.market.exchange(chosen["exchange"])
        page = await self._system.signals.list(self._scope, start=start, end=end, **chosen)
        return plain(shapes.SignalsShape(signals=shapes.signal_shapes(page.signals), next=page.next))

    async def explain(self, signal_id: str) -> Any:
        """Return why a signal fired."""
        return plain(await self._system.signals.explain(self._scope, signal_id))

    async def alerts(self, **chosen: Any) -> Any:
        """Return a page of alerts."""
        from livermore.apps.api import shapes

        page = await self._system.signals.alerts(self._scope, **chosen)
        return plain(shapes.AlertsShape(alerts=shapes.alert_shapes(page.alerts), next=page.next))

    async def commands(self, **chosen: Any) -> Any:
        """Return a page of commands."""
        from livermore.apps.api.command_shapes import commands_shape
        from livermore.control.lifecycle import Status

        name, status = chosen.pop("type"), chosen.pop("status")
        wanted = chosen | {"of_type": name, "status": Status(status) if status else None}
        control, now = self._system.control, self._system.clock.now()
        return commands_shape(await control.journal.history(self._scope, now, **wanted))

    async def command(self, command_id: str) -> Any:
        """Return one command."""
        from livermore.control.shape import shape_of

        control, now = self._system.control, self._system.clock.now()
        found = await control.journal.get(self._scope, command_id.lower(), now)
        if found is None:
            raise NotFoundError(f"there is no command {command_id}")
        return shape_of(found)

    async def chain(self, expected: str | None) -> Any:
        """Prove the chain."""
        from livermore.apps.api.command_shapes import chain_shape

        (report,) = await self._system.control.trail.verify(self._scope, expected)
        return plain(chain_shape(report))

    async def exchanges(self) -> Any:
        """Return the rows of exchanges."""
        from livermore.apps.api import shapes

        return plain(shapes.ExchangesShape(exchanges=await self._system.market.exchanges()))

    async def candles(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None, end: int | None, limit: int
    ) -> Any:
        """Return candles of one series."""
        from livermore.apps.api import shapes

        page = await self._system.market.candles(
            exchange, symbol, timeframe, start=start, end=end, limit=limit
        )
        return plain(shapes.candles_shape(page))

    async def symbols(self) -> Any:
        """Return the watchlist, with the prices that are stored last."""
        return await stored_watchlist(self._system, self._scope)

    async def listed(self, query: Mapping[str, Any]) -> Any:
        """Return what fits in the listing that is stored."""
        return await stored_search(self._system, self._scope, query)

    async def coverage_grid(self) -> Any:
        """Return what the stored series of the watchlist lack."""
        from livermore.apps.api import shapes

        stored: dict[tuple[str, str], list[str]] = {}
        for exchange, symbol, timeframe in await self.series():
            stored.setdefault((exchange, symbol), []).append(timeframe)
        rows = [await self._system.coverage.stored_row(*name, lengths) for name, lengths in stored.items()]
        return plain(shapes.CoverageGridShape(symbols=rows))

    async def coverage(
        self, exchange: str, symbol: str, timeframe: str, *, start: int | None, end: int | None
    ) -> Any:
        """Return what one series lacks."""
        from livermore.apps.api import shapes

        found = await self._system.coverage.of(exchange, symbol, timeframe, start=start, end=end)
        return plain(shapes.coverage_shape(found))

    async def series(self) -> list[tuple[str, str, str]]:
        """Return the stored series of every symbol on the watchlist: exchange, symbol, timeframe."""
        from livermore.kernel.timeframe import Timeframe

        every = [(*name, str(length)) for name in await self._listed() for length in Timeframe]
        return [one for one in every if await self._is_stored(*one)]

    async def _listed(self) -> list[tuple[str, str]]:
        """Return the watchlist, also what of it is switched off, as exchange and symbol."""
        from livermore.settings.forms import qualify

        document = (await self._system.settings.current(self._scope)).document
        primary = document.perseus_profile.primary_exchange
        listed = [qualify(name, primary) for name in document.symbols]
        return [(name.exchange, name.symbol) for name in listed if name.exchange is not None]

    async def _is_stored(self, exchange: str, symbol: str, timeframe: str) -> bool:
        try:
            await self._system.market.named(exchange, symbol, timeframe)
        except NotFoundError:
            return False
        return True

    async def exchange_of(self, symbol: str) -> str:
        """Return the one exchange of the watchlist, or of several the one on which the symbol is."""
        return only(symbol, await self._listed())


def read(workspace: Path, source: str | None, question: Callable[[Reader], Awaitable[Answer]]) -> Answer:
    """Put a question to the running server, else to the stored database, and say so.

    A `source` (live, demo, replay) asks its database in any case.
    Errors: NotRunningError when there is neither.
    """
    server = find_server(workspace) if source is None else None
    if server is not None:
        try:
            return asyncio.run(_awaited(question(ServerReader(server))))
        except NotRunningError:
            if "LIVERMORE_URL" in os.environ:
                raise
    stored = find_database(workspace, source)
    answer = read_stored(stored, question)
    note(f"no server was asked: this is what {stored.name} holds")
    return answer


def read_stored(stored: Stored, question: Callable[[StoreReader], Awaitable[Answer]]) -> Answer:
    """Put a question to a database, whether a server runs on it or not."""
    return asyncio.run(_from_store(stored.url, question))


async def _from_store(url: str, question: Callable[[StoreReader], Awaitable[Answer]]) -> Answer:
    from livermore import bootstrap

    system = await bootstrap.read_only(url)
    try:
        return await question(StoreReader(system))
    finally:
        await system.stop()


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer


def plain(value: Any) -> Any:
    """Return a struct as JSON-ready values; paths become text."""
    import msgspec

    return msgspec.to_builtins(value, enc_hook=str)


def path_of(exchange: str, symbol: str, timeframe: str) -> str:
    """Write the name of a series as a part of an address."""
    return "/".join(quote(part, safe="") for part in (exchange, symbol, timeframe))


def only(symbol: str, watched: Sequence[tuple[str, str]]) -> str:
    """Return the one exchange there is, or the one of several that watches a symbol."""
    every = dict.fromkeys(exchange for exchange, _ in watched)
    names = [exchange for exchange, name in watched if name == symbol] if len(every) > 1 else list(every)
    if len(names) != 1:
        raise InvalidError(
            "the symbol alone does not say on which exchange",
            where="SERIES",
            hint=f"write EXCHANGE:SYMBOL, such as {next(iter(names or every), 'coinbase')}:{symbol}",
        )
    return names[0]
