"""Reading a user's settings, and what they say is watched."""

from __future__ import annotations

from dataclasses import dataclass

from livermore.kernel.scope import Scope
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import Qualified, qualify
from livermore.settings.ports import SettingsStore
from livermore.settings.upgrade import read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The newest revision of a user's settings, upgraded and with its defaults."""

    document: SettingsDocument
    revision: int
    updated_at: str


class SettingsService:
    """Answer what a user has chosen."""

    def __init__(self, store: SettingsStore) -> None:
        self._store = store

    async def current(self, scope: Scope) -> Current:
        """Return the newest revision.

        Errors: NotFoundError for an unknown user, SettingsProblemsError, NewerFormatError.
        """
        stored = await self._store.current(scope)
        document = read_settings(stored.document)
        return Current(document=document, revision=stored.revision, updated_at=stored.updated_at)


def watched_symbols(document: SettingsDocument) -> tuple[tuple[str, str], ...]:
    """Return the enabled watchlist as (exchange, symbol), in its order.

    Left out are symbols of an exchange that is switched off, and plain names while no primary exchange is
    chosen: no exchange is ever guessed.
    """
    primary = document.perseus_profile.primary_exchange
    off = {qualify(name, primary) for name in document.disabled_symbols}
    listed = (qualify(name, primary) for name in document.symbols)
    return tuple(
        (name.exchange, name.symbol)
        for name in listed
        if name.exchange is not None and name not in off and _is_used(document, name)
    )


def _is_used(document: SettingsDocument, name: Qualified) -> bool:
    access = document.exchanges.get(name.exchange or "")
    return access is None or access.enabled
