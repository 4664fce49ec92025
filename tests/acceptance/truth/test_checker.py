"""Prove that the checker sees each kind of fault: a watch without any is spoiled, one thing at a time."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from livermore.adapters.exchanges.simulated import Counters
from tests.reference.rules import MINUTE, TIMEFRAMES

from .checker import faults_of
from .expected import Expected, expected, is_judged
from .receiver import Receiver
from .scenario import Scenario
from .stored import Books, StoredBar, StoredHole, bar_of
from .watch import Watched

SCENARIO = Scenario(protocol="binance", symbols=2, past=600, live=40, speed=120.0)
SYMBOL = SCENARIO.names[0]
MINUTES = (SYMBOL, "1m")


@dataclass
class Case:
    """Everything that the checker looks at."""

    books: Books
    watched: Watched
    truth: Expected

    def faults(self) -> list[str]:
        """Return what the checker finds."""
        return list(faults_of(SCENARIO, self.books, self.watched, self.truth))


Spoil = Callable[[Case], object]


@pytest.fixture(scope="module")
def flawless(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A watch in which everything is as it must be."""
    told = SCENARIO.record(tmp_path_factory.mktemp("recording"))
    truth = expected(SCENARIO, told, {})
    signals = [one for one in signals_of(truth) if is_judged(SCENARIO, one["timeframe"], one["time"])]
    watched = Watched(Path(), Counters(), Receiver(), ahead=0, connections=[SCENARIO.begin], code=0)
    alerts, by_id = list(alerts_of(signals)), {one["id"]: one for one in signals}
    for row in alerts:
        if row["channel"] == "webhook":
            watched.receiver.deliveries[row["id"]].append(by_id[row["signal_id"]])
    return Case(Books(bars_of(truth), [], signals, alerts), watched, truth)


def bars_of(truth: Expected) -> dict[tuple[str, str], list[StoredBar]]:
    """Write down the true bars as the database holds them."""
    return {
        series: [
            bar_of(*(float(number) for number in bar[:6]), 0 if bar.quiet else 1, 0, True)
            for bar in bars
            if is_judged(SCENARIO, series[1], bar.time)
        ]
        for series, bars in truth.bars.items()
    }


def alerts_of(signals: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Have every signal that is sure sent through both channels."""
    for one in signals:
        if not one["low_confidence"]:
            for channel in ("terminal", "webhook"):
                about = {"signal_id": one["id"], "channel": channel, "state": "sent"}
                yield {"id": f"{channel} {one['id']}", **about}


def signals_of(truth: Expected) -> Iterator[dict[str, Any]]:
    """Write down the true signals as the database holds them."""
    for number, (key, exact) in enumerate(truth.signals.items()):
        numbers = {
            name: None if exact[name] is None else float(exact[name])
            for name in ("macdv", "signal", "histogram")
        }
        price = next(bar.close for bar in truth.bars[key.symbol, key.timeframe] if bar.time == key.time)
        yield {
            **exact, **key._asdict(), **numbers, "id": str(number), "price": float(price), "late": False,
            "withdrawn_at": None, "recorded_at": moment(key.time + TIMEFRAMES[key.timeframe] + 2_000),
            "evidence": {},
        }  # fmt: skip


def moment(time: int) -> str:
    """Write a time as RFC 3339."""
    return datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds")


def test_nothing_is_found_where_nothing_is_wrong(flawless: Case) -> None:
    assert flawless.faults() == []
    assert len(flawless.books.signals) > 10


def change(series: tuple[str, str], place: int, **cells: Any) -> Spoil:
    """Return what changes one stored bar."""

    def spoil(case: Case) -> None:
        bars = case.books.bars[series]
        bars[place] = bars[place]._replace(**cells)

    return spoil


def hole(cause: str | None = "late", repaired_at: str | None = "then") -> Spoil:
    """Return what enters a hole of the live part into the ledger."""
    start = SCENARIO.begin + 10 * MINUTE
    entry = StoredHole(SYMBOL, "1m", start, start + MINUTE, cause, repaired_at)
    return lambda case: case.books.holes.append(entry)


def signal(**cells: Any) -> Spoil:
    """Return what changes the first stored signal."""
    return lambda case: case.books.signals[0].update(cells)


def alert(**cells: Any) -> Spoil:
    """Return what changes the first alert."""
    return lambda case: case.books.alerts[0].update(cells)


def delivery(spoil: Callable[[dict[str, list[Any]], str], object]) -> Spoil:
    """Return what spoils the first delivery."""
    return lambda case: spoil(case.watched.receiver.deliveries, next(iter(case.watched.receiver.deliveries)))


def again(case: Case) -> None:
    """Store a signal under another id."""
    case.books.signals.append({**case.books.signals[0], "id": "another"})


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a price": (change(MINUTES, 100, high=1.0), "should have the prices"),
    "the last bit of a volume": (change(MINUTES, 100, volume=1.0000000000000002), "volume"),
    "a state": (change(MINUTES, 100, state="quiet"), "should be traded"),
    "a missing bar": (change(MINUTES, 100, state="missing"), "should be traded"),
    "a longer bar": (change((SYMBOL, "5m"), -1, close=1.0), "should have the prices"),
    "a bar too few": (lambda case: case.books.bars[MINUTES].pop(100), "not stored"),
    "a bar too many": (change(MINUTES, 100, time=7), "not in the source"),
    "a series too few": (lambda case: case.books.bars.pop((SYMBOL, "1h")), "not stored"),
    "an idle question": (change(MINUTES, -5, source="rest"), "asked of REST"),
    "a hole without a cause": (hole(cause=None), "without a cause"),
    "a hole of another cause": (hole(cause="weather"), "without a cause"),
    "a hole for ever": (hole(repaired_at=None), "never repaired"),
    "a pause of nobody": (hole(cause="paused"), "nobody was away"),
    "a missed signal": (lambda case: case.books.signals.pop(), "missed"),
    "a withdrawn signal": (signal(withdrawn_at="now"), "withdrawn"),
    "an invented signal": (signal(level=7), "never arose"),
    "a signal twice": (again, "stored 2 times"),
    "a value": (signal(macdv=7.0), "macdv is 7.0"),
    "a stage": (signal(stage="ranging"), "stage is"),
    "a signal's price": (signal(price=7.0), "price is 7.0"),
    "late and not said": (signal(recorded_at=moment(SCENARIO.end + 3_600_000)), "not marked late"),
    "said and not late": (signal(late=True), "marked late"),
    "too early": (signal(recorded_at=moment(0)), "before the close"),
    "an alert twice": (lambda case: case.books.alerts.append(dict(case.books.alerts[0])), "2 alerts"),
    "no alert": (lambda case: case.books.alerts.pop(0), "has no alert"),
    "an alert that waits": (alert(state="pending"), "pending"),
    "an alert of nothing": (alert(signal_id="nobody"), "an alert of no signal"),
    "a delivery twice": (delivery(lambda all_, one: all_[one].append(all_[one][0])), "repeated"),
    "a delivery under two ids": (delivery(lambda all_, one: all_.update(other=all_[one])), "under 2 ids"),
    "a lost delivery": (delivery(lambda all_, one: all_.pop(one)), "never received"),
    "a refused request": (lambda case: setattr(case.watched.counters, "over_limit", 1), "over the limit"),
    "a bad end": (lambda case: setattr(case.watched, "code", 1), "ended with 1"),
    "a traceback": (lambda case: setattr(case.watched, "err", "\nTraceback (most recent"), "Traceback"),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_spoilt_is_found(flawless: Case, what: str) -> None:
    spoil, words = SPOILT[what]
    case = copy.deepcopy(flawless)
    spoil(case)
    assert [fault for fault in case.faults() if words in fault] != []
