"""What a key is told of its owner: some accounts, and what it may do with them."""

from __future__ import annotations

from typing import Any

from livermore.adapters.exchanges.simulated.keys import Key

PORTFOLIO = "0b5ef4a4-7f5a-4f0e-9d53-0a4a4a7c5d10"
BALANCES = {"BTC": ("0.25", "0.05"), "ETH": ("4", "0"), "USD": ("12500.5", "0"), "USDC": ("0", "0")}


def permissions(key: Key) -> dict[str, Any]:
    """Return what a key may do."""
    return {
        "can_view": "view" in key.may,
        "can_trade": "trade" in key.may,
        "can_transfer": "withdraw" in key.may,
        "portfolio_uuid": PORTFOLIO,
        "portfolio_type": "DEFAULT",
    }


def accounts() -> dict[str, Any]:
    """Return every account, all on one page."""
    rows = [_account(place, currency, *both) for place, (currency, both) in enumerate(BALANCES.items())]
    return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}


def _account(place: int, currency: str, available: str, hold: str) -> dict[str, Any]:
    return {
        "uuid": f"{place:08d}-7f5a-4f0e-9d53-0a4a4a7c5d10",
        "name": f"{currency} Wallet",
        "currency": currency,
        "available_balance": {"value": available, "currency": currency},
        "hold": {"value": hold, "currency": currency},
        "default": True,
        "active": True,
        "ready": True,
        "created_at": "2021-05-31T09:59:59.000Z",
        "updated_at": "2021-05-31T09:59:59.000Z",
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if currency == "USD" else "ACCOUNT_TYPE_CRYPTO",
        "retail_portfolio_id": PORTFOLIO,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }
