"""Under which names a product is asked for and delivered: `X-USDC` shares the book of `X-USD`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from livermore.market.symbol import Symbol


class Aliases:
    """Know which product stands behind each symbol."""

    def __init__(self) -> None:
        self._products: dict[str, str] | None = None

    @property
    def are_known(self) -> bool:
        """Say whether a listing was learnt."""
        return self._products is not None

    def learn(self, symbols: Iterable[Symbol]) -> None:
        """Take the aliases of a listing."""
        self._products = {symbol.name: symbol.alias for symbol in symbols if symbol.alias}

    def product(self, symbol: str) -> str:
        """Return the product whose book a symbol shares; mostly that is the symbol."""
        return (self._products or {}).get(symbol, symbol)


class Names:
    """The symbols under which each product is delivered; by itself, every product under its own name."""

    def __init__(self) -> None:
        self.others: dict[str, Sequence[str]] = {}  # those delivered otherwise than under just their own name

    def __contains__(self, product: str) -> bool:
        """Say whether a product is to be delivered."""
        return True

    def of(self, product: str) -> Sequence[str]:
        """Return the symbols under which a product is delivered."""
        return self.others.get(product, (product,))


class Wanted(Names):
    """Only what was asked for is delivered, under the names that were asked."""

    def __init__(self) -> None:
        super().__init__()
        self._symbols: dict[str, tuple[str, ...]] = {}

    def __contains__(self, product: str) -> bool:
        """Say whether a product was asked for and still is."""
        return product in self._symbols

    def of(self, product: str) -> Sequence[str]:
        """Return the symbols under which a product was asked for."""
        return self._symbols.get(product, ())

    def add(self, product: str, symbol: str) -> bool:
        """Want a symbol; return whether its product was not wanted before."""
        symbols = self._symbols.get(product, ())
        self._set(product, tuple(dict.fromkeys((*symbols, symbol))))
        return not symbols

    def drop(self, symbol: str) -> str | None:
        """Want a symbol no longer; return its product if that has become unwanted by that.

        It is the product under which it was asked for, whatever the listing says by now.
        """
        product = next((one for one, symbols in self._symbols.items() if symbol in symbols), None)
        if product is None:
            return None
        left = tuple(other for other in self._symbols[product] if other != symbol)
        self._set(product, left)
        return None if left else product

    def _set(self, product: str, symbols: tuple[str, ...]) -> None:
        if symbols:
            self._symbols[product] = symbols
        else:
            self._symbols.pop(product, None)
        if symbols == (product,):
            self.others.pop(product, None)
        else:
            self.others[product] = symbols
