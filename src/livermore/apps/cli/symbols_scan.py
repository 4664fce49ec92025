"""`livermore symbols scan`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from livermore.apps.cli import symbols_asking as asking
from livermore.apps.cli import symbols_show as shown
from livermore.apps.cli.asking import Timeout, Wish, carried_out
from livermore.apps.cli.frame import ManyValues, Spread
from livermore.apps.cli.options import HERE, AsJson, Workspace
from livermore.apps.cli.outcomes import check_outcome
from livermore.apps.cli.output import emit
from livermore.kernel.errors import ConflictError, InvalidError

SECONDS = 600.0
ALL = "all"
JOINTS = str.maketrans("", "", "/-_")


OnExchange = Annotated[
    str | None, typer.Option("--exchange", metavar="NAME", help="Scan this exchange; else the primary one.")
]
Limit = Annotated[int | None, typer.Option(min=1, max=500, help="Propose at most so many.")]
Quote = Annotated[
    str | None, typer.Option(metavar="ASSET", help="Only markets in this quote asset, such as USDT.")
]
MinimumVolume = Annotated[
    float | None,
    typer.Option(min=0, metavar="VOLUME", help="The least volume of 24 hours, in the quote asset."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(metavar="all|SYMBOL...", help="Add these of the proposal to the watchlist, or all."),
]
Attempt = Annotated[bool, typer.Option("--try", help="Only show what would be proposed.")]


class Scan(ManyValues):
    """Lets several symbols follow `--accept`."""

    spread: ClassVar[Spread] = {"--accept": lambda word: True}


def scan(
    exchange: OnExchange = None,
    limit: Limit = None,
    quote: Quote = None,
    minimum_volume: MinimumVolume = None,
    accept: Accept = None,
    attempt: Attempt = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Propose what to watch: the largest markets by volume that pass the filters of the settings.

    A proposal changes nothing on the watchlist; --accept adds of it.
    """
    if attempt and accept:
        raise typer.BadParameter("--try proposes nothing that could be accepted; leave one of the two out")
    if minimum_volume is not None and not isfinite(minimum_volume):
        raise typer.BadParameter("--minimum-volume must be a number")
    wanted = {
        "exchange": exchange, "limit": limit, "quote": quote and quote.upper(),
        "minimum_quote_volume_24h": minimum_volume,
    }  # fmt: skip
    filters: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if attempt:
        proposal = asking.asked(workspace, "/proposal/try", body=filters)
        emit(proposal, as_json, lambda: shown.show_proposal(proposal))
        return
    command = carried_out(Wish("scan-symbols", filters, True, timeout), workspace, quiet=as_json)
    check_outcome(command)
    if accept or not as_json:
        _accept(command, accept or [], timeout, workspace, as_json)
    else:
        emit(command, as_json, lambda: None)


def _accept(
    command: Mapping[str, Any], accept: Sequence[str], timeout: float, workspace: Path, as_json: bool
) -> None:
    """Show what was proposed, and add what is accepted of it."""
    proposal = command["result"]
    if not as_json:
        shown.show_proposal(proposal)
    if accept:
        wish = Wish("bulk-add-symbols", chosen_of(proposal, accept), True, timeout)
        asking.carry_out_each([wish], workspace, as_json=as_json, beside={"scan": command})


def chosen_of(proposal: Mapping[str, Any], accept: Sequence[str]) -> dict[str, Any]:
    """Return the payload that adds what is accepted of a proposal.

    Errors: InvalidError for what was not proposed, ConflictError where all of it is watched.
    """
    exchange = proposal["exchange"]
    proposed = {_jointless(one["symbol"]): one["symbol"] for one in proposal["candidates"]}
    if list(accept) == [ALL]:
        if not proposal["add"]:
            hint = "propose more with --limit, or see: livermore symbols list"
            raise ConflictError("all that is proposed is on the watchlist", where="--accept", hint=hint)
        return {"symbols": list(proposal["add"]), "exchange": exchange}
    names = [_jointless(name).removeprefix(_jointless(f"{exchange}:")) for name in accept]
    for given, name in zip(accept, names, strict=True):
        if name not in proposed:
            hint = "choose among those above, or all"
            raise InvalidError(f"{given} was not proposed", where="--accept", hint=hint)
    return {"symbols": [proposed[name] for name in names], "exchange": exchange}


def _jointless(name: str) -> str:
    return name.translate(JOINTS).upper()
