"""Whatever happens to the wire and to the program: the bars, the signals and the alerts are the true ones."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from .checker import (
    touches,
    unexplained,
    unlikely_causes,
    wrong_alerts,
    wrong_bars,
    wrong_manners,
    wrong_minutes,
    wrong_signals,
    wrongly_late,
)
from .expected import expected
from .scenario import Scenario, short
from .stored import Books, StoredBar, books
from .watch import Watched, watch

HOSTILE = Path("/tmp/hostile.json")
SHOWN = 12  # of each kind of fault


async def judge(scenario: Scenario, folder: Path) -> tuple[Books, Watched]:
    """Play a scenario and check everything that it left."""
    told = scenario.record(folder)
    watched = await watch(scenario, told, folder / "watch")
    left = books(watched.folder)
    truth = expected(scenario, told, {series: bars[0].time for series, bars in left.bars.items()})
    wrong = [
        wrong_bars(scenario, left, truth),
        wrong_minutes(left, truth),
        unexplained(scenario, left, watched),
        unlikely_causes(left, watched),
        wrong_signals(scenario, left, truth),
        wrongly_late(scenario, left, watched),
        wrong_alerts(left, watched),
        wrong_manners(watched),
    ]
    found = list(chain.from_iterable(islice(one, SHOWN) for one in wrong))
    assert not found, "\n".join(found)
    assert len(truth.signals) > 20 * scenario.symbols
    return left, watched


def live_minutes(scenario: Scenario, left: Books) -> Iterator[StoredBar]:
    """Return the stored minutes that opened while they were watched."""
    for (_, timeframe), bars in left.bars.items():
        if timeframe == "1m":
            yield from (bar for bar in bars if bar.time >= scenario.begin)


async def test_without_faults_everything_comes_by_the_stream(tmp_path: Path) -> None:
    scenario = short("binance")
    left, watched = await judge(scenario, tmp_path)
    asked = [bar for bar in live_minutes(scenario, left) if (bar.source, bar.state) == ("rest", "traded")]
    assert [bar for bar in asked if not any(touches(bar, moment) for moment in watched.connections)] == []


async def test_the_truth_under_fire(tmp_path: Path) -> None:
    left, watched = await judge(short("binance", HOSTILE), tmp_path)
    print(watched.counters, len(left.holes))


async def test_the_truth_under_kills(tmp_path: Path) -> None:
    left, watched = await judge(short("binance", HOSTILE, kills=3), tmp_path)
    print(watched.counters, len(left.holes))
