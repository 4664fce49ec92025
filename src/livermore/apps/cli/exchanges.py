"""`livermore exchanges`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livermore.apps.cli.database import writable_database
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, note, table
from livermore.apps.cli.reading import plain, read
from livermore.kernel.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from livermore.market.exchange import ExchangeInfo
    from livermore.market.service import MarketService

OTHERS = "choose another exchange; its candles of a minute, or longer ones, are what is watched"
AS_IT_STANDS = "it is stored and shown as it stands; market data needs no key"

app = new_app("List the exchanges, add one, or change where it is reached.", group=DefaultGroup)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The exchange: coinbase, binance, binance_us, or ccxt's name of it."),
]
RestUrl = Annotated[str | None, typer.Option(metavar="URL", help="Where its REST API is (http or https).")]
StreamUrl = Annotated[
    str | None, typer.Option("--ws-url", metavar="URL", help="Where its stream is (ws or wss).")
]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it may be watched.")]


@app.command("list", epilog=examples("livermore exchanges", "livermore exchanges list --json"))
def list_exchanges(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """List the exchanges with their addresses."""
    page = read(workspace, source, lambda reader: reader.exchanges())
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

    info = changed(bootstrap.preset_of(name), rest_url, ws_url, None)
    if not info.timeframes():
        raise InvalidError(f"{name} has no candles that can be watched", where="NAME", hint=OTHERS)
    _finish(asyncio.run(_put_new(writable_database(workspace, "live").url, info)), as_json, "added")


@app.command(
    epilog=examples(
        "livermore exchanges edit coinbase --rest-url http://127.0.0.1:8080 --ws-url ws://127.0.0.1:8081",
        "livermore exchanges edit binance --inactive",
    )
)
def edit(
    name: Name,
    rest_url: RestUrl = None,
    ws_url: StreamUrl = None,
    active: Active = None,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Change where an exchange is reached, or whether it may be watched; it counts from the next start on."""
    if rest_url is None and ws_url is None and active is None:
        raise typer.BadParameter("say what to change: --rest-url, --ws-url, --active or --inactive")
    check_urls(rest_url, ws_url)
    url = writable_database(workspace, "live").url
    edited = asyncio.run(_edit(url, name, rest_url, ws_url, active))
    _finish(edited, as_json, "changed")


async def _put_new(url: str, info: ExchangeInfo) -> ExchangeInfo:
    async with _market(url) as market:
        if any(row.name == info.name for row in await market.exchanges()):
            raise ConflictError(
                f"{info.name} is there already", hint=f"change it with: livermore exchanges edit {info.name}"
            )
        return await market.put_exchange(info)


async def _edit(
    url: str, name: str, rest_url: str | None, ws_url: str | None, active: bool | None
) -> ExchangeInfo:
    async with _market(url) as market:
        return await market.put_exchange(changed(await market.exchange(name), rest_url, ws_url, active))


def changed(
    info: ExchangeInfo, rest_url: str | None, ws_url: str | None, active: bool | None
) -> ExchangeInfo:
    """Return an exchange with what was given put in its place."""
    import msgspec

    check_urls(rest_url, ws_url)
    given = {"rest_url": rest_url, "ws_url": ws_url, "is_active": active}
    return msgspec.structs.replace(
        info, **{name: value for name, value in given.items() if value is not None}
    )


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
            "yes" if row["is_active"] else "no",
        )
        for row in exchanges
    ]
    table(("name", "called", "REST", "stream", "active"), rows)
