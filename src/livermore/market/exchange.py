"""An exchange as its row describes it: where it is, what it offers, what it allows, what it costs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite
from typing import Any

import msgspec

from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe

LIMITS = (
    "rest_weight_limit", "ws_connections_per_ip", "ws_connections_per_5min", "ws_messages_per_second",
    "orders_per_10s",
)  # fmt: skip
FEES = ("base_maker", "base_taker")
CCXT = "ccxt"  # among the limits: what ccxt calls the exchange
LARGEST_LIMIT, LARGEST_FEE = 10**9, 0.1
LONGEST_NAME, LONGEST_URL = 100, 255
OTHERS = "choose another exchange; its candles of a minute, or longer ones, are what is watched"
_TIMEFRAME = re.compile(r"[1-9][0-9]?[smhdwM]")


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


def checked(info: ExchangeInfo) -> ExchangeInfo:
    """Return a row that can be used; raise InvalidError, naming the field, for one that cannot."""
    name = info.display_name
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        what = f"a name has 1 to {LONGEST_NAME} characters, all on one line"
        raise InvalidError(what, where="display_name")
    for field, url in (("rest_url", info.rest_url), ("ws_url", info.ws_url)):
        if url is not None and len(url) > LONGEST_URL:
            raise InvalidError(f"an address has at most {LONGEST_URL} characters", where=field)
    _check_timeframes(info)
    for name, number in (info.api_limits or {}).items():
        _check_limit(name, number)
    for name, rate in (info.fee_schedule or {}).items():
        _check_fee(name, rate)
    return info


def _check_timeframes(info: ExchangeInfo) -> None:
    strange = [name for name in info.supported_timeframes if not _TIMEFRAME.fullmatch(name)]
    if strange:
        hint = f"such as: {' '.join(Timeframe)}"
        raise InvalidError(f"{strange[0]!r} is not a timeframe", where="supported_timeframes", hint=hint)
    if len(set(info.supported_timeframes)) < len(info.supported_timeframes):
        raise InvalidError("each timeframe stands there once", where="supported_timeframes")
    if info.supported_timeframes and not info.timeframes():
        what = f"none of these can be watched: {' '.join(info.supported_timeframes)}"
        raise InvalidError(what, where="supported_timeframes", hint=f"one at least of: {' '.join(Timeframe)}")
    if not info.supported_timeframes:
        what = f"{info.name} has no candles that can be watched"
        raise InvalidError(what, where="supported_timeframes", hint=OTHERS)


def _check_limit(name: str, number: Any) -> None:
    where = f"api_limits.{name}"
    if name == CCXT and isinstance(number, str):
        return
    _check_name(name, LIMITS, where)
    if not _is_number(number) or not 0 < number <= LARGEST_LIMIT:
        hint = "a limit is a number above 0; without it, what the exchange documents holds"
        raise InvalidError(f"{number!r} is no limit", where=where, hint=hint)


def _check_fee(name: str, rate: Any) -> None:
    where = f"fee_schedule.{name}"
    _check_name(name, FEES, where)
    if not _is_number(rate) or abs(rate) > LARGEST_FEE:
        hint = f"a share of the value, at most {LARGEST_FEE}: 0.006 is 0.6 %"
        raise InvalidError(f"{rate!r} is no fee", where=where, hint=hint)


def _check_name(name: str, known: Iterable[str], where: str) -> None:
    names = list(known)
    if name in names:
        return
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(names)}"
    raise InvalidError(f"{name!r} is not known", where=where, hint=hint)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
