"""Lists of symbols as people keep them: JSON, CSV, and what TradingView imports and exports.

What is read are inputs, as a user would type them; whether anything is listed under such a name is judged
elsewhere. Errors name the line, or the item of a JSON list.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any, Literal, NamedTuple, Protocol

from livermore.kernel.errors import InvalidError
from livermore.settings.forms import EXCHANGE_NAME, UNPRINTABLE

ListForm = Literal["json", "csv", "tradingview"]
FORMS: tuple[ListForm, ...] = ("json", "csv", "tradingview")
MOST_SYMBOLS, MOST_CHARACTERS = 5_000, 1_000_000
LONGEST_NAME = 200
BYTE_ORDER_MARK = "\ufeff"
OURS = {"BINANCEUS": "binance_us"}
"""Exchanges whose name at TradingView is not ours in capitals."""
THEIRS = {ours: theirs for theirs, ours in OURS.items()}
_LINE = re.compile(r"\r\n|\r|\n")
_PREFIXED = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]{0,49})\s*:\s*(\S.*)", re.DOTALL)
_PUNCTUATION = re.compile(r"[-/_]")


class Row(Protocol):
    """A symbol with the exchange that lists it; None for a plain name."""

    @property
    def exchange(self) -> str | None:
        """Return the exchange's name."""
        ...

    @property
    def symbol(self) -> str:
        """Return the exchange's own name of the market."""
        ...


class _Read(NamedTuple):
    """One input, and the place where it stands."""

    name: str
    place: str


def read_list(text: str, form: ListForm | None = None) -> list[str]:
    """Return the inputs of a list in their order: plain names, or `exchange:SYMBOL`.

    Without a form it is found out. Repetitions stay. Errors: InvalidError naming the line.
    """
    if len(text) > MOST_CHARACTERS:
        hint = f"at most {MOST_CHARACTERS} characters and {MOST_SYMBOLS} symbols are read at once"
        raise InvalidError(f"the list has {len(text)} characters", where="text", hint=hint)
    text = text.removeprefix(BYTE_ORDER_MARK)
    read = _READERS[form or form_of(text)](text)
    return [_checked(one).name for one in _few(read)]


def written_list(rows: Iterable[Row], form: ListForm) -> str:
    """Write a watchlist in a form that `read_list` reads.

    TradingView knows no `-`, `/` and `_` in a name: `coinbase:BTC-USD` is `COINBASE:BTCUSD` there.
    """
    return _WRITERS[form](list(rows))


def form_of(text: str) -> ListForm:
    """Say which form a text has: what is neither JSON nor a table is taken for a TradingView list."""
    if text.lstrip()[:1] in {"[", "{"}:
        return "json"
    lines = [line.strip() for line in _LINE.split(text) if line.strip()]
    commented = any(line.startswith("#") and not line.startswith("###") for line in lines)
    told = [line for line in lines if not line.startswith("#")]
    if commented or (told and _is_table(told)):
        return "csv"
    return "tradingview"


def _is_table(lines: Sequence[str]) -> bool:
    """Say whether lines hold a header, a separator of spreadsheets, or pairs that end in an exchange."""
    head = [cell.strip().strip('"').casefold() for cell in re.split(r"[,;\t]", lines[0])]
    if "symbol" in head or any(";" in line or "\t" in line for line in lines):
        return True
    rows = [[cell.strip().strip('"') for cell in line.split(",")] for line in lines]
    pairs = [row for row in rows if len(row) == 2 and EXCHANGE_NAME.fullmatch(row[1])]
    return bool(pairs) and all(len(row) == 1 or row in pairs for row in rows)


def _few(read: Iterator[_Read]) -> list[_Read]:
    """Return what was read; raise InvalidError where it becomes too much."""
    kept: list[_Read] = []
    for one in read:
        if len(kept) == MOST_SYMBOLS:
            hint = f"at most {MOST_SYMBOLS} are read at once; divide the list"
            raise InvalidError(f"the list has more than {MOST_SYMBOLS} symbols", where=one.place, hint=hint)
        kept.append(one)
    return kept


def _checked(one: _Read) -> _Read:
    """Return an input that can be shown and stored; raise InvalidError naming where another stands."""
    if not one.name:
        raise InvalidError("no symbol stands here", where=one.place)
    if len(one.name) > LONGEST_NAME:
        what = f"a name of {len(one.name)} characters is no symbol"
        raise InvalidError(what, where=one.place, hint=f"at most {LONGEST_NAME} characters")
    if UNPRINTABLE.search(one.name):
        raise InvalidError("a symbol has no control characters", where=one.place)
    return one


def _qualified(name: str, exchange: str | None = None) -> str:
    """Return a name with its exchange in front, under the name that it has here."""
    prefixed = _PREFIXED.fullmatch(name)
    if prefixed is not None:
        return f"{_our_name(prefixed[1])}:{prefixed[2].strip()}"
    return f"{_our_name(exchange)}:{name.strip()}" if exchange else name.strip()


def _our_name(exchange: str) -> str:
    return OURS.get(exchange.upper(), exchange.lower())


# -- JSON ---------------------------------------------------------------------------------------------------


def _from_json(text: str) -> Iterator[_Read]:
    """Read a list of texts or of objects with `symbol`, or an object with such a list as `symbols`."""
    given = _decoded(text)
    if isinstance(given, dict):
        given = given.get("symbols")
    if not isinstance(given, list):
        hint = 'such as ["BTC-USD", "ETH-USD"]'
        raise InvalidError("this is no list, and no object with a list of symbols", where="line 1", hint=hint)
    for number, item in enumerate(given, 1):
        yield _item(item, f"item {number}")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        what = f"this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise InvalidError(what, where=f"line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        # A number of thousands of digits, or lists in lists in lists.
        raise InvalidError("this JSON is no list of symbols", where="line 1") from None


def _item(item: Any, place: str) -> _Read:
    if isinstance(item, str):
        return _Read(_qualified(item), place)
    if isinstance(item, dict) and isinstance(item.get("symbol"), str):
        exchange = item.get("exchange")
        if exchange is None or isinstance(exchange, str):
            return _beside(item["symbol"], (exchange or "").strip(), place)
    hint = 'a text such as "BTC-USD", or an object with "symbol" and perhaps "exchange"'
    raise InvalidError("this is no symbol", where=place, hint=hint)


def _to_json(rows: Sequence[Row]) -> str:
    return json.dumps([_name(row) for row in rows], ensure_ascii=False, indent=2) + "\n"


def _name(row: Row) -> str:
    return f"{row.exchange}:{row.symbol}" if row.exchange else row.symbol


# -- CSV ----------------------------------------------------------------------------------------------------


def _from_csv(text: str) -> Iterator[_Read]:
    """Read a table with the columns `symbol` and perhaps `exchange`, by header or in this order."""
    columns: tuple[int, int | None] | None = None
    for number, line in enumerate(_LINE.split(text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells, place = _cells(line, f"line {number}"), f"line {number}"
        if not any(cells):
            continue
        if columns is None:
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = (0, 1)
        yield _row(cells, columns, place)


def _cells(line: str, place: str) -> list[str]:
    """Return the cells of a line, between commas, or between semicolons or tabs where there is no comma."""
    separator = next((one for one in ",;\t" if one in line), ",")
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=True), [])]
    except csv.Error as error:
        raise InvalidError(f"this is no line of a table: {error}", where=place) from None


def _columns(cells: Sequence[str]) -> tuple[int, int | None] | None:
    """Return where a header puts the symbol and the exchange; None when this is no header."""
    named = [cell.casefold() for cell in cells]
    if "symbol" not in named:
        return None
    return named.index("symbol"), named.index("exchange") if "exchange" in named else None


def _row(cells: Sequence[str], columns: tuple[int, int | None], place: str) -> _Read:
    symbol, exchange = (
        cells[column] if column is not None and column < len(cells) else "" for column in columns
    )
    return _beside(symbol, exchange, place)


def _beside(symbol: str, exchange: str, place: str) -> _Read:
    """Return a symbol that stands beside its exchange; raise InvalidError when it names another one."""
    prefixed = _PREFIXED.fullmatch(symbol)
    if exchange and prefixed is not None and _our_name(prefixed[1]) != _our_name(exchange):
        raise InvalidError("the symbol names another exchange than the one beside it", where=place)
    return _Read(_qualified(symbol, exchange) if symbol.strip() else "", place)


def _to_csv(rows: Sequence[Row]) -> str:
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("symbol", "exchange"))
    writer.writerows((row.symbol, row.exchange or "") for row in rows)
    return file.getvalue()


# -- TradingView --------------------------------------------------------------------------------------------


def _from_tradingview(text: str) -> Iterator[_Read]:
    """Read names between commas and line ends, with the exchange in front; `###` begins a section's name."""
    for number, line in enumerate(_LINE.split(text), 1):
        for item in line.split(","):
            name = item.strip()
            if name and not name.startswith("#"):
                yield _Read(_qualified(name), f"line {number}")


def _to_tradingview(rows: Sequence[Row]) -> str:
    return "".join(f"{_their_name(row)}\n" for row in rows)


def _their_name(row: Row) -> str:
    symbol = _PUNCTUATION.sub("", row.symbol)
    if not row.exchange:
        return symbol
    return f"{THEIRS.get(row.exchange, row.exchange.upper())}:{symbol}"


_READERS = {"json": _from_json, "csv": _from_csv, "tradingview": _from_tradingview}
_WRITERS = {"json": _to_json, "csv": _to_csv, "tradingview": _to_tradingview}
