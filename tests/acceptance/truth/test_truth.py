"""Whatever happens to the wire and to the program: the bars, the signals and the alerts are the true ones."""

from itertools import chain, islice
from pathlib import Path

import pytest

from .checker import (
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
from .scenario import LONG, SHORT, Scenario
from .stored import Books, books
from .watch import Watched, watch

SHOWN = 12  # of each kind of fault


async def judge(scenario: Scenario, folder: Path) -> tuple[Books, Watched]:
    """Play a scenario and check everything that it left."""
    told = scenario.record(folder)
    truth = expected(scenario, told)
    watched = await watch(scenario, told, folder / "watch")
    left = books(watched.folder)
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
    assert list(chain.from_iterable(islice(one, SHOWN) for one in wrong)) == []
    assert len(truth.signals) > 20 * scenario.symbols
    return left, watched


async def test_without_faults_everything_comes_by_the_stream(tmp_path: Path) -> None:
    left, watched = await judge(Scenario(protocol="binance", **SHORT), tmp_path)
    assert left.holes == []
    assert len(watched.connections) == 1
