"""Whatever happens to the wire and to the program: the bars, the signals and the alerts are the true ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from .checker import faults_of, touches
from .expected import expected
from .scenario import Protocol, Scenario, long, short
from .stored import Books, StoredBar, books
from .watch import Watched, watch

PROTOCOLS = get_args(Protocol)
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


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_without_faults_everything_comes_by_the_stream(tmp_path: Path, protocol: Protocol) -> None:
    # Slower than the others: a machine that halts for a second has missed a minute of the market, not two.
    scenario = short(protocol, live=30, speed=60.0)
    left, watched = await judge(scenario, tmp_path)
    asked = [bar for bar in live_minutes(scenario, left) if (bar.source, bar.state) == ("rest", "traded")]
    assert [bar for bar in asked if not any(touches(bar, moment) for moment in watched.connections)] == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_under_fire(tmp_path: Path, protocol: Protocol) -> None:
    left, watched = await judge(short(protocol, faults=HOSTILE), tmp_path)
    was_hostile(left, watched)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_killed_under_fire(tmp_path: Path, protocol: Protocol) -> None:
    left, watched = await judge(short(protocol, faults=HOSTILE, kills=3), tmp_path)
    was_hostile(left, watched)
    assert len(watched.kills) == 3
    assert "paused" in {hole.cause for hole in left.holes}


@pytest.mark.soak
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kills", [0, 20])
async def test_six_hours_of_twenty_symbols(tmp_path: Path, protocol: Protocol, kills: int) -> None:
    left, watched = await judge(long(protocol, faults=HOSTILE, kills=kills), tmp_path)
    was_hostile(left, watched)
    assert len(watched.kills) == kills


def was_hostile(left: Books, watched: Watched) -> None:
    """Check that the faults which the specification names have struck, and left their traces."""
    assert {"drop", "duplicate", "reorder", "cut", "silence", "refuse"} <= watched.counters.faults.keys()
    assert {"disconnected", "sequence_gap"} <= {hole.cause for hole in left.holes}
    assert len(watched.connections) > 5
