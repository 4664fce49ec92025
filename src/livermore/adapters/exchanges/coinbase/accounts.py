"""What the owner of a key holds, and what the key may do."""

from __future__ import annotations

from livermore.accounts.exchange_account import KeyReport
from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.wire import Account, AccountList, Permissions
from livermore.kernel.errors import ExchangeUnreachableError

PATH = "/accounts"
PERMISSIONS = "/key_permissions"
PAGE = 250
MOST_PAGES = 100


async def accounts(rest: Rest) -> list[Account]:
    """Return every account of the key, also the empty ones; a new token is signed for each page."""
    found: list[Account] = []
    query: dict[str, str | int] = {"limit": PAGE}
    for _ in range(MOST_PAGES):
        answer = await rest.get_signed(PATH, AccountList, query)
        found += answer.accounts
        if not (answer.has_next and answer.cursor):
            return found
        query["cursor"] = answer.cursor
    raise ExchangeUnreachableError("Coinbase's list of accounts does not end", where=PATH)


async def key_report(rest: Rest) -> KeyReport:
    """Ask what the key may do, then read the accounts, which it must be allowed to view."""
    key = await rest.get_signed(PERMISSIONS, Permissions)
    await rest.get_signed(PATH, AccountList, {"limit": 1})
    return KeyReport(
        latency_ms=round(rest.took * 1000),
        can_view=key.can_view,
        can_trade=key.can_trade,
        can_withdraw=key.can_transfer,
    )
