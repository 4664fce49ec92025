"""Which adapter an exchange gets, and what happens where there is none."""

import importlib.util

import pytest
from msgspec.structs import replace

from livermore.adapters.exchanges.binance import Binance
from livermore.adapters.exchanges.coinbase import Coinbase
from livermore.adapters.exchanges.through_ccxt import ThroughCcxt
from livermore.bootstrap.exchanges import adapter_of, preset_of
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.market.budget import Budgets
from livermore.market.exchange import BINANCE, BINANCE_US, COINBASE, ExchangeInfo

KRAKEN = ExchangeInfo(name="kraken", display_name="Kraken", supported_timeframes=("1m", "1h"))


@pytest.mark.parametrize(
    ("info", "adapter"),
    [(COINBASE, Coinbase), (BINANCE, Binance), (BINANCE_US, Binance), (KRAKEN, ThroughCcxt)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_adapter_is_that_of_the_name(info: ExchangeInfo, adapter: type) -> None:
    clock = ManualClock()
    assert isinstance(adapter_of(info, clock, Budgets(clock)), adapter)


def test_exchanges_on_one_host_share_a_budget_and_others_do_not() -> None:
    clock = ManualClock()
    budgets = Budgets(clock)
    first = adapter_of(BINANCE, clock, budgets)
    again = adapter_of(replace(BINANCE_US, rest_url=BINANCE.rest_url), clock, budgets)
    other = adapter_of(COINBASE, clock, budgets)
    assert first.budget is again.budget
    assert first.budget is not other.budget


def test_a_row_without_our_timeframes_is_refused() -> None:
    clock = ManualClock()
    with pytest.raises(InvalidError, match="kraken offers no timeframe"):
        adapter_of(replace(KRAKEN, supported_timeframes=("3m",)), clock, Budgets(clock))


def test_without_ccxt_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ccxt" else found(name))
    clock = ManualClock()
    for ask in (lambda: adapter_of(KRAKEN, clock, Budgets(clock)), lambda: preset_of("kraken")):
        with pytest.raises((InvalidError, NotFoundError), match="ccxt, which is not installed") as refused:
            ask()
        assert "pip install" in (refused.value.hint or "")


def test_an_exchange_that_nobody_knows_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="'nowhere' is none of coinbase, binance, binance_us"):
        preset_of("nowhere")


def test_what_our_adapter_of_binance_cannot_watch_is_refused_by_name() -> None:
    for name in ("binanceus", "binanceusdm"):
        with pytest.raises(NotFoundError, match=name) as refused:
            preset_of(name)
        assert "binance_us" in (refused.value.hint or "")


def test_a_preset_is_our_own_and_others_are_as_ccxt_tells() -> None:
    assert preset_of("coinbase") == COINBASE
    assert {"1m", "1h", "1d"} <= set(preset_of("kraken").supported_timeframes)
