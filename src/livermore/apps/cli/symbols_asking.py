"""What the symbol verbs ask of the running server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from livermore.apps.cli.asking import Wish, carried_out, confirmed, running
from livermore.apps.cli.options import WORKSPACE
from livermore.apps.cli.outcomes import check_outcome, told
from livermore.apps.cli.output import emit, note
from livermore.apps.cli.server import ask, find_server
from livermore.apps.cli.settings_files import read_bytes
from livermore.kernel.errors import ConflictError, ExchangeUnreachableError, InvalidError, LivermoreError

# What all of many were refused for; another reason, or several, make it invalid.
REFUSALS: Mapping[str, type[LivermoreError]] = {
    "duplicate": ConflictError,
    "unreachable": ExchangeUnreachableError,
    "blocked": ExchangeUnreachableError,
}
HINTS: Mapping[str, str] = {
    "duplicate": "see them with: livermore symbols list",
    "unreachable": "try again later; how the exchange is says: livermore status",
    "blocked": "what is said of each names an exchange that may be asked instead",
    "unknown": "search with: livermore symbols search TEXT",
}
LISTS = "a list is JSON, CSV, or what TradingView exports"
PATIENCE = 2.0
"""Seconds for which a shell that completes waits for the watchlist."""
FEW = 8
"""So many questions are put at once."""


def asked(workspace: Path, path: str, query: Mapping[str, Any] | None = None, *, body: Any = None) -> Any:
    """Put one question about symbols: a GET, with a body a POST. Errors: NotRunningError, those of `ask`."""
    method = "GET" if body is None else "POST"
    return asyncio.run(ask(running(workspace), f"/symbols{path}", query, method=method, body=body))


def preview_of(workspace: Path, file: str, form: str | None, exchange: str | None) -> Any:
    """Have the list in a file judged; raise InvalidError, naming the file, for what is none."""
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidError("this is no text in UTF-8", where=file, hint=LISTS) from None
    if not text.strip():
        raise InvalidError("there is nothing in it", where=file, hint=LISTS)
    given = {"text": text, "form": form, "exchange": exchange}
    body = {name: one for name, one in given.items() if one is not None}
    try:
        return asked(workspace, "/import/preview", body=body)
    except InvalidError as error:
        error.where, error.hint = file, error.hint or LISTS
        raise


def metrics_of(
    workspace: Path, symbols: Sequence[str], exchange: str | None
) -> tuple[list[Any], list[LivermoreError]]:
    """Return what is known of each market, and why it is not of others."""
    return asyncio.run(_metrics(workspace, symbols, exchange))


async def _metrics(
    workspace: Path, symbols: Sequence[str], exchange: str | None
) -> tuple[list[Any], list[LivermoreError]]:
    server, few = running(workspace), asyncio.Semaphore(FEW)

    async def one(symbol: str) -> Any:
        async with few:
            path = f"/symbols/{quote(symbol, safe='')}/metrics"
            return await _or_error(ask(server, path, {"exchange": exchange}))

    answers = await asyncio.gather(*map(one, symbols))
    failed = [answer for answer in answers if isinstance(answer, LivermoreError)]
    return [answer for answer in answers if not isinstance(answer, LivermoreError)], failed


async def _or_error(answer: Awaitable[Any]) -> Any:
    try:
        return await answer
    except LivermoreError as error:
        return error


def named(symbol: str, exchange: str | None) -> dict[str, Any]:
    """Return the part of a payload that names a symbol."""
    return {"symbol": symbol} | ({"exchange": exchange} if exchange else {})


def carry_out_each(
    wishes: Sequence[Wish], workspace: Path, *, as_json: bool, beside: Mapping[str, Any] | None = None
) -> None:
    """Have things done one after another and tell what came of each; raise the first error at the end.

    Programs get one document: the command, or `commands` where there are several, or either with what is told
    `beside`.
    """
    done = []
    for wish in wishes:
        done.append(carried_out(wish, workspace, quiet=as_json))
        if not as_json and done[-1]["error"] is None:
            print(told(done[-1]))
    if as_json:
        told_of = {"command": done[0]} if len(done) == 1 else {"commands": done}
        alone = beside is None and len(done) == 1
        emit(done[0] if alone else {**(beside or {}), **told_of}, as_json, lambda: None)
    for command in [command for command in done if command["error"] is not None][1:]:
        note(f"error: {command['error']['detail']} ({command['type']})")
    for command in done:
        check_outcome(command)
        check_added(command)


def check_added(command: Any) -> None:
    """Raise the error that fits where all of many symbols were refused."""
    result = command["result"]
    if command["type"] == "bulk-add-symbols" and result is not None and not result["added"]:
        raise none_added(result["results"])


def none_added(results: Sequence[Any]) -> LivermoreError:
    """Return the error that fits where none of some names can be added."""
    counts = Counter(one["verdict"] for one in results)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    kind = REFUSALS.get(next(iter(counts)), InvalidError) if len(counts) == 1 else InvalidError
    hint = HINTS.get(next(iter(counts)) if len(counts) == 1 else "", HINTS["unknown"])
    return kind(f"none of these can be added: {told}", where="symbols", hint=hint)


def declined(question: str) -> bool:
    """Ask on a terminal whether it is meant; where there is none, it is."""
    return sys.stdin.isatty() and not confirmed(question)


def completed(incomplete: str) -> list[str]:
    """Return the watched symbols that begin so, as a shell completes them; none where nobody answers."""
    try:
        rows = asyncio.run(_watched())
    except Exception:  # whatever is wrong, a shell that completes is no place to say so
        return []
    names = [name for row in rows for name in (row["symbol"], f"{row['exchange']}:{row['symbol']}")]
    return [name for name in names if name.casefold().startswith(incomplete.casefold())]


async def _watched() -> list[Any]:
    server = find_server(Path(os.environ.get(WORKSPACE, "")))
    if server is None:
        return []
    async with asyncio.timeout(PATIENCE):
        return list((await ask(server, "/symbols"))["symbols"])
