"""What has been looked up for a write: which names exist, and which are two names of one order book."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import chain

from livermore.settings.document import SettingsDocument
from livermore.settings.existence import Named, missing
from livermore.settings.forms import qualify
from livermore.settings.path import Path, dotted
from livermore.settings.ports import Listing
from livermore.settings.problems import Problem, SettingsProblemsError

HINT = "choose one first: livermore settings set perseus_profile.primary_exchange coinbase"


class UnverifiedError(Exception):
    """A draft names what nobody has looked up yet; `beside` are all symbols of the same exchanges."""

    def __init__(self, named: Mapping[Named, Path], beside: Collection[Named]) -> None:
        self.named = named
        self.beside = beside
        super().__init__()


class Verified:
    """Remember what has been looked up, and hold documents against it."""

    def __init__(self) -> None:
        self._exists: set[Named] = set()
        self._books: dict[Named, Named] = {}

    def check(self, document: SettingsDocument, news: Mapping[Named, Path]) -> None:
        """Raise UnverifiedError for what is new and not looked up, SettingsProblemsError for a double."""
        unverified = {name: path for name, path in news.items() if name not in self._exists}
        exchanges = {name.exchange for name in news if name.symbol is not None}
        beside = {name for name, _ in _lines(document) if name.exchange in exchanges}
        if unverified or not beside <= self._books.keys():
            raise UnverifiedError(unverified, beside)
        doubles = self._doubles(document, news)
        if doubles:
            raise SettingsProblemsError(doubles, hint="keep one of the two: candles and alerts are the same")

    async def look_up(self, error: UnverifiedError, listing: Listing) -> None:
        """Ask a listing for what was not looked up. Errors: SettingsProblemsError for what is not there."""
        problems = await missing(error.named, listing)
        if problems:
            unplaced = any(name.exchange is None for name in error.named)
            raise SettingsProblemsError(problems, hint=HINT if unplaced else None)
        self._exists |= error.named.keys()
        asked = defaultdict(list)
        for name in error.beside:
            asked[name.exchange or ""].append(name.symbol or "")
        for exchange, symbols in asked.items():
            shared = await listing.sharing(exchange, symbols)
            books = {symbol: shared.get(symbol, symbol) for symbol in symbols}
            self._books |= {Named(exchange, one): Named(exchange, book) for one, book in books.items()}

    def _doubles(self, document: SettingsDocument, news: Collection[Named]) -> list[Problem]:
        """Return what is new and another name of a book that stands there; what was there goes first."""
        lines = [(name, path) for name, path in _lines(document) if name in self._books]
        old = [line for line in lines if line[0] not in news]
        new = [line for line in lines if line[0] in news]
        first: dict[Named, Named] = {}
        for name, _ in chain(old, new):
            first.setdefault(self._books[name], name)
        return [_double(path, name, one) for name, path in new if (one := first[self._books[name]]) != name]


def _lines(document: SettingsDocument) -> Iterator[tuple[Named, Path]]:
    """Yield the symbols of exchanges, each with its place."""
    primary = document.perseus_profile.primary_exchange
    for number, written in enumerate(document.symbols):
        name = qualify(written, primary)
        if name.exchange is not None:
            yield Named(name.exchange, name.symbol), ("symbols", number)


def _double(path: Path, name: Named, first: Named) -> Problem:
    what = f"names {name.exchange}:{name.symbol}, which shares its order book with {first.symbol}"
    return Problem(path=dotted(path), message=f"{what} on the same list; keep one of the two")
