"""The JSON of symbols: what an exchange lists, what is watched of it, and what is said of a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from livermore.kernel.clock import rfc3339
from livermore.market.listing import ListedSymbol, Listing, MarketState
from livermore.market.scanning import StoredProposal
from livermore.market.search import Match
from livermore.market.symbol import Ticker
from livermore.market.symbol_lists import ListForm
from livermore.market.verdict import Fitness, Judgement
from livermore.market.watchlist import WatchedSymbol


class SymbolsShape(msgspec.Struct, frozen=True, kw_only=True):
    """The watchlist, in its order."""

    symbols: list[WatchedSymbol]


class NewestProposalShape(msgspec.Struct, frozen=True, kw_only=True):
    """The newest proposal; null when there is none yet."""

    proposal: StoredProposal | None


class FoundSymbolShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One market of a listing; volume in the quote asset, `rank` its place by the value of its day.

    `aliases` are other names under which its order book is listed: whoever adds one of them watches this
    market. `watched` says whether it is on the caller's watchlist.
    """

    symbol: str
    exchange: str
    base: str
    quote: str
    state: MarketState
    price: float | None
    change_24h_percent: float | None
    quote_volume_24h: float | None
    rank: int | None
    aliases: tuple[str, ...]
    watched: bool


class ListingShape(msgspec.Struct, frozen=True, kw_only=True):
    """How old a listing is; `trouble` says why there is no newer one, where one was wanted."""

    exchange: str
    asked_at: str
    age_seconds: float
    trouble: str | None


class FoundSymbolsShape(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, the best first, and in which listing."""

    results: list[FoundSymbolShape]
    listing: ListingShape


class JudgementsShape(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of each name, in the order in which they were sent."""

    results: list[Judgement]


class PreviewShape(msgspec.Struct, frozen=True, kw_only=True):
    """In which form a list was read, what is said of each of its names, and how often each verdict is."""

    form: ListForm
    results: list[Judgement]
    counts: dict[Fitness, int]


class MetricsShape(msgspec.Struct, frozen=True, kw_only=True):
    """One market as its exchange tells it now; `quote_volume_24h` is in the asset that `quote` names.

    `input` is what was asked for, `detail` says what it was resolved to where that is another name.
    """

    input: str
    symbol: str
    exchange: str
    base: str
    quote: str
    state: MarketState
    detail: str | None
    price: float
    change_24h_percent: float | None
    quote_volume_24h: float | None
    bid: float | None
    ask: float | None
    spread_percent: float | None
    trades_24h: int | None
    time: int


def found_shape(
    listing: Listing, found: Sequence[Match], watched: Collection[tuple[str, str]], now: int
) -> FoundSymbolsShape:
    """Write what was found in a listing; `watched` are (exchange, symbol), `now` is in ms UTC."""
    results = [
        FoundSymbolShape(
            symbol=one.name, exchange=listing.exchange, base=one.symbol.base, quote=one.symbol.quote,
            state=one.state, price=one.price, change_24h_percent=one.change_24h_percent,
            quote_volume_24h=one.quote_volume_24h, rank=one.rank, aliases=aliases,
            watched=any((listing.exchange, name) in watched for name in (one.name, *aliases)),
        )
        for one, aliases in found
    ]  # fmt: skip
    return FoundSymbolsShape(results=results, listing=listing_shape(listing, now))


def listing_shape(listing: Listing, now: int) -> ListingShape:
    """Write how old a listing is at a time (ms UTC)."""
    return ListingShape(
        exchange=listing.exchange, asked_at=rfc3339(listing.asked_at),
        age_seconds=max(now - listing.asked_at, 0) / 1000, trouble=listing.trouble,
    )  # fmt: skip


def preview_shape(form: ListForm, judged: Sequence[Judgement]) -> PreviewShape:
    """Write what a list holds."""
    counted = Counter(one.verdict for one in judged)
    counts = {verdict: counted[verdict] for verdict in Fitness if counted[verdict]}
    return PreviewShape(form=form, results=list(judged), counts=counts)


def metrics_shape(judged: Judgement, exchange: str, listed: ListedSymbol, ticker: Ticker) -> MetricsShape:
    """Write what an exchange tells of one market."""
    return MetricsShape(
        input=judged.input, symbol=listed.name, exchange=exchange, base=listed.symbol.base,
        quote=listed.symbol.quote, state=listed.state, detail=judged.detail, price=ticker.price,
        change_24h_percent=ticker.change_24h_percent, quote_volume_24h=ticker.quote_volume_24h,
        bid=ticker.bid, ask=ticker.ask, spread_percent=ticker.spread_percent, trades_24h=ticker.trades_24h,
        time=ticker.time,
    )  # fmt: skip
