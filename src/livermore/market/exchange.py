"""An exchange as its row describes it: where it is, what it offers, what it allows, what it costs."""

from __future__ import annotations

from typing import Any

import msgspec

from livermore.kernel.timeframe import Timeframe


class ExchangeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `exchanges`; its URLs are what the adapters use, its limits a ceiling."""

    name: str
    display_name: str
    ws_url: str | None = None
    rest_url: str | None = None
    supported_timeframes: tuple[str, ...] = ()
    api_limits: dict[str, Any] | None = None
    fee_schedule: dict[str, Any] | None = None
    geo_restrictions: dict[str, Any] | None = None
    is_active: bool = True

    def timeframes(self) -> tuple[Timeframe, ...]:
        """Return the timeframes of ours that the exchange offers, shortest first."""
        ours = (timeframe for timeframe in Timeframe if timeframe in self.supported_timeframes)
        return tuple(sorted(ours, key=lambda timeframe: timeframe.milliseconds))

    def ceiling(self, name: str) -> float | None:
        """Return one of the row's limits, where it says a number above nothing."""
        told = (self.api_limits or {}).get(name)
        if isinstance(told, bool) or not isinstance(told, (int, float)):
            return None
        return told if told > 0 else None


COINBASE = ExchangeInfo(
    name="coinbase",
    display_name="Coinbase Advanced Trade",
    ws_url="wss://advanced-trade-ws.coinbase.com",
    rest_url="https://api.coinbase.com",
    supported_timeframes=("1m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "1d"),
    api_limits={"ws_connections_per_ip": 750, "ws_messages_per_second": 8, "rest_weight_limit": 10000},
    fee_schedule={"base_maker": 0.006, "base_taker": 0.012},
)
BINANCE = ExchangeInfo(
    name="binance",
    display_name="Binance Spot",
    ws_url="wss://stream.binance.com:9443",
    rest_url="https://api.binance.com",
    supported_timeframes=(
        "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
    ),
    api_limits={"ws_connections_per_5min": 300, "rest_weight_limit": 6000, "orders_per_10s": 50},
    fee_schedule={"base_maker": 0.001, "base_taker": 0.001},
)  # fmt: skip
BINANCE_US = msgspec.structs.replace(
    BINANCE,
    name="binance_us",
    display_name="Binance US",
    ws_url="wss://stream.binance.us:9443",
    rest_url="https://api.binance.us",
    api_limits={"ws_connections_per_5min": 300, "rest_weight_limit": 1200, "orders_per_10s": 50},
)
SEEDED = (COINBASE, BINANCE)
PRESETS = {preset.name: preset for preset in (COINBASE, BINANCE, BINANCE_US)}
