"""One budget for each host, however many rows of `exchanges` lead there, and what a row may say."""

import pytest
from msgspec.structs import replace

from livermore.adapters.exchanges.binance import Binance, budget_of
from livermore.kernel.clock import ManualClock
from livermore.market.budget import Budgets, Purpose, Terms, asker, asking, host_of
from livermore.market.exchange import BINANCE, BINANCE_US, COINBASE, ExchangeInfo


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.binance.com", "https://api.binance.com:443"),
        ("https://API.Binance.com:443/", "https://api.binance.com:443"),
        ("http://api.binance.com/path?query", "http://api.binance.com:80"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://::1:8080"),
        ("http://host:notaport", "binance"),
        ("nonsense", "binance"),
        (None, "binance"),
    ],
)
def test_a_host_is_scheme_name_and_port(url: str | None, host: str) -> None:
    assert host_of(replace(BINANCE, rest_url=url)) == host


async def test_two_rows_on_one_host_share_one_budget() -> None:
    budgets = Budgets(ManualClock())
    row = replace(BINANCE, name="binance_too", rest_url="https://api.binance.com:443/")
    first, second = (Binance(info, ManualClock(), budget=budget_of(info, budgets)) for info in (BINANCE, row))
    await first.budget.spend(20)
    assert second.budget.usage() == (20, 960)
    assert budget_of(BINANCE_US, budgets).usage() == (0, 960)
    await first.close()
    await second.close()


async def test_the_lowest_of_what_several_rows_say_counts() -> None:
    budgets = Budgets(ManualClock())
    budget = budgets.of(BINANCE, limit=6000)
    assert budget.usage().limit == 4800
    row = replace(BINANCE, name="careful", api_limits={"rest_weight_limit": 500})
    budgets.of(row, limit=6000)
    assert budget.usage().limit == 400
    budgets.of(BINANCE, limit=6000)
    assert budget.usage().limit == 400


@pytest.mark.parametrize(
    ("limits", "limit"),
    [(None, 4800), ({}, 4800), ({"rest_weight_limit": 100}, 80), ({"rest_weight_limit": 10_000}, 4800),
     ({"rest_weight_limit": 0}, 4800), ({"rest_weight_limit": "100"}, 4800)],
)  # fmt: skip
def test_a_row_is_a_ceiling(limits: dict[str, object] | None, limit: int) -> None:
    budget = Budgets(ManualClock()).of(replace(BINANCE, api_limits=limits), limit=6000)
    assert budget.usage().limit == limit


def test_binance_is_asked_cautiously_until_it_has_told_its_limit() -> None:
    def limits(info: ExchangeInfo) -> list[int]:
        budget = budget_of(info, Budgets(ManualClock()))
        before = budget.usage().limit
        budget.told_limit(100_000)
        return [before, budget.usage().limit]

    assert limits(BINANCE) == [960, 4800]
    assert limits(BINANCE_US) == [960, 960]


def test_terms_that_are_joined_keep_within_both() -> None:
    coinbase, binance = Terms(10, 1.0, 10_000), Terms(6000, 60.0, None, 1200)
    assert coinbase.narrowed(binance) == binance.narrowed(coinbase) == Terms(10, 60.0, 10_000, 1200)


async def test_an_opener_is_asked_once_for_each_host() -> None:
    opened: list[str] = []
    plain = Budgets(ManualClock())

    def opener(host: str, terms: Terms):
        opened.append(host)
        return plain._open(host, terms)

    budgets = Budgets(ManualClock(), opener)
    assert budgets.of(COINBASE, limit=10, seconds=1.0) is budgets.of(COINBASE, limit=10, seconds=1.0)
    assert opened == ["https://api.coinbase.com:443"]


def test_who_asks_is_known_inside_only() -> None:
    plane = asker()
    assert plane == (Purpose.LOOKUP, "")
    with asking(Purpose.WARM_UP, "user"):
        assert asker() == (Purpose.WARM_UP, "user")
        with asking(Purpose.REPAIR):
            assert asker() == (Purpose.REPAIR, "")
        assert asker() == (Purpose.WARM_UP, "user")
    assert asker() == plane
