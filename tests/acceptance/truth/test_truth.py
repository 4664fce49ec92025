"""Whatever happens to the wire and to the program: the bars, the signals and the alerts are the true ones."""

from collections.abc import Iterator
from pathlib import Path

from .checker import faults_of, touches
from .expected import expected
from .scenario import Scenario, short
from .stored import Books, StoredBar, books
from .watch import Watched, watch

HOSTILE = Path(__file__).parents[1] / "hostile.json"


async def judge(scenario: Scenario, folder: Path) -> tuple[Books, Watched]:
    """Play a scenario and check everything that it left."""
    told = scenario.record(folder)
    watched = await watch(scenario, told, folder / "watch")
    left = books(watched.folder)
    truth = expected(scenario, told, {series: bars[0].time for series, bars in left.bars.items()})
    wrong = list(faults_of(scenario, left, watched, truth))
    assert not wrong, "\n".join(wrong)
    assert len(truth.signals) > 10 * scenario.symbols
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
