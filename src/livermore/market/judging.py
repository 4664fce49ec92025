"""Whether what somebody names can be watched: a verdict for each, from what an exchange lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec.structs import replace

from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import BlockedError, LivermoreError
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.lookup import Found, find, folded, shared_by
from livermore.market.once import for_each_listing
from livermore.market.verdict import Fitness, Judgement
from livermore.settings.ports import Unlisted

LONGEST_NAME = 50
TRUSTED = 86_400_000  # ms for which a listing is good enough while its exchange cannot be asked
SUGGESTED = 20  # of so many unknown names it is said what was probably meant


def judge(listing: Listing, inputs: Sequence[str]) -> list[Judgement]:
    """Say of each input, in order, whether it can be watched by what an exchange lists, or why not."""
    judgements: list[Judgement] = []
    seen: dict[str, str] = {}
    unknown = 0
    for text in inputs:
        found = find(listing, text)
        unknown += found is None
        if found is None:
            judgements.append(_unknown(listing, text, suggests=unknown <= SUGGESTED))
        else:
            judgements.append(_judged(listing, text, found, seen))
    return judgements


def denies(judgements: Iterable[Judgement]) -> bool:
    """Say whether a listing keeps something from being watched, which a newer one may not."""
    return any(one.verdict not in (Fitness.OK, Fitness.DUPLICATE) for one in judgements)


def excused(exchange: str, inputs: Iterable[str], error: LivermoreError) -> list[Judgement]:
    """Say of every input that the exchange will not, or cannot, tell."""
    judgement = Judgement(
        input="", exchange=exchange, verdict=_verdict_of(error), detail=_cannot_be_asked(exchange, error)
    )
    return [replace(judgement, input=text) for text in inputs]


def reserved(
    judgements: Iterable[Judgement], listing: Listing, error: LivermoreError, now: int
) -> list[Judgement]:
    """Take back what rests on a listing that is too old to say it, where no newer one can be had.

    That a market is there holds for a day; that it is not holds for no time at all.
    """
    known = f"{_cannot_be_asked(listing.exchange, error)}; it was asked last at {rfc3339(listing.asked_at)}"
    stands = holds(listing, error, now)
    return [_reserved(one, _verdict_of(error), known, stands=stands) for one in judgements]


def holds(listing: Listing, error: LivermoreError, now: int) -> bool:
    """Say whether what is listed may be taken to be there while the exchange gives an error instead."""
    return not isinstance(error, BlockedError) and now - listing.asked_at < TRUSTED


def unlisted(listing: Listing, symbols: Iterable[str]) -> dict[str, Unlisted]:
    """Return those of some own names that a listing does not have, with the reason and what was meant."""
    known = {symbol: listing.symbols.get(symbol) for symbol in symbols}
    lacking = {name: one for name, one in known.items() if one is None or one.delisted_at is not None}
    return {
        symbol: Unlisted(_why_not(listing, one), _meant(listing, symbol, suggests=place < SUGGESTED))
        for place, (symbol, one) in enumerate(lacking.items())
    }


def sharing(listing: Listing, symbols: Iterable[str]) -> dict[str, str]:
    """Return those of some own names that share the order book of another market, each with its name."""
    known = {symbol: listing.symbols.get(symbol) for symbol in symbols}
    shared = {symbol: shared_by(listing, one) for symbol, one in known.items() if one is not None}
    return {symbol: one.name for symbol, one in shared.items() if one is not None}


def _reserved(one: Judgement, verdict: Fitness, known: str, *, stands: bool) -> Judgement:
    if one.verdict is Fitness.DUPLICATE:
        return one
    if one.verdict is Fitness.OK and stands:
        return replace(one, detail=known if one.detail is None else f"{one.detail}; {known}")
    said = "" if one.verdict is Fitness.OK or one.detail is None else f", when {one.detail}"
    return replace(one, verdict=verdict, detail=f"{known}{said}")


def _verdict_of(error: LivermoreError) -> Fitness:
    return Fitness.BLOCKED if isinstance(error, BlockedError) else Fitness.UNREACHABLE


def _cannot_be_asked(exchange: str, error: LivermoreError) -> str:
    hint = f" ({error.hint})" if error.hint else ""
    return f"{exchange} cannot be asked: {error}{hint}"


def _judged(listing: Listing, text: str, found: Found, seen: dict[str, str]) -> Judgement:
    listed = found.symbol
    verdict, detail = Fitness.OK, found.note
    if listed.name in seen:
        verdict = Fitness.DUPLICATE
        detail = f"it is {listed.name}, which stands there already as {seen[listed.name]}"
    elif listed.state == "delisted":
        verdict, detail = Fitness.DELISTED, _why_not(listing, listed)
    elif listed.state == "halted":
        verdict = Fitness.HALTED
        said = f" ({listed.symbol.status})" if listed.symbol.status else ""
        detail = f"{listing.exchange} has halted trading of {listed.name}{said}"
    elif detail is None and listed.name != text:
        detail = f"it is {listed.name} at {listing.exchange}"
    seen.setdefault(listed.name, text.strip())
    return Judgement(
        input=text, exchange=listing.exchange, symbol=listed.name, verdict=verdict, detail=detail
    )


def _unknown(listing: Listing, text: str, *, suggests: bool) -> Judgement:
    near = nearest(listing, text) if suggests else None
    detail = _why_not(listing, None) + (f"; did you mean {near}?" if near else "")
    return Judgement(input=text, exchange=listing.exchange, verdict=Fitness.UNKNOWN, detail=detail)


def _why_not(listing: Listing, listed: ListedSymbol | None) -> str:
    if listed is None or listed.delisted_at is None:
        return f"{listing.exchange} does not list it"
    return f"{listing.exchange} lists {listed.name} no more since {rfc3339(listed.delisted_at)}"


def _meant(listing: Listing, text: str, *, suggests: bool) -> str | None:
    """Return the own name that an input means, or is nearest to."""
    found = find(listing, text)
    if found is None or found.symbol.delisted_at is not None:
        return nearest(listing, text) if suggests else None
    return found.symbol.name


def nearest(listing: Listing, text: str) -> str | None:
    """Return the name that was probably meant: one that begins alike, or has the same beginning of a base."""
    wanted = folded(text)
    if not 1 < len(wanted) <= LONGEST_NAME:
        return None
    near = get_close_matches(wanted, _beginning(listing).get(wanted[:1], ()), n=1)
    return near[0] if near else None


@for_each_listing
def _beginning(listing: Listing) -> dict[str, list[str]]:
    """Return the names of the markets that are there, the largest first, by their first letter."""
    there = [one for one in listing.symbols.values() if one.delisted_at is None]
    there.sort(key=lambda one: (one.rank is None, one.rank or 0, one.name))
    found: dict[str, list[str]] = {}
    for one in there:
        found.setdefault(folded(one.name)[:1], []).append(one.name)
    return found
