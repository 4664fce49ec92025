"""A recording through real sockets tells what the file says: candles, values and signals, to the last bar."""

import csv
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.reference.macdv import Bar, Row
from tests.reference.rules import TIMEFRAMES

from .conftest import Run
from .recording import SHOWN

NUMBERS = ("ema12", "ema26", "atr26", "macdv", "signal", "histogram", "quiet_ratio")
SAID = ("kind", "level", "direction", "bias", "stage", "low_confidence")
# A replay knows neither this process's clock nor the settings of its user.
NOT_REPLAYED = {"late", "settings_revision"}
ALERT = re.compile(r"  (level|reversal)\b.*  bias ")
NAMES = {length: name for name, length in TIMEFRAMES.items()}


@pytest.mark.parametrize("timeframe", SHOWN)
def test_candles_are_the_roll_up_of_the_file(finished: Run, timeframe: str) -> None:
    for symbol, bars in finished.recording.bars.items():
        assert_same_bars(finished.told.candles[symbol, timeframe], bars[timeframe])


def test_quiet_minutes_are_flat_at_the_price_before(finished: Run) -> None:
    minutes = finished.told.candles["BETAUSDT", "1m"]
    quiet = [(before, bar) for before, bar in pairwise(minutes) if bar["state"] == "quiet"]
    assert len(quiet) > 500
    for before, bar in quiet:
        assert {bar[name] for name in ("open", "high", "low", "close")} == {before["close"]}
        assert bar["volume"] == 0


@pytest.mark.parametrize("timeframe", SHOWN)
def test_values_are_those_of_forty_digits(finished: Run, timeframe: str) -> None:
    for symbol, rows in finished.recording.rows.items():
        expected = {row.time: row for row in rows[TIMEFRAMES[timeframe]]}
        values = finished.told.values[symbol, timeframe]
        assert [value["time"] for value in values] == list(expected)[-len(values) :]
        assert len(values) >= min(len(expected), 1_000)
        for value in values:
            assert_same_value(value, expected[value["time"]])


def test_signals_are_those_of_a_replay_to_the_bit(finished: Run) -> None:
    assert_as_replayed(finished)


def test_signals_are_those_of_the_reference(finished: Run) -> None:
    told = {identity(signal): signal for signal in finished.told.signals}
    expected = {
        (symbol, NAMES[signal["timeframe"]], signal["time"], signal["kind"], signal["level"]): signal
        for symbol, signals in finished.recording.signals.items()
        for signal in signals
    }
    assert told.keys() == expected.keys()
    for one, signal in told.items():
        exact = dict(expected[one])
        assert [signal[name] for name in SAID] == [exact[name] for name in SAID]
        for name in ("macdv", "signal", "histogram"):
            assert near(signal[name], exact[name])


def test_every_kind_of_signal_was_there(finished: Run) -> None:
    kinds = {(signal["kind"], signal["direction"]) for signal in finished.told.signals}
    assert kinds == {
        ("level", "up"), ("level", "down"), ("reversal_oversold", "up"), ("reversal_overbought", "down"),
    }  # fmt: skip


def test_signals_are_told_newest_first(finished: Run) -> None:
    closes = [signal["time"] + TIMEFRAMES[signal["timeframe"]] for signal in finished.told.signals]
    assert closes == sorted(closes, reverse=True)


def test_more_than_five_hundred_alerts_are_all_sent(finished: Run) -> None:
    alerts = finished.told.alerts
    assert len(alerts) > 500
    assert {alert["state"] for alert in alerts} == {"sent"}
    assert len({alert["signal_id"] for alert in alerts}) == len(alerts)
    printed = [line for line in finished.told.out.splitlines() if ALERT.search(line)]
    assert len(printed) == len(alerts)


def test_the_runtime_was_well_and_ended_well(finished: Run) -> None:
    (exchange,), runtime = finished.told.runtime["exchanges"], finished.told.runtime
    assert (runtime["state"], runtime["mode"]) == ("running", "scalper-macdv")
    assert runtime["symbols"] == {"active": 4, "total": 4}
    assert set(runtime["services"].values()) == {"healthy"}
    assert (exchange["state"], exchange["reconnects"], exchange["skipped"]) == ("connected", 0, {})
    assert (finished.told.code, finished.told.err) == (0, "")
    assert finished.told.seconds < 5


def test_what_was_told_is_what_lies_on_the_disk(finished: Run) -> None:
    told = {
        (symbol, timeframe, bar["time"], *(bar[name] for name in ("open", "high", "low", "close", "volume")))
        for (symbol, timeframe), bars in finished.told.candles.items()
        for bar in bars
    }
    lying = {row[1:9] for row in finished.stored.tables["candles"] if row[2] in SHOWN}
    assert lying == told
    assert len(finished.told.signals) == len(finished.stored.tables["signals"])


@pytest.mark.parametrize("timeframe", SHOWN)
def test_a_real_recording_s_candles_are_its_roll_up(real: Run, timeframe: str) -> None:
    for symbol, bars in real.recording.bars.items():
        assert_same_bars(real.told.candles[symbol, timeframe], bars[timeframe])


def test_a_real_recording_s_signals_are_those_of_a_replay(real: Run) -> None:
    assert len(real.told.signals) > 500
    assert_as_replayed(real)


def assert_same_bars(told: list[Any], expected: Iterable[Bar]) -> None:
    """Check prices exactly and volumes to nine digits, bar for bar."""
    assert [prices(bar) for bar in told] == [
        (bar.time, *map(float, (bar.open, bar.high, bar.low, bar.close)), "quiet" if bar.quiet else "traded")
        for bar in expected
    ]
    for bar, exact in zip(told, expected, strict=True):
        assert bar["volume"] == pytest.approx(float(exact.volume), rel=1e-9, abs=0)


def prices(bar: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return all of a told candle that must be exact."""
    return tuple(bar[name] for name in ("time", "open", "high", "low", "close", "state"))


def assert_same_value(value: Mapping[str, Any], exact: Row) -> None:
    """Check one told indicator value."""
    assert [name for name in NUMBERS if not near(value[name], getattr(exact, name))] == []
    assert (value["stage"], value["observed"]) == (exact.stage, exact.observed)
    assert (value["low_confidence"], value["complete"]) == (exact.low_confidence, True)


def near(number: float | None, exact: Any) -> bool:
    """Say whether a number is the exact one, as near as the specification asks."""
    if number is None or exact is None:
        return number is None and exact is None
    return bool(abs(Decimal(number) - exact) <= Decimal("1e-9") * max(Decimal(1), abs(exact)))


def assert_as_replayed(run: Run) -> None:
    """Check every field of every signal against `livermore replay` over the same files."""
    with (run.folder / "signals.csv").open(newline="") as lines:
        replayed = {row["id"]: row for row in csv.DictReader(lines)}
    told = {signal["id"]: signal for signal in run.told.signals}
    assert told.keys() == replayed.keys()
    for name in next(iter(replayed.values())).keys() - NOT_REPLAYED:
        assert [(one, told[one][name]) for one in told] == [
            (one, like(told[one][name], replayed[one][name])) for one in told
        ]


def like(told: Any, text: str) -> Any:
    """Read a cell as what it is compared with; an empty one is none."""
    if text == "":
        return None
    return text == "True" if isinstance(told, bool) else type(told)(text)


def identity(signal: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes a signal this one and no other."""
    return tuple(signal[name] for name in ("symbol", "timeframe", "time", "kind", "level"))
