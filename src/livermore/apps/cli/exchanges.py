"""`livermore exchanges`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from livermore.apps.cli.database import writable_database
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, note, table
from livermore.apps.cli.reading import Reader, StoreReader, plain, read
from livermore.kernel.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from livermore.market.exchange import ExchangeInfo
    from livermore.market.service import MarketService

OWN_MARKET = "the demonstration and replays serve these exchanges themselves, at addresses of their own"
AS_IT_STANDS = "it is stored and shown as it stands; market data needs no key"

app = new_app("List the exchanges, add one, or change its row.", group=DefaultGroup)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The exchange: coinbase, binance, binance_us, or ccxt's name of it."),
]
RestUrl = Annotated[str | None, typer.Option(metavar="URL", help="Where its REST API is (http or https).")]
StreamUrl = Annotated[
    str | None, typer.Option("--ws-url", metavar="URL", help="Where its stream is (ws or wss).")
]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it may be watched.")]

DisplayName = Annotated[
    str | None, typer.Option("--display-name", metavar="TEXT", help="What people call it.")
]
Timeframes = Annotated[
    list[str] | None,
    typer.Option("--timeframe", metavar="TIMEFRAME", help="Offer only these; may be repeated."),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit", metavar="NAME=NUMBER",
        help="A ceiling, such as rest_weight_limit=1200; without a number it goes. May be repeated.",
    ),
]  # fmt: skip
Fees = Annotated[
    list[str] | None,
    typer.Option(
        "--fee", metavar="NAME=SHARE",
        help="What a trade costs, base_maker or base_taker: 0.006 is 0.6 %; without a share it goes.",
    ),
]  # fmt: skip


class Change(NamedTuple):
    """What is to be another in a row; None stays as it is."""

    rest_url: str | None = None
    ws_url: str | None = None
    active: bool | None = None
    display_name: str | None = None
    timeframes: list[str] | None = None
    limits: list[str] | None = None
    fees: list[str] | None = None

    def applied(self, info: ExchangeInfo) -> ExchangeInfo:
        """Return a row with what was given put in its place; raise InvalidError where it does not fit."""
        import msgspec

        from livermore.market.exchange import checked

        check_urls(self.rest_url, self.ws_url)
        given = {
            "rest_url": self.rest_url,
            "ws_url": self.ws_url,
            "is_active": self.active,
            "display_name": self.display_name,
            "supported_timeframes": tuple(self.timeframes) if self.timeframes else None,
            "api_limits": _merged(info.api_limits, self.limits, "--limit"),
            "fee_schedule": _merged(info.fee_schedule, self.fees, "--fee"),
        }
        changed = {name: value for name, value in given.items() if value is not None}
        return checked(msgspec.structs.replace(info, **changed))


@app.command("list", epilog=examples("livermore exchanges", "livermore exchanges list --json"))
def list_exchanges(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """List the exchanges with their addresses and fees; with --json also their limits and timeframes."""
    page, stored = read(workspace, source, _listed)
    if stored is not None and stored.startswith(("demo", "replay")):
        note(OWN_MARKET)
    emit(page, as_json, lambda: _show(page["exchanges"]))


@app.command(epilog=examples("livermore exchanges add binance_us", "livermore exchanges add kraken"))
def add(
    name: Name,
    rest_url: RestUrl = None,
    ws_url: StreamUrl = None,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Add an exchange: coinbase, binance, binance_us, or any other that ccxt knows."""
    from livermore import bootstrap

    info = Change(rest_url, ws_url).applied(bootstrap.preset_of(name))
    _finish(asyncio.run(_put_new(writable_database(workspace, "live").url, info)), as_json, "added")


@app.command(
    epilog=examples(
        "livermore exchanges edit coinbase --rest-url http://127.0.0.1:8080 --ws-url ws://127.0.0.1:8081",
        "livermore exchanges edit binance --inactive",
        "livermore exchanges edit binance --limit rest_weight_limit=1200 --fee base_taker=0.00075",
    )
)
def edit(
    name: Name,
    rest_url: RestUrl = None,
    ws_url: StreamUrl = None,
    active: Active = None,
    display_name: DisplayName = None,
    timeframes: Timeframes = None,
    limits: Limits = None,
    fees: Fees = None,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Change where an exchange is reached, what it offers, allows and costs, or whether it may be watched.

    It counts from the next start on.
    """
    change = Change(rest_url, ws_url, active, display_name, timeframes or None, limits or None, fees or None)
    if change == Change():
        raise typer.BadParameter("say what to change, such as --rest-url, --limit or --inactive")
    check_urls(rest_url, ws_url)
    url = writable_database(workspace, "live").url
    _finish(asyncio.run(_edit(url, name, change)), as_json, "changed")


async def _put_new(url: str, info: ExchangeInfo) -> ExchangeInfo:
    async with _market(url) as market:
        if any(row.name == info.name for row in await market.exchanges()):
            raise ConflictError(
                f"{info.name} is there already", hint=f"change it with: livermore exchanges edit {info.name}"
            )
        return await market.put_exchange(info)


async def _edit(url: str, name: str, change: Change) -> ExchangeInfo:
    async with _market(url) as market:
        return await market.put_exchange(change.applied(await market.exchange(name)))


async def _listed(reader: Reader) -> tuple[Any, str | None]:
    """Return the rows, and the file that they were read from; of a server that was asked there is none."""
    return await reader.exchanges(), reader.file if isinstance(reader, StoreReader) else None


def _merged(before: Mapping[str, Any] | None, given: list[str] | None, option: str) -> dict[str, Any] | None:
    """Return numbers by name with those given as NAME=NUMBER put in their place, and NAME= left out."""
    if given is None:
        return None
    merged = dict(before or {})
    for text in given:
        name, equals, number = text.partition("=")
        if not equals:
            raise InvalidError(f"{text!r} is no NAME=NUMBER", where=option, hint="such as base_maker=0.001")
        merged[name] = _number(number, text, option)
    return {name: number for name, number in merged.items() if number is not None}


def _number(text: str, whole: str, option: str) -> int | float | None:
    if not text:
        return None
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        raise InvalidError(f"{whole!r} does not end in a number", where=option) from None


def check_urls(rest_url: str | None, ws_url: str | None) -> None:
    """Refuse addresses of another kind than their option asks for."""
    from urllib.parse import urlsplit

    for option, url, schemes in (
        ("--rest-url", rest_url, ("http", "https")),
        ("--ws-url", ws_url, ("ws", "wss")),
    ):
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            fits = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            fits = False
        if fits and "@" in parts.netloc:
            raise InvalidError("an address holds no user and no password", where=option, hint=AS_IT_STANDS)
        if fits and (parts.query or parts.fragment):
            hint = "leave out what begins with ? or #; paths are put behind the address"
            raise InvalidError("an address ends with its host or a path", where=option, hint=hint)
        if not fits:
            hint = f"write {schemes[0]}://host:port, or {schemes[1]}://host"
            raise InvalidError(f"{url!r} is no {' or '.join(schemes)} address", where=option, hint=hint)


@asynccontextmanager
async def _market(url: str) -> AsyncIterator[MarketService]:
    """Lend the market of a database, brought to this version's tables."""
    from livermore import bootstrap

    await bootstrap.database(url).upgrade()
    system = await bootstrap.read_only(url)
    try:
        yield system.market
    finally:
        await system.stop()


def _finish(info: ExchangeInfo, as_json: bool, done: str) -> None:
    def show() -> None:
        print(f"{info.name} {done}: {_reached(info)}{'' if info.is_active else ', inactive'}")
        note("a running Livermore takes it up at its next start")

    emit(plain(info), as_json, show)


def _reached(info: ExchangeInfo) -> str:
    """Say where an exchange is; addresses that its row does not tell are those that ccxt knows."""
    addresses = [url for url in (info.rest_url, info.ws_url) if url]
    return " and ".join(addresses) or "at the addresses that ccxt knows"


def _show(exchanges: Any) -> None:
    rows = [
        (
            row["name"],
            row["display_name"],
            row["rest_url"] or "-",
            row["ws_url"] or "-",
            _share(row["fee_schedule"], "base_maker"),
            _share(row["fee_schedule"], "base_taker"),
            "yes" if row["is_active"] else "no",
        )
        for row in exchanges
    ]
    table(("name", "called", "REST", "stream", "maker", "taker", "active"), rows)


def _share(fees: Mapping[str, float] | None, name: str) -> str:
    """Write a fee in percent."""
    rate = (fees or {}).get(name)
    return "-" if rate is None else f"{rate * 100:.4g} %"
