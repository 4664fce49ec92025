"""Read a request's parameters as strictly as Binance does."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from livermore.adapters.exchanges.simulated.binance.refusals import (
    illegal,
    invalid_interval,
    invalid_symbol,
    missing,
)
from livermore.kernel.timeframe import Timeframe

_SYMBOL = re.compile(r"[A-Z0-9\-._\u0080-\uffff]{1,50}")
_NUMBER = re.compile(r"[0-9]{1,20}")


def symbol_of(query: Mapping[str, str], listed: Collection[str]) -> str:
    """Return the listed symbol that a request must name."""
    name = query.get("symbol", "")
    if not name:
        raise missing("symbol")
    return _listed(name, listed, "symbol")


def symbols_of(query: Mapping[str, str], listed: Collection[str]) -> list[str] | None:
    """Return the symbols that a request names, one or several; None when it names none."""
    if "symbol" in query:
        return [symbol_of(query, listed)]
    if "symbols" not in query:
        return None
    try:
        names = msgspec.json.decode(query["symbols"], type=list[str])
    except msgspec.DecodeError:
        raise illegal("symbols", r'^\["[A-Z0-9-_.]{1,50}"(,"[A-Z0-9-_.]{1,50}"){0,}\]$') from None
    return [_listed(name, listed, "symbols") for name in names]


def timeframe_of(query: Mapping[str, str], offered: Collection[Timeframe]) -> Timeframe:
    """Return the offered timeframe that a request must name."""
    name = query.get("interval", "")
    if not name:
        raise missing("interval")
    if name not in offered:
        raise invalid_interval()
    return Timeframe(name)


def number_of(query: Mapping[str, str], parameter: str) -> int | None:
    """Return a number that a request may give."""
    text = query.get(parameter)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise illegal(parameter, "^[0-9]{1,20}$")
    return int(text)


def _listed(name: str, listed: Collection[str], parameter: str) -> str:
    if not _SYMBOL.fullmatch(name):
        raise illegal(parameter, "^[A-Z0-9-_.]{1,50}$")
    if name not in listed:
        raise invalid_symbol()
    return name
