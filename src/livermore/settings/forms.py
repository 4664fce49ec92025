"""The forms that values of the document take: what a name, a zone, a time of day must look like."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, WithJsonSchema

from livermore.settings.currencies import CURRENCIES

EXCHANGE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ZONE_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
ASSET = re.compile(r"[A-Z0-9]{2,20}")
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
SHORTEST_SECRET = 40
LONGEST_NAME = 200
LARGEST = 2_147_483_647

Value = TypeVar("Value", bound=Hashable)


class Qualified(NamedTuple):
    """A symbol with the exchange that lists it; None while no primary exchange is chosen."""

    exchange: str | None
    symbol: str


def qualify(name: str, primary: str | None) -> Qualified:
    """Read a name of the watchlist: `exchange:SYMBOL`, or a plain one of the primary exchange."""
    exchange, colon, symbol = name.partition(":")
    if colon and symbol and EXCHANGE_NAME.fullmatch(exchange):
        return Qualified(exchange, symbol)
    return Qualified(primary, name)


def repeated(values: Iterable[Value]) -> Value | None:
    """Return the first value that was there before."""
    seen: set[Value] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def looks_secret(text: str) -> bool:
    """Say whether a text is probably a key and not a name: a PEM block, or long without `_`."""
    return "-----BEGIN" in text or (len(text) >= SHORTEST_SECRET and "_" not in text)


def _environment_name(text: str) -> str:
    # What was given is never repeated in a message: it may be the secret itself.
    if looks_secret(text):
        raise ValueError("looks like a secret; give the name of the environment variable that holds it")
    if not ENVIRONMENT_NAME.fullmatch(text):
        raise ValueError("must be the name of an environment variable: letters, digits and _, no digit first")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"must be no longer than {LONGEST_NAME} letters")
    return text


def _exchange_name(text: str) -> str:
    if not EXCHANGE_NAME.fullmatch(text):
        raise ValueError("must be an exchange's name: lower-case letters, digits, _ and -, a letter first")
    return text


def _zone(name: str) -> str:
    # UTC is known even where the machine has no zone database.
    if name != "UTC" and not (ZONE_NAME.fullmatch(name) and _is_zone(name)):
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin")
    return name


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _moment(text: str) -> str:
    try:
        known = MOMENT.fullmatch(text) is not None and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise ValueError("must be a time in RFC 3339, such as 2026-01-31T12:00:00Z")
    return text


def _time_of_day(text: str) -> str:
    if not TIME_OF_DAY.fullmatch(text):
        raise ValueError("must be a time of day, such as 22:30")
    return text


def _locale(text: str) -> str:
    if not LOCALE.fullmatch(text):
        raise ValueError("must be a language tag (BCP 47), such as en-US")
    return text


def _currency(text: str) -> str:
    if text not in CURRENCIES:
        raise ValueError("must be the code of a currency (ISO 4217) or a stablecoin, such as USD or USDC")
    return text


def _asset(text: str) -> str:
    if not ASSET.fullmatch(text):
        raise ValueError("must be an asset as exchanges write it, such as USD, USDT or BTC")
    return text


def _symbol(text: str) -> str:
    symbol = qualify(text, None).symbol
    unfit = UNPRINTABLE.search(text) or symbol.startswith(":") or symbol.endswith(":")
    if unfit or not re.fullmatch(r"[^\s,]{1,50}", symbol):
        raise ValueError("must be an exchange's own name of a market, such as BTC-USD")
    return text


def _pattern(text: str) -> str:
    if UNPRINTABLE.search(text) or not re.fullmatch(r"[^\s,]{1,50}", text):
        raise ValueError("must be a symbol, or a pattern of symbols such as *UP-USDT")
    return text


def _printable(text: str) -> str:
    if UNPRINTABLE.search(text.translate({ord("\n"): " ", ord("\t"): " "})):
        raise ValueError("must be text without control characters")
    return text


def only_text(value: Any) -> Any:
    """Refuse all but texts before an enumeration asks for one, and repeats at length what it was given."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def strict_off() -> Any:
    """Let JSON's own types in where Python has finer ones: a list for a tuple, a text for a timeframe."""
    return Field(strict=False)


def _form(pattern: re.Pattern[str]) -> WithJsonSchema:
    """Tell editors the form of a text; refusing in plain words is for the validator beside it."""
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern.pattern})$"})


EnvironmentName = Annotated[str, AfterValidator(_environment_name), _form(ENVIRONMENT_NAME)]
ExchangeName = Annotated[str, AfterValidator(_exchange_name), _form(EXCHANGE_NAME)]
ExchangeKey = Annotated[str, AfterValidator(_exchange_name)]
Zone = Annotated[str, AfterValidator(_zone), _form(ZONE_NAME)]
Moment = Annotated[str, AfterValidator(_moment), _form(MOMENT)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day), _form(TIME_OF_DAY)]
Locale = Annotated[str, AfterValidator(_locale), _form(LOCALE)]
Currency = Annotated[str, AfterValidator(_currency), WithJsonSchema({"type": "string", "enum": CURRENCIES})]
Asset = Annotated[str, AfterValidator(_asset), _form(ASSET)]
SymbolName = Annotated[str, AfterValidator(_symbol)]
SymbolPattern = Annotated[str, AfterValidator(_pattern)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_printable)]
Words = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]
Folder = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_printable)]
Whole = Annotated[int, Field(ge=1, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Amount = Annotated[float, Field(ge=0)]
