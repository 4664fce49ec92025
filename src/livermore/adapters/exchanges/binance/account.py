"""What a key opens, and what it may do."""

from __future__ import annotations

from livermore.accounts.exchange_account import KeyReport
from livermore.adapters.exchanges.binance.refusals import NoInterfaceError
from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.wire import AccountPowers, Restrictions

PATH, WEIGHT = "/api/v3/account", 20
RESTRICTIONS, RESTRICTIONS_WEIGHT = "/sapi/v1/account/apiRestrictions", 1


async def key_report(rest: Rest) -> KeyReport:
    """Read the account, then ask what the key may do.

    What the account says of trading is true of the account; a key may do less, never more. Binance US tells
    nothing of its keys.
    """
    account = await rest.get_signed(PATH, AccountPowers, weight=WEIGHT, omitZeroBalances="true")
    latency = round(rest.took * 1000)
    try:
        key = await rest.get_signed(RESTRICTIONS, Restrictions, weight=RESTRICTIONS_WEIGHT)
    except NoInterfaceError:
        return KeyReport(
            latency_ms=latency, can_view=True,
            can_trade=None if account.can_trade else False,
            can_withdraw=None if account.can_withdraw else False,
        )  # fmt: skip
    return KeyReport(latency_ms=latency, can_view=key.views, can_trade=key.trades, can_withdraw=key.withdraws)
