"""How symbols are shown: the watchlist, what was found, what is said of names, markets as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from livermore.apps.cli.output import ago, local_moment, note, number, span, table
from livermore.kernel.clock import SystemClock, parse_time

EXACT_BELOW = 1000
DAY = 86_400_000
FEW = 5
RIGHT = ("price", "24 h", "volume (24 h)", "bid", "ask", "spread", "trades", "rank")


class Named(NamedTuple):
    """A symbol with its exchange."""

    exchange: str | None
    symbol: str


def show_watchlist(found: Any) -> None:
    """Show what is watched, and where nothing runs how old the prices are."""
    rows, now = found["symbols"], SystemClock().now()
    if not rows:
        print("the watchlist is empty; fill it with: livermore symbols scan, or livermore symbols add SYMBOL")
        return
    told = [
        (
            row["exchange"] or "-", row["symbol"], row["state"], number(row["price"]),
            percent(row["change_24h_percent"]), volume(row["quote_volume_24h"], row["quote"]),
            _last_candle(row, now),
        )
        for row in rows
    ]  # fmt: skip
    titles = ("exchange", "symbol", "state", "price", "24 h", "volume (24 h)", "last candle")
    table(titles, told, right=RIGHT)
    if "listings" in found:
        _tell_stored(found)


def _tell_stored(found: Any) -> None:
    """Say on the side of which time stored days are, and of how many symbols nothing is stored."""
    for listing in found["listings"]:
        tell_listing(listing)
    unknown = [row["symbol"] for row in found["symbols"] if row["price"] is None]
    if unknown:
        note(f"no price is stored of {shortly(unknown)}; start with: livermore up")


def show_found(found: Any) -> None:
    """Show what a search has found, and how old the listing is."""
    told = [
        (
            row["symbol"], row["base"], row["quote"], row["state"], number(row["price"]),
            percent(row["change_24h_percent"]), volume(row["quote_volume_24h"], row["quote"]),
            number(row["rank"]), _remarks(row),
        )
        for row in found["results"]
    ]  # fmt: skip
    if told:
        titles = ("symbol", "base", "quote", "state", "price", "24 h", "volume (24 h)", "rank", "")
        table(titles, told, right=RIGHT)
        if all(row["price"] is None for row in found["results"]):
            note("no price of these is known")
    else:
        print("nothing that is listed fits")
    tell_listing(found["listing"])


def _remarks(row: Any) -> str:
    """Say whether a market is watched, and under which names its order book is listed as well."""
    watched = ["watched"] if row["watched"] else []
    return ", ".join([*watched, *([f"also {' '.join(row['aliases'])}"] if row["aliases"] else [])])


def tell_listing(listing: Any) -> None:
    """Say on the side of which time a listing is, and why there is no newer one."""
    asked_at = parse_time(listing["asked_at"])
    old = span(listing["age_seconds"])
    note(f"{listing['exchange']}, as it listed them at {local_moment(asked_at)} ({old} ago)")
    if listing["trouble"]:
        note(f"no newer listing can be had: {listing['trouble']}")


def show_preview(found: Any) -> None:
    """Show what is said of each name of a list, and how many of them can be added."""
    show_verdicts(found["results"])
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found["counts"].items())
    print(f"\nread as {found['form']}: {counts}")


def show_verdicts(results: Sequence[Any]) -> None:
    """Show what is said of names."""
    told = [
        (one["input"], _own_name(one), one["verdict"], one["detail"] or "") for one in results
    ]  # fmt: skip
    table(("input", "symbol", "verdict", ""), told)


def show_proposal(proposal: Any) -> None:
    """Show what a scan proposes, how that differs from the watchlist, and what was left out and why."""
    quote = proposal["filters"]["quote"]
    told = [
        (
            number(one["rank"]), one["symbol"], number(one["price"]), percent(one["change_24h_percent"]),
            volume(one["quote_volume_24h"], quote), _spread(one["spread_percent"]),
            "watched" if one["watched"] else "",
        )
        for one in proposal["candidates"]
    ]  # fmt: skip
    exchange = proposal["exchange"]
    if told:
        table(("rank", "symbol", "price", "24 h", "volume (24 h)", "spread", ""), told, right=RIGHT)
    else:
        print(f"nothing in {quote} at {exchange} passes the filters")
    print(
        f"\n{exchange}: {len(proposal['add'])} to add, {len(proposal['keep'])} watched already,"
        f" {len(proposal['missing'])} watched and not proposed"
    )
    if proposal["left_out"]:
        reasons = ", ".join(
            f"{count} {reason.replace('_', ' ')}" for reason, count in proposal["left_out"].items()
        )
        print(f"left out: {reasons}")
    if proposal["trouble"]:
        old = span(proposal["listing_age_seconds"])
        note(f"no newer listing can be had, this one is {old} old: {proposal['trouble']}")


def show_metrics(rows: Sequence[Any]) -> None:
    """Show markets as their exchange tells them, and what names were resolved to."""
    if not rows:
        return
    now = SystemClock().now()
    told = [
        (
            row["exchange"], row["symbol"], number(row["price"]), percent(row["change_24h_percent"]),
            volume(row["quote_volume_24h"], row["quote"]), number(row["bid"]), number(row["ask"]),
            _spread(row["spread_percent"]), "-" if row["trades_24h"] is None else f"{row['trades_24h']:,}",
            _time(row["time"], now),
        )
        for row in rows
    ]  # fmt: skip
    titles = (
        "exchange",
        "symbol",
        "price",
        "24 h",
        "volume (24 h)",
        "bid",
        "ask",
        "spread",
        "trades",
        "time",
    )
    table(titles, told, right=RIGHT)
    for row in rows:
        if row["detail"]:
            note(f"{row['input']}: {row['detail']}")


def list_of(rows: Sequence[Any], form: Any) -> str:
    """Write a watchlist in one of the forms of lists."""
    from livermore.market.symbol_lists import written_list

    return written_list([Named(row["exchange"], row["symbol"]) for row in rows], form)


def shortly(names: Sequence[str]) -> str:
    """Write some names, and how many more there are."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"


def percent(share: float | None) -> str:
    """Write a change in percent, with its sign."""
    return "-" if share is None else f"{share:+.2f} %"


def volume(value: float | None, quote: str | None) -> str:
    """Write a volume with the asset that it is in."""
    if value is None:
        return "-"
    told = f"{value:,.0f}" if abs(value) >= EXACT_BELOW else f"{value:.6g}"
    return f"{told} {quote}" if quote else told


def _spread(share: float | None) -> str:
    return "-" if share is None else f"{share:.3g} %"


def _time(time: int, now: int) -> str:
    """Write a time, and how long ago it was by our clock; a simulated market goes by another one."""
    passed = f" ({ago(time, now)})" if abs(now - time) < DAY else ""
    return f"{local_moment(time)}{passed}"


def _last_candle(row: Any, now: int) -> str:
    """Write how long ago the newest candle closed; of a stored one also when."""
    stored = row.get("last_candle_at")
    if stored is not None:
        return _time(parse_time(stored), now)
    age = row["last_candle_age_ms"]
    return "-" if age is None else f"{span(age / 1000)} ago"


def _own_name(judged: Any) -> str:
    return f"{judged['exchange']}:{judged['symbol']}" if judged["symbol"] else "-"
