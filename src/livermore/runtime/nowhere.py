"""Where nothing runs: what is asked of runtimes is answered all the same."""

from __future__ import annotations

from typing import Literal

from livermore.kernel.scope import Scope
from livermore.runtime.status import STOPPED, RuntimeStatus
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Effect, Outlook, Verdict

WHY = "nothing runs here; it holds at the next start"


class Nowhere:
    """The runtimes of a process that only reads and writes what others run by."""

    async def start(self, first: Scope) -> None:
        """Run nothing."""

    async def stop(self) -> None:
        """Have nothing to stop."""

    def status(self, scope: Scope) -> RuntimeStatus:
        """Say that nothing runs."""
        return STOPPED

    def rests(self, scope: Scope) -> Literal["off"]:
        """Say that nothing watches."""
        return "off"

    def applied(self, scope: Scope) -> None:
        """Hold no settings."""

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say that a change does nothing yet."""
        effect = Effect(kind="wait", target="runtime", detail=WHY)
        return Outlook(effects=(effect,) if before != after else ())

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        """Say that nothing holds where nothing runs."""
        return Verdict(saved=revision, applied=None, error=WHY)
