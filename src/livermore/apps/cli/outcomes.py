"""What became of a command, in words for people and as the error that fits its exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from livermore.apps.cli import symbols_told
from livermore.apps.cli.errors import TimedOutError
from livermore.apps.cli.output import moment, span
from livermore.kernel import errors

ERROR_OF_CODE: Mapping[str, type[errors.LivermoreError]] = {
    "invalid_payload": errors.InvalidError,
    "unknown_type": errors.InvalidError,
    "settings_invalid": errors.SettingsInvalidError,
    "not_found": errors.NotFoundError,
    "not_implemented": errors.NotImplementedYetError,
    "conflict": errors.ConflictError,
    "not_allowed": errors.NotAllowedError,
    "exchange_unreachable": errors.ExchangeUnreachableError,
    "rate_limited": errors.RateLimitedError,
    "expired": TimedOutError,
    "cancelled": errors.LivermoreError,
    "internal": errors.LivermoreError,
}


def check_outcome(command: Any) -> None:
    """Raise the error of a command that came to nothing."""
    error = command["error"]
    if error is not None:
        kind = ERROR_OF_CODE.get(error["code"], errors.LivermoreError)
        what, hint = parted(error["detail"])
        where = None if what.endswith(")") else command["type"]
        raise kind(what, where=where, hint=hint or f"see: livermore commands show {command['id']}")


def parted(detail: str) -> tuple[str, str | None]:
    """Part what is told of an error from what to do about it, if that is told."""
    what, _, hint = detail.partition("; ")
    return what, hint or None


def told(command: Any) -> str:
    """Say in words what a command has done, or how far it is."""
    if command["status"] != "succeeded":
        return f"{command['type']} is {command['status']}: {command['id']}"
    tell = TOLD.get(command["type"])
    return f"{command['type']} has succeeded" if tell is None else "\n".join(tell(command["result"]))


def paused(pause: Any) -> str:
    """Say in words what rests, until when, by whom, and why."""
    until = f"until {moment(pause['until'])} (UTC)" if pause["until"] is not None else "until it is resumed"
    by = f"; by {pause['by']}" if pause["by"] else ""
    reason = f"; {pause['reason']}" if pause["reason"] else ""
    return f"paused: {pause['level']}, {until}{by}{reason}"


def _turned(result: Any) -> Iterator[str]:
    if result["pause"] is not None:
        yield paused(result["pause"])
    elif result["previous"] == result["current"]:
        yield f"nothing to resume: it is {result['current']}"
    else:
        yield f"resumed: {result['current']}"


def _reloaded(result: Any) -> Iterator[str]:
    from livermore.apps.cli.settings_show import SIGNS, short

    for change in result["changes"]:
        values = [short(change[name]) for name in ("from", "to") if change.get(name) is not None]
        yield f"{SIGNS[change['op']]} {change['path']}: {' → '.join(values)}"
    yield f"revision {result['revision']} {_holds(result)}"


def _switched(result: Any) -> Iterator[str]:
    yield f"mode {result['mode']}, was {result['previous']}; revision {result['revision']} {_holds(result)}"


def _holds(result: Any) -> str:
    return "holds now" if result["waits_for"] is None else f"holds later: {result['waits_for']}"


def _backfilled(result: Any) -> Iterator[str]:
    for timeframe, found in result["timeframes"].items():
        counts = [f"{count:,} {name}" for name, count in found.items() if name != "asked" and count]
        said = ", ".join(counts) or "nothing to ask for"
        yield f"{result['exchange']}:{result['symbol']} {timeframe}: {found['asked']:,} asked; {said}"


def _cleared(result: Any) -> Iterator[str]:
    deleted = f"; {result['stored_deleted']:,} stored bars deleted" if result["stored_deleted"] else ""
    lengths = " ".join(result["timeframes"]) or "nothing"
    yield f"taken again: {lengths} of {result['symbols']} symbols, {result['bars']:,} bars{deleted}"


TOLD: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "pause": _turned,
    "resume": _turned,
    "reload-settings": _reloaded,
    "switch-mode": _switched,
    "force-backfill": _backfilled,
    "clear-cache": _cleared,
    "add-symbol": symbols_told.added,
    "bulk-add-symbols": symbols_told.bulk_added,
    "remove-symbol": symbols_told.removed,
    "set-symbol-enabled": symbols_told.switched,
    "scan-symbols": symbols_told.scanned,
}


def took(command: Any) -> str:
    """Write how long a command ran."""
    length = command["duration_ms"]
    if length is None:
        return "-"
    return f"{length} ms" if length < 1000 else span(length / 1000)
