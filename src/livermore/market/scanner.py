"""What the scanner proposes: the markets of a listing that pass its filters, held against a watchlist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

import msgspec

from livermore.kernel.errors import InvalidError
from livermore.market.listing import ListedSymbol, Listing, quotes_of
from livermore.settings.currencies import ISO_4217, STABLECOINS
from livermore.settings.document import SettingsDocument
from livermore.settings.forms import ASSET, UNPRINTABLE
from livermore.settings.watchlist import entries_of

MOST = 500
"""No proposal is longer."""
OLDEST_DAYS, MOST_PATTERNS, LONGEST_PATTERN = 36_500, 500, 50
STABLE = frozenset(STABLECOINS.split()) | {"BFUSD", "EUROP", "EURQ", "EURR", "GYEN", "USDG", "USDQ", "XUSD"}
FIAT = frozenset(ISO_4217.split())
DEALT_EVERYWHERE = frozenset(("AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "NZD", "SGD", "USD"))
LEVERAGED = ("UP", "DOWN", "BULL", "BEAR", "2L", "2S", "3L", "3S", "5L", "5S")
SHORTEST_STEM = 2


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed: the `limit` largest markets of an exchange by 24-hour volume, in the quote asset."""

    exchange: str | None = None
    quote: str = "USD"
    limit: int = 50
    minimum_quote_volume_24h: float = 100_000.0
    minimum_age_days: int | None = None
    maximum_spread_percent: float | None = None
    blacklist: tuple[str, ...] = ()


class Reason(StrEnum):
    """Why a market of the quote asset is not proposed."""

    HALTED = "halted"
    MONEY = "stablecoin_or_fiat"
    LEVERAGED = "leveraged"
    BLACKLISTED = "blacklisted"
    ALIAS = "alias"
    VOLUME = "volume"
    AGE = "age"
    SPREAD = "spread"
    LIMIT = "limit"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One proposed market: its place by volume, its day, and whether it is on the watchlist already."""

    symbol: str
    rank: int
    price: float | None
    change_24h_percent: float | None
    quote_volume_24h: float | None
    spread_percent: float | None = None
    watched: bool = False


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at `made_at` (RFC 3339), and how it differs from the watchlist.

    To `add` and to `keep` are what is proposed; `missing` is what is watched on that exchange and not
    proposed, which is only told. `left_out` counts the markets of the quote asset that are not proposed. The
    listing was `listing_age_seconds` old; its `trouble` is why no newer one could be had.
    """

    exchange: str
    made_at: str
    filters: Filters
    candidates: tuple[Candidate, ...]
    add: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    left_out: dict[str, int] = {}
    listing_age_seconds: int = 0
    trouble: str | None = None


class Patterns:
    """Names, and patterns of names in which `*` stands for any characters; capitals are alike."""

    def __init__(self, patterns: Iterable[str]) -> None:
        parts = [pattern.upper().split("*") for pattern in patterns]
        self._names = frozenset(first for first, *others in parts if not others)
        self._starred = [(first, others[:-1], others[-1]) for first, *others in parts if others]

    def fit(self, name: str) -> bool:
        """Say whether a name fits one of them."""
        name = name.upper()
        return name in self._names or any(_fits(name, *starred) for starred in self._starred)


def _fits(name: str, first: str, middle: Sequence[str], last: str) -> bool:
    """Say whether a name begins so, ends so, and has these parts in between, one behind the other."""
    if not (name.startswith(first) and name.endswith(last)):
        return False
    place, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end


class Choice(NamedTuple):
    """Markets that pass all that a listing can tell, the largest first, and why others do not."""

    markets: list[ListedSymbol]
    left_out: Counter[Reason]


def filters_of(document: SettingsDocument) -> Filters:
    """Return the filters that a user has set, for the primary exchange; None where there is none."""
    scanner = document.scanner
    return Filters(
        exchange=document.perseus_profile.primary_exchange,
        quote=scanner.quote,
        limit=min(scanner.limit, MOST),
        minimum_quote_volume_24h=scanner.minimum_quote_volume_24h,
        minimum_age_days=scanner.minimum_age_days,
        maximum_spread_percent=scanner.maximum_spread_percent,
        blacklist=scanner.blacklist or (),
    )


def checked(filters: Filters) -> Filters:
    """Return filters that can be used; raise InvalidError naming the field, or the place in the blacklist."""
    if filters.exchange is None:
        hint = "name one, or choose the primary exchange: perseus_profile.primary_exchange"
        raise InvalidError("no exchange is named, and none is the primary one", where="exchange", hint=hint)
    if not ASSET.fullmatch(filters.quote):
        raise InvalidError(f"{filters.quote[:40]!r} is no asset", where="quote", hint="such as USD or USDT")
    _check_number("limit", filters.limit, 1, MOST)
    _check_number("minimum_quote_volume_24h", filters.minimum_quote_volume_24h, 0, None)
    _check_number("minimum_age_days", filters.minimum_age_days, 1, OLDEST_DAYS)
    _check_number("maximum_spread_percent", filters.maximum_spread_percent, 0, None)
    _check_patterns(filters.blacklist)
    return filters


def _check_number(field: str, number: float | None, least: float, most: float | None) -> None:
    if number is None or (isfinite(number) and least <= number and (most is None or number <= most)):
        return
    hint = f"at least {least}" if most is None else f"from {least} to {most}"
    raise InvalidError(f"{field} cannot be {number}", where=field, hint=hint)


def _check_patterns(patterns: Sequence[str]) -> None:
    if len(patterns) > MOST_PATTERNS:
        raise InvalidError(f"a blacklist has at most {MOST_PATTERNS} patterns", where="blacklist")
    for number, pattern in enumerate(patterns):
        unfit = UNPRINTABLE.search(pattern) or any(mark.isspace() or mark == "," for mark in pattern)
        if unfit or not 1 <= len(pattern) <= LONGEST_PATTERN:
            hint = f"a symbol, or a pattern such as *UP-USDT, of at most {LONGEST_PATTERN} characters"
            raise InvalidError("this is no pattern of symbols", where=f"blacklist[{number}]", hint=hint)


def choose(listing: Listing, filters: Filters) -> Choice:
    """Return the markets that pass what a listing can tell, all of them and the largest first.

    Errors: InvalidError when nothing is quoted in the asset, naming what there is.
    """
    there = [market for market in listing.symbols.values() if market.delisted_at is None]
    quoted = [market for market in there if market.symbol.quote == filters.quote]
    if not quoted:
        raise InvalidError(
            f"{listing.exchange} lists no market in {filters.quote}", where="quote", hint=_quotes(listing)
        )
    bases = {market.symbol.base for market in there}
    money = STABLE | (FIAT & (DEALT_EVERYWHERE | {market.symbol.quote for market in there}))
    blacklist = Patterns(filters.blacklist)
    chosen: dict[str, ListedSymbol] = {}
    left_out: Counter[Reason] = Counter()
    for market in quoted:
        meant = _meant(listing, market)
        reason = _reason(market, meant, filters, bases, money)
        if reason is None and any(map(blacklist.fit, {market.name, meant.name})):
            reason = Reason.BLACKLISTED
        if reason is None and meant.name in chosen:
            reason = Reason.ALIAS
        if reason is None:
            chosen[meant.name] = meant
        else:
            left_out[reason] += 1
    return Choice(sorted(chosen.values(), key=_largest_first), left_out)


def _quotes(listing: Listing) -> str:
    """Name the quote assets that there are, the most frequent first, and how to choose that one for good."""
    quotes = quotes_of(listing)
    if not quotes:
        return "its listing is empty"
    chosen = f"livermore settings set scanner.quote {quotes[0]}"
    return f"choose one of: {', '.join(quotes[:20])}; for all scans with: {chosen}"


def _meant(listing: Listing, market: ListedSymbol) -> ListedSymbol:
    """Return the market whose order book one shares, or itself."""
    meant = listing.symbols.get(market.symbol.alias) if market.symbol.alias else None
    return market if meant is None or meant.delisted_at is not None else meant


def _largest_first(market: ListedSymbol) -> tuple[float, str]:
    return -(market.quote_volume_24h or 0.0), market.name


def _reason(
    market: ListedSymbol, meant: ListedSymbol, filters: Filters, bases: Collection[str],
    money: Collection[str],
) -> Reason | None:  # fmt: skip
    """Say why a market is not proposed, as far as a listing can tell."""
    base, volume = market.symbol.base, meant.quote_volume_24h
    if not meant.symbol.trading:
        return Reason.HALTED
    if base in money:
        return Reason.MONEY
    if _is_leveraged(base, bases):
        return Reason.LEVERAGED
    if volume is None or volume < filters.minimum_quote_volume_24h:
        return Reason.VOLUME
    return None


def _is_leveraged(base: str, bases: Collection[str]) -> bool:
    """Say whether an asset is another listed one, up or down several times: BTCUP is, JUP is not."""
    stems = (base.removesuffix(suffix) for suffix in LEVERAGED if base.endswith(suffix))
    return any(len(stem) >= SHORTEST_STEM and stem in bases for stem in stems)


def candidate_of(market: ListedSymbol, rank: int, spread_percent: float | None = None) -> Candidate:
    """Propose a market."""
    return Candidate(
        symbol=market.name,
        rank=rank,
        price=market.price,
        change_24h_percent=market.change_24h_percent,
        quote_volume_24h=market.quote_volume_24h,
        spread_percent=spread_percent,
    )


def watched_on(document: SettingsDocument, exchange: str) -> tuple[str, ...]:
    """Return what is on the watchlist of an exchange, switched on or off, by the exchange's own names."""
    return tuple(entry.name.symbol for entry in entries_of(document) if entry.name.exchange == exchange)


def against(proposal: Proposal, watched: Sequence[str], listing: Listing | None) -> Proposal:
    """Return a proposal with its difference to a watchlist; a `listing` tells which names mean one market."""
    meant = {name: _market(listing, name) for name in watched}
    known = set(meant.values())
    candidates = tuple(
        msgspec.structs.replace(one, watched=one.symbol in known) for one in proposal.candidates
    )
    proposed = {one.symbol for one in candidates}
    return msgspec.structs.replace(
        proposal,
        candidates=candidates,
        add=tuple(one.symbol for one in candidates if not one.watched),
        keep=tuple(one.symbol for one in candidates if one.watched),
        missing=tuple(name for name, symbol in meant.items() if symbol not in proposed),
    )


def _market(listing: Listing | None, name: str) -> str:
    """Return the name of the market whose order book a watched one shares."""
    market = listing.symbols.get(name) if listing is not None else None
    return name if listing is None or market is None else _meant(listing, market).name


def counted(left_out: Mapping[Reason, int]) -> dict[str, int]:
    """Return how many markets were left out for each reason that there was, in the order of the reasons."""
    return {reason.value: left_out[reason] for reason in Reason if left_out.get(reason)}
