"""What each user watches, for rooms that are asked to do something about it."""

from __future__ import annotations

from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.runtime.host import Host
from livermore.settings.forms import qualify
from livermore.settings.service import Current, watched_symbols


class WatchedHere:
    """Know the watchlists that are applied in this process."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def named(self, scope: Scope, exchange: str | None, symbol: str) -> tuple[str, str]:
        """Return the exchange and its own name of a symbol that a user names.

        A plain one is of `exchange`, else of the primary exchange. Raises NotFoundError for one that is not
        watched, ConflictError while nothing is.
        """
        current = self._current(scope)
        chosen = qualify(symbol, exchange or current.document.perseus_profile.primary_exchange)
        named = {(name.upper(), one.upper()): (name, one) for name, one in watched_symbols(current.document)}
        found = named.get(((chosen.exchange or "").upper(), chosen.symbol.upper()))
        if found is None:
            hint = "see the watched symbols with: livermore status"
            raise NotFoundError(f"{symbol} is not watched", where="payload.symbol", hint=hint)
        return found

    async def symbols(self, scope: Scope) -> tuple[tuple[str, str], ...]:
        """Return every symbol that a user watches, as (exchange, symbol)."""
        return watched_symbols(self._current(scope).document)

    def _current(self, scope: Scope) -> Current:
        runtime = self._host.of(scope)
        if runtime is None:
            raise NotFoundError("this user has no runtime here")
        idle, current = runtime.idles(), runtime.current
        if idle is not None or current is None:
            raise ConflictError(idle or "nothing is watched yet", hint="go on with: livermore resume")
        return current
