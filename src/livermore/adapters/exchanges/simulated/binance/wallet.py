"""What a key is told: what the account holds and may do, and what the key itself may."""

from __future__ import annotations

from typing import Any

from livermore.adapters.exchanges.simulated.binance.signed import not_permitted
from livermore.adapters.exchanges.simulated.keys import Key

BALANCES = {"BTC": ("0.25000000", "0.05000000"), "ETH": ("4.00000000", "0.00000000")}
CREATED = 1_623_840_271_000


def account(key: Key) -> dict[str, Any]:
    """Return the account, if the key may see it; what it may do is the account's, not the key's."""
    if "view" not in key.may:
        raise not_permitted()
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "canTrade": "trade" in key.account,
        "canWithdraw": "withdraw" in key.account,
        "canDeposit": True,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": free, "locked": locked} for asset, (free, locked) in BALANCES.items()
        ],
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def restrictions(key: Key) -> dict[str, Any]:
    """Return what the key may do."""
    return {
        "ipRestrict": bool(key.addresses),
        "createTime": CREATED,
        "enableReading": "view" in key.may,
        "enableWithdrawals": "withdraw" in key.may,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": "trade" in key.may,
        "enablePortfolioMarginTrading": False,
    }
