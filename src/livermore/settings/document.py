"""Everything that can be set: one document for each user, frozen, version 2.

The model checks form. Whether an exchange, a symbol or a variable exists is asked on write, so that a stored
document always loads. `read_settings` reads one, with its upgrade; `SettingsDocument.plain` writes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from livermore.settings.forms import (
    Amount,
    Asset,
    Count,
    Currency,
    Days,
    EnvironmentName,
    ExchangeKey,
    ExchangeName,
    Folder,
    Locale,
    Moment,
    Name,
    SymbolName,
    SymbolPattern,
    TimeOfDay,
    Whole,
    Words,
    Zone,
    only_text,
    qualify,
    repeated,
    strict_off,
)
from livermore.settings.quotes import DEFAULT_QUOTE
from livermore.settings.section import Section, absent, extra, setting

NEWEST_VERSION = 2
DEFAULT_KEEP_DAYS: Mapping[str, int | None] = {
    "1m": 30, "5m": 180, "15m": 365, "1h": None, "4h": None, "1d": None,
}  # fmt: skip

AnyTimeframe = Annotated[Timeframe, strict_off(), BeforeValidator(only_text)]
Delivery = Literal["on", "silent", "off"]
Mode = Literal["position-monitor", "scalper-macdv", "scalper-orderbook"]


class Profile(Section):
    """Who watches, through which exchange, and how times and money are written."""

    public_name: Name | None = absent("The name that others see.", "hot")
    description: Words | None = absent("A few words about this user or desk.", "hot")
    primary_exchange: ExchangeName | None = absent(
        "The exchange of every plain name on the watchlist; written at the first start.",
        "warm",
        "closes the streams of the old exchange and opens those of the new one",
    )
    trading_mode: Literal["paper", "live"] = setting(
        "paper",
        "Where positions come from: the paper ledger, or the exchange account. No order is ever placed.",
        "warm",
        "reads the positions again",
    )
    currency: Currency = setting("USD", "The currency or stablecoin in which values are shown.", "hot")
    timezone: Zone = setting("UTC", "The IANA time zone in which times are shown.", "hot")
    locale: Locale = setting("en-US", "How numbers and dates are written (BCP 47).", "hot")


class Logging(Section):
    """Where files go, and how much is told."""

    data_directory: Folder | None = absent("The folder for exports, charts and backups.", "hot")
    log_directory: Folder | None = absent("The folder for log files.", "restart")
    verbosity_level: Literal["error", "warn", "info", "debug"] = setting(
        "error", "The least important kind of line that is logged.", "hot"
    )


class Runtime(Section):
    """How the runtime starts, and what it does."""

    auto_start: bool = setting(
        False,
        "Whether a runtime without a stored state starts at once; otherwise it waits, paused, for resume.",
        "restart",
    )
    logging: Logging = setting(Logging, "Where files go, and how much is told.", "restart")
    mode: Mode = setting(
        "position-monitor",
        "What is watched: positions, the watchlist on every timeframe, or (planned) order books.",
        "warm",
        "judges other timeframes, by rules that go on where they stood",
    )


class ExchangeAccess(Section):
    """Access to one exchange; an exchange without an entry serves public data without keys."""

    enabled: bool = setting(
        True, "Whether this exchange is used at all.", "warm", "connects or disconnects it"
    )
    ApiKeyEnvironmentVariableName: EnvironmentName | None = absent(
        "The environment variable that holds the API key, named like Coinbase_ApiKeyId.",
        "hot",
    )
    SecretEnvironmentVariableName: EnvironmentName | None = absent(
        "The environment variable that holds the secret, named like Coinbase_ApiSecret.",
        "hot",
    )
    PasswordEnvironmentVariableName: EnvironmentName | None = absent(
        "The environment variable that holds the passphrase, where an exchange asks for one.",
        "hot",
    )


class Scanner(Section):
    """The scanner proposes symbols by volume; it never adds one by itself."""

    enabled: bool = setting(False, "Whether the scanner looks for symbols by itself.", "hot")
    limit: Whole = setting(50, "How many symbols it proposes.", "hot")
    quote: Asset = setting(DEFAULT_QUOTE, "The quote asset of the symbols it proposes.", "hot")
    minimum_quote_volume_24h: Amount = setting(
        100000, "The least volume of 24 hours, in the quote asset.", "hot"
    )
    every_hours: Whole | None = absent("How often it looks by itself; once a day if absent.", "hot")
    minimum_age_days: Days | None = absent("For how many days a market must have been open.", "hot")
    maximum_spread_percent: Amount | None = absent("How far bid and ask may be apart at most.", "hot")
    blacklist: Annotated[tuple[SymbolPattern, ...], strict_off()] | None = absent(
        "Patterns of symbols that are never proposed; * stands for any letters.", "hot"
    )


class Positions(Section):
    """Which positions are watched, and how often they are read."""

    minimum_value: Amount = setting(2, "The least value of a position worth watching, in dollars.", "hot")
    refresh_seconds: Whole = setting(300, "How often positions are read.", "hot")


class Reversal(Section):
    """How far the histogram must have turned, as a share of |MACD-V|."""

    oversold_buffer: Amount = setting(0.05, "The share above which an oversold market has turned.", "hot")
    overbought_buffer: Amount = setting(0.03, "The share above which an overbought market has turned.", "hot")


class QuietHours(Section):
    """The hours of each day in which alerts are held, to be sent when they end."""

    start: TimeOfDay = Field(
        alias="from", json_schema_extra=extra("When the quiet hours begin (HH:MM).", "hot")
    )
    end: TimeOfDay = Field(
        alias="to",
        json_schema_extra=extra("When they end (HH:MM), the next day if earlier.", "hot"),
    )
    zone: Zone | None = absent("The time zone of both; the profile's if absent.", "hot")

    @model_validator(mode="after")
    def _lasts(self) -> QuietHours:
        if self.start == self.end:
            raise ValueError("must begin and end at different times")
        return self


class RouteEvents(Section):
    """Which events take a route: with a sound, silently, or not at all."""

    level: Delivery = setting("on", "A level was crossed.", "hot")
    reversal: Delivery = setting("on", "An extreme market has turned.", "hot")
    system: Delivery = setting("on", "Something happened to Livermore, or to a watched market.", "hot")


class Route(Section):
    """Where alerts go; the terminal gets them without a route."""

    channel: ExchangeName = Field(
        json_schema_extra=extra("The kind of channel: terminal or webhook, for example.", "hot")
    )
    url_environment_variable: EnvironmentName | None = absent(
        "The environment variable that holds the channel's URL. Never the URL itself.", "hot"
    )
    events: RouteEvents = setting(RouteEvents, "Which events take this route.", "hot")


class Alerts(Section):
    """What is reported, and where it goes."""

    enabled: bool = setting(True, "Whether alerts are sent; signals are stored in any case.", "hot")
    low_confidence: bool = setting(False, "Whether signals of thin markets are sent, too.", "hot")
    levels: Annotated[tuple[Whole, ...], strict_off()] = setting(
        (150, 200, 250, 300, 350, 400), "The levels of |MACD-V| whose crossing is reported, ascending.", "hot"
    )
    reversal: Reversal = setting(Reversal, "When an extreme market counts as turned.", "hot")
    cooldown_seconds: Count = setting(
        300, "How long the same level or reversal of a series is not reported again.", "hot"
    )
    quiet_hours: QuietHours | None = setting(
        None, "The hours of each day in which alerts are held, or null.", "hot"
    )
    routes: Annotated[tuple[Route, ...], strict_off()] = setting(
        (), "Where alerts go besides the terminal.", "hot"
    )

    @field_validator("levels")
    @classmethod
    def _ascend(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if any(following <= level for level, following in pairwise(levels)):
            raise ValueError("must ascend, each level once")
        return levels

    @field_validator("routes")
    @classmethod
    def _differ(cls, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        if repeated([(route.channel, route.url_environment_variable) for route in routes]) is not None:
            raise ValueError("must differ in their channel or in their environment variable")
        return routes


class Storage(Section):
    """How long candles are kept."""

    keep_days: Annotated[Mapping[AnyTimeframe, Days | None], Field(validate_default=True)] = setting(
        DEFAULT_KEEP_DAYS, "How many days of candles are kept by timeframe; null keeps all.", "hot"
    )

    @field_validator("keep_days", mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        # One timeframe may be stored alone, by a patch; the others keep their defaults.
        return {**DEFAULT_KEEP_DAYS, **given} if isinstance(given, Mapping) else given


class SettingsDocument(Section):
    """Everything that one user can set."""

    version: Literal[2] = setting(
        NEWEST_VERSION, "The version of this schema; only an upgrade moves it.", "hot"
    )
    sub: Name | None = absent("Whose document this is: the user's identity_sub.", "hot")
    perseus_profile: Profile = setting(Profile, "Who watches, and how values are shown.", "warm")
    livermore_runtime: Runtime = setting(Runtime, "How the runtime starts, and what it does.", "restart")
    exchanges: Mapping[ExchangeKey, ExchangeAccess] = setting(
        dict,
        "Access to exchanges by name; none is needed for public data.",
        "warm",
        "connects or disconnects what is switched on or off",
    )
    symbols: Annotated[tuple[SymbolName, ...], strict_off()] = setting(
        (),
        "The watchlist, in the exchange's own names: plain for the primary exchange, else exchange:SYMBOL.",
        "warm",
        "subscribes to what was added and lets go of what was removed",
    )
    scanner_exchange: ExchangeName | None = absent("The exchange that was scanned last.", "hot")
    scanner_symbols_last_update: Moment | None = absent("When it was scanned (RFC 3339).", "hot")
    disabled_symbols: Annotated[tuple[SymbolName, ...], strict_off()] = setting(
        (),
        "Symbols of the watchlist that are switched off.",
        "warm",
        "subscribes to what was switched on and lets go of what was switched off",
    )
    timeframes: Annotated[tuple[AnyTimeframe, ...], strict_off()] = setting(
        DEFAULT_TIMEFRAMES, "The timeframes that are watched.", "warm", "loads and computes what was added"
    )
    scanner: Scanner = setting(Scanner, "How symbols are proposed.", "hot")
    positions: Positions = setting(Positions, "Which positions are watched.", "hot")
    alerts: Alerts = setting(Alerts, "What is reported, and where it goes.", "hot")
    storage: Storage = setting(Storage, "How long candles are kept.", "hot")

    @field_validator("symbols", "disabled_symbols")
    @classmethod
    def _once(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        twice = repeated([qualify(name, _primary(info)) for name in names])
        if twice is not None:
            raise ValueError(f"must hold each symbol once, and {twice.symbol} is there twice")
        return names

    @field_validator("disabled_symbols")
    @classmethod
    def _listed(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        listed = {qualify(name, _primary(info)) for name in info.data.get("symbols", names)}
        strange = [name for name in names if qualify(name, _primary(info)) not in listed]
        if strange:
            raise ValueError(f"must be on the watchlist (symbols), and {strange[0]} is not")
        return names

    @field_validator("timeframes")
    @classmethod
    def _some(cls, timeframes: tuple[Timeframe, ...]) -> tuple[Timeframe, ...]:
        if not timeframes:
            raise ValueError("must not be empty")
        twice = repeated(timeframes)
        if twice is not None:
            raise ValueError(f"must hold each timeframe once, and {twice} is there twice")
        return timeframes

    def plain(self) -> dict[str, Any]:
        """Return the whole document as JSON-ready values, defaults filled in, under the names on the wire."""
        return self.model_dump(mode="json", by_alias=True)


def _primary(info: ValidationInfo) -> str | None:
    """Return the primary exchange, which stands before the symbols in the document."""
    profile = info.data.get("perseus_profile")
    return profile.primary_exchange if isinstance(profile, Profile) else None
