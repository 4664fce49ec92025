"""Whether what somebody names can be watched: a verdict for each, from what an exchange lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import BlockedError, LivermoreError
from livermore.market.listing import Listing
from livermore.market.lookup import Found, find, folded
from livermore.market.verdict import Fitness, Judgement

LONGEST_NAME = 50


def judge(listing: Listing, inputs: Sequence[str]) -> list[Judgement]:
    """Say of each input, in order, whether it can be watched by what an exchange lists, or why not."""
    judgements: list[Judgement] = []
    seen: dict[str, str] = {}
    for text in inputs:
        found = find(listing, text)
        judgement = _unknown(listing, text) if found is None else _judged(listing, text, found, seen)
        judgements.append(judgement)
    return judgements


def denied(judgements: Sequence[Judgement]) -> bool:
    """Say whether something cannot be watched by what is listed, which a newer listing may deny."""
    return any(one.verdict not in (Fitness.OK, Fitness.DUPLICATE) for one in judgements)


def excused(exchange: str, inputs: Sequence[str], error: LivermoreError) -> list[Judgement]:
    """Say of every input that the exchange will not or cannot tell."""
    verdict = Fitness.BLOCKED if isinstance(error, BlockedError) else Fitness.UNREACHABLE
    hint = f"; {error.hint}" if error.hint else ""
    detail = f"{exchange} cannot be asked: {error}{hint}"
    return [Judgement(input=text, exchange=exchange, verdict=verdict, detail=detail) for text in inputs]


def nearest(names: Collection[str], text: str) -> str | None:
    """Return the name that was probably meant."""
    if not 0 < len(text) <= LONGEST_NAME:
        return None
    near = get_close_matches(folded(text), names, n=1)
    return near[0] if near else None


def _judged(listing: Listing, text: str, found: Found, seen: dict[str, str]) -> Judgement:
    listed, exchange = found.symbol, listing.exchange
    verdict, detail = Fitness.OK, found.note
    if listed.name in seen:
        verdict = Fitness.DUPLICATE
        detail = f"it is {listed.name}, which stands there already as {seen[listed.name]}"
    elif listed.delisted_at is not None:
        verdict = Fitness.DELISTED
        detail = f"{exchange} lists {listed.name} no more since {rfc3339(listed.delisted_at)}"
    elif listed.state == "halted":
        verdict = Fitness.HALTED
        said = f" ({listed.symbol.status})" if listed.symbol.status else ""
        detail = f"{exchange} has halted trading of {listed.name}{said}"
    elif detail is None and listed.name != text:
        detail = f"it is {listed.name} at {exchange}"
    seen.setdefault(listed.name, text)
    return Judgement(input=text, exchange=exchange, symbol=listed.name, verdict=verdict, detail=detail)


def _unknown(listing: Listing, text: str) -> Judgement:
    near = nearest([one.name for one in listing.symbols.values() if one.delisted_at is None], text)
    detail = f"{listing.exchange} does not list it" + (f"; did you mean {near}?" if near else "")
    return Judgement(input=text, exchange=listing.exchange, verdict=Fitness.UNKNOWN, detail=detail)
