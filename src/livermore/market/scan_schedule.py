"""Scans by the hour, of users who have switched the scanner on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from livermore.control.ports import Journal
from livermore.kernel.clock import Clock, parse_time
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.market.scanning import NAME
from livermore.settings.document import SettingsDocument

LOOK = 60.0
HOUR = 3_600_000
EVERY_HOURS = 24
AGAIN = HOUR  # after a scan that came to nothing, ms
log = logger("market")

Watching = Callable[[], Iterable[tuple[Scope, SettingsDocument]]]
"""Tells the users whose runtimes watch something in this process, each with the settings that hold."""


class ScanSchedule:
    """Submit a scan for each user whose last one is too long ago.

    Only users whom this process hosts are looked at, so that no two processes scan for one; the journal
    tells what was asked for before, so that neither a restart nor a move asks for it again.
    """

    name = "scanner"

    def __init__(
        self, watching: Watching, journal: Journal, submit: Callable[[Scope], Awaitable[None]], clock: Clock
    ) -> None:
        self._watching = watching
        self._journal = journal
        self._submit = submit
        self._clock = clock
        self._background = Background(self._run)

    async def start(self) -> None:
        """Begin to look once a minute."""
        self._background.start()

    async def stop(self) -> None:
        """Look no more; a scan that was submitted goes on."""
        await self._background.stop()

    def health(self) -> Health:
        """Say whether it still looks."""
        return self._background.health()

    async def look(self) -> None:
        """Submit what is due now; what cannot be submitted is due again the next time."""
        now = self._clock.now()
        due = [scope for scope, document in self._watching() if is_due(document, now)]
        for scope in due:
            try:
                if await self._is_left_alone(scope, now):
                    await self._submit(scope)
            except LivermoreError as error:
                log.warning("a scan could not be asked for", user=scope.identity_sub, error=str(error))
            except Exception:
                # One user's trouble must not keep the others from being scanned for.
                log.exception("a scan could not be asked for", user=scope.identity_sub)

    async def _is_left_alone(self, scope: Scope, now: int) -> bool:
        """Say whether no scan goes on, and none was asked for within the hour that came to nothing."""
        page = await self._journal.history(scope, now, of_type=NAME, limit=1)
        return all(not one.is_open and now - one.submitted_at >= AGAIN for one in page.commands)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(LOOK)
            await self.look()


def is_due(document: SettingsDocument, now: int) -> bool:
    """Say whether a user wants to be scanned for and the last time is too long ago; `now` is in ms UTC."""
    if not document.scanner.enabled:
        return False
    last = document.scanner_symbols_last_update
    every = (document.scanner.every_hours or EVERY_HOURS) * HOUR
    return last is None or not 0 <= now - parse_time(last) < every
