"""What a document names must exist: exchanges, symbols, timeframes, and the variables that hold keys.

The first three are asked of a listing, on write and only for what is new. A variable that does not resolve
is a warning: it may be set later, and for another process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import msgspec

from livermore.settings.document import SettingsDocument
from livermore.settings.forms import qualify
from livermore.settings.path import Path, dotted
from livermore.settings.ports import Listing
from livermore.settings.problems import Problem

Offered = Mapping[str, Sequence[str]]
VARIABLES = (
    "ApiKeyEnvironmentVariableName",
    "SecretEnvironmentVariableName",
    "PasswordEnvironmentVariableName",
)
NO_EXCHANGE = (
    "is a plain name, and no exchange is named: write exchange:SYMBOL, or choose a primary exchange first"
)


class Named(NamedTuple):
    """Something that must exist: an exchange, or a symbol or a timeframe of it.

    A symbol for which no exchange is named does not.
    """

    exchange: str | None
    symbol: str | None = None
    timeframe: str | None = None


class Caution(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is saved and will not work as it is; `hint` says what to do."""

    path: str
    message: str
    hint: str


def named_in(document: SettingsDocument) -> dict[Named, Path]:
    """Return everything that a document names, each with the place where it does first."""
    named: dict[Named, Path] = {}
    for name, path in _named(document):
        named.setdefault(name, path)
    return named


def _named(document: SettingsDocument) -> Iterator[tuple[Named, Path]]:
    primary = document.perseus_profile.primary_exchange
    if primary is not None:
        yield Named(primary), ("perseus_profile", "primary_exchange")
    for exchange in document.exchanges:
        yield Named(exchange), ("exchanges", exchange)
    for number, name in enumerate(document.symbols):
        listed = qualify(name, primary)
        if listed.exchange is not None:
            yield Named(listed.exchange), ("symbols", number)
        yield Named(listed.exchange, listed.symbol), ("symbols", number)
    if document.scanner_exchange is not None:
        yield Named(document.scanner_exchange), ("scanner_exchange",)
    watched = {qualify(name, primary).exchange for name in document.symbols} | {primary}
    for number, timeframe in enumerate(document.timeframes):
        for exchange in sorted(filter(None, watched)):
            yield Named(exchange, timeframe=timeframe), ("timeframes", number)


async def missing(named: Mapping[Named, Path], listing: Listing) -> list[Problem]:
    """Ask which of these things do not exist. Errors: ExchangeUnreachableError when nobody can tell."""
    offered = await listing.exchanges()
    problems = [problem for name, path in named.items() if (problem := _unknown(name, path, named, offered))]
    symbols = defaultdict(list)
    for name in named:
        if name.symbol is not None and name.exchange is not None and name.exchange in offered:
            symbols[name.exchange].append(name.symbol)
    for exchange, asked in symbols.items():
        for symbol, why in (await listing.unlisted(exchange, asked)).items():
            problem = Problem(
                path=dotted(named[Named(exchange, symbol)]), message=f"is not there: {why.reason}"
            )
            problems.append(problem | {"suggestion": why.suggestion} if why.suggestion else problem)
    return problems


def _unknown(name: Named, path: Path, named: Mapping[Named, Path], offered: Offered) -> Problem | None:
    """Return what is wrong with an exchange or a timeframe; an unknown exchange is told once."""
    if name.exchange is None:
        return Problem(path=dotted(path), message=NO_EXCHANGE)
    if name.exchange not in offered:
        if name != Named(name.exchange) and Named(name.exchange) in named:
            return None
        problem = Problem(
            path=dotted(path), message=f"names {name.exchange}, which is no exchange known here"
        )
        nearest = get_close_matches(name.exchange, offered, n=1)
        return problem | {"suggestion": nearest[0]} if nearest else problem
    if name.timeframe is not None and name.timeframe not in offered[name.exchange]:
        return Problem(
            path=dotted(path), message=f"is {name.timeframe}, which {name.exchange} does not offer"
        )
    return None


def unresolved(document: SettingsDocument, environment: Mapping[str, str]) -> tuple[Caution, ...]:
    """Return a warning for each variable that is named and not set in this process."""
    return tuple(
        Caution(
            path=dotted(path),
            message=f"{variable} is not set in the environment of Livermore",
            hint=f"set {variable} for the process that runs Livermore, and start that anew",
        )
        for variable, path in _variables(document)
        if not environment.get(variable, "").strip()
    )


def _variables(document: SettingsDocument) -> Iterator[tuple[str, Path]]:
    for exchange, access in document.exchanges.items():
        for field in VARIABLES:
            variable = getattr(access, field)
            if variable is not None:
                yield variable, ("exchanges", exchange, field)
    for number, route in enumerate(document.alerts.routes):
        if route.url_environment_variable is not None:
            yield route.url_environment_variable, ("alerts", "routes", number, "url_environment_variable")
