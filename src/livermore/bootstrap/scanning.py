"""How the scanner is joined, who asks it by the hour, and what a first start sets for it."""

from __future__ import annotations

from typing import Any

from livermore.control.room import ControlRoom
from livermore.kernel.clock import Clock
from livermore.kernel.scope import Scope
from livermore.market.listings import Asking, Listings
from livermore.market.scan_schedule import ScanSchedule, Watching
from livermore.market.scanning import NAME, Scanner, ScannerCommands
from livermore.settings.quotes import DEFAULT_QUOTE, usual_quote
from livermore.settings.service import SettingsService


def first_scanner(exchange: str) -> dict[str, Any]:
    """Return what revision 1 says of the scanner, where the default does not fit the primary exchange."""
    quote = usual_quote(exchange)
    return {} if quote == DEFAULT_QUOTE else {"scanner": {"quote": quote}}


def commanded_scanner(
    control: ControlRoom, settings: SettingsService, listings: Listings, adapter: Asking, clock: Clock
) -> Scanner:
    """Join the scanner and enter its command."""
    scanner = Scanner(settings, listings, adapter, control.journal, clock)
    ScannerCommands(scanner, settings).register(control.registry)
    return scanner


def scan_schedule(control: ControlRoom, watching: Watching, clock: Clock) -> ScanSchedule:
    """Join what submits scans on behalf of users who want them."""

    async def scan(scope: Scope) -> None:
        await control.channel.submit(scope, NAME, {}, author="livermore", role="operator", source="system")

    return ScanSchedule(watching, control.journal, scan, clock)
