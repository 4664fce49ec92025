"""Whoever is closed stays closed: a session that is opened afterwards would be closed by nobody."""

import pytest

from livermore.adapters.exchanges.binance.web import Web as BinanceWeb
from livermore.adapters.exchanges.coinbase.web import Web as CoinbaseWeb
from livermore.kernel.errors import ExchangeUnreachableError


@pytest.mark.parametrize("kind", [BinanceWeb, CoinbaseWeb])
async def test_nothing_is_opened_after_the_end(kind: type[BinanceWeb | CoinbaseWeb]) -> None:
    web = kind()
    session = web.session
    assert web.session is session
    for _ in range(2):
        await web.close()
    assert session.closed
    with pytest.raises(ExchangeUnreachableError, match="has been closed"):
        _ = web.session
