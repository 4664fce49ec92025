"""What the owner of a key holds."""

from __future__ import annotations

from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.wire import Account, AccountList
from livermore.kernel.errors import ExchangeUnreachableError

PATH = "/accounts"
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
