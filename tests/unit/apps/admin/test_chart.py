"""The chart gets bars with their values, enough of them, and what has come since."""

from typing import Any

import pytest

from livermore.apps.admin.chart import BARS, Shown, chart_of, news_of
from livermore.apps.admin.feed import feed_of
from livermore.kernel.errors import NotFoundError
from tests.unit.apps.standin import NOW, StandIn, signal_at

SHOWN = Shown("coinbase", "BTC-USD", "1m")
MINUTE = 60_000


@pytest.fixture
def system() -> StandIn:
    return StandIn()


async def test_bars_carry_their_values(system: StandIn) -> None:
    chart = await chart_of(system, system.user.scope(), SHOWN, None)  # type: ignore[arg-type]
    values = await system.indicators.values(*SHOWN, limit=BARS)
    assert len(chart["bars"]) == BARS
    assert [bar[0] for bar in chart["bars"]] == [value.time for value in values.values]
    assert chart["bars"][0][6:] == [None, None, None, "warming_up"]
    newest = values.values[-1]
    assert newest.macdv is not None
    assert chart["bars"][-1][6] == round(newest.macdv, 3)
    assert chart["bars"][-1][9] == newest.stage
    assert chart["forming"][0] == chart["bars"][-1][0] + MINUTE
    assert chart["decimals"] == 2


async def test_marks_are_of_this_series(system: StandIn) -> None:
    chart = await chart_of(system, system.user.scope(), SHOWN, None)  # type: ignore[arg-type]
    assert [(mark["time"], mark["up"]) for mark in chart["marks"]] == [(NOW - 3 * MINUTE, True)]


async def test_an_old_bar_is_reached(system: StandIn) -> None:
    chart = await chart_of(system, system.user.scope(), SHOWN, NOW - 590 * MINUTE)  # type: ignore[arg-type]
    assert chart["focus"] == NOW - 590 * MINUTE
    assert chart["bars"][0][0] <= chart["focus"]


async def test_news_are_the_newest_bars(system: StandIn) -> None:
    system.close_minute()
    news = await news_of(system, SHOWN)  # type: ignore[arg-type]
    assert [bar[0] for bar in news["bars"]] == [NOW - minutes * MINUTE for minutes in (4, 3, 2, 1, 0)]
    assert news["bars"][-1][6] is not None
    assert news["forming"][0] == NOW + MINUTE


async def test_a_bar_that_closes_while_others_are_read_takes_no_values_away(
    system: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = system.indicators.values

    async def late(*named: Any, **wanted: Any) -> Any:
        system.close_minute()
        return await told(*named, **wanted)

    before = await news_of(system, SHOWN)  # type: ignore[arg-type]
    monkeypatch.setattr(system.indicators, "values", late)
    assert (await news_of(system, SHOWN))["bars"] == before["bars"]  # type: ignore[arg-type]


async def test_an_unknown_series_is_said_to_be_unknown(system: StandIn) -> None:
    with pytest.raises(NotFoundError):
        await chart_of(system, system.user.scope(), Shown("coinbase", "NOTHING", "1m"), None)  # type: ignore[arg-type]


async def test_the_list_joins_signals_with_their_alerts(system: StandIn) -> None:
    system.raise_signal(signal_at("ETH-USD", "5m", NOW, 155.0), "failed")
    entries = await feed_of(system, system.user.scope())  # type: ignore[arg-type]
    assert entries[0]["symbol"] == "ETH-USD"
    assert entries[0]["alerts"] == {"terminal": "failed"}
    assert entries[0]["at"] == NOW + 5 * MINUTE
    assert entries[1]["alerts"] == {"terminal": "sent"}
