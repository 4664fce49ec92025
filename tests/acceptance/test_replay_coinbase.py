"""Recordings of Coinbase through sockets: alone, with a longer base, and beside a recording of Binance."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from .program import Program, livermore, sooner_or_later
from .recording import Market, Recording, record

KEPT = 2_000
OVER = re.compile(r"(the recording is over)")
WATCHED = re.compile(r"watching a recording, as fast as possible: (.*) on (.*)")


def shown(program: Program, replayed: int) -> dict[str, Any]:
    """Wait for the end of a recording, and return the signals that were found, by id."""
    program.printed(OVER)
    sooner_or_later(lambda: len(list(program.pages("signals"))) >= replayed, 10)
    return {signal["id"]: signal for signal in program.pages("signals")}


def candles(program: Program, series: str, count: int) -> Any:
    """Return the candles of a series once so many are there: the last one is closed by the clock."""
    path = f"/candles/{series}?limit=100000"
    sooner_or_later(lambda: len(program.get(path)["candles"]) >= count, 10)
    return program.get(path)["candles"]


def replayed(folder: Path, *files: str) -> set[str]:
    """Return the ids of the signals that `livermore replay` finds in the same files."""
    done = livermore(folder, "replay", *files, "--signals", "signals.csv")
    assert done.code == 0, done.err
    lines = (folder / "signals.csv").read_text().splitlines()
    place = lines[0].split(",").index("id")
    return {line.split(",")[place] for line in lines[1:]}


def test_a_recorded_timeframe_becomes_the_base(shared_data: Path, tmp_path: Path) -> None:
    files = [cut(shared_data, symbol, tmp_path) for symbol in ("BTC-USD", "ETH-USD")]
    expected = replayed(tmp_path, *map(str, files))
    assert len(expected) > 30
    with Program(tmp_path, "--replay", *map(str, files), "--speed", "max") as program:
        names, timeframes = program.printed(WATCHED)
        assert names == "coinbase:BTC-USD coinbase:ETH-USD"
        assert timeframes == "4h 1d"
        assert set(shown(program, len(expected))) == expected
        assert program.exchange()["skipped"] == {}
        for file in files:
            symbol = file.name.split("_")[1]
            told = candles(program, f"coinbase/{symbol}/4h", KEPT)
            traded = [bar for bar in told if bar["state"] == "traded"]
            rows = rows_of(file)
            assert [bar["time"] for bar in traded] == [row[0] for row in rows]
            for bar, row in zip(traded, rows, strict=True):
                assert [bar[name] for name in ("open", "high", "low", "close")] == row[1:5]
                assert bar["volume"] == pytest.approx(row[5], rel=1e-9)


def cut(shared_data: Path, symbol: str, folder: Path) -> Path:
    """Take the newest bars of a recording, all of them traded."""
    name = f"coinbase_{symbol}_4h.csv"
    with gzip.open(shared_data / "ohlcv" / f"{name}.gz", "rt") as lines:
        head, *rows = lines.read().splitlines()
    (folder / name).write_text("\n".join([head, *rows[-KEPT:]]) + "\n")
    return folder / name


def rows_of(file: Path) -> list[list[float]]:
    """Return the traded candles of a file."""
    head, *lines = file.read_text().splitlines()
    names = ("timestamp_ms", "open", "high", "low", "close", "volume")
    places = [head.split(",").index(name) for name in names]
    rows = [[float(line.split(",")[place]) for place in places] for line in lines]
    return [row for row in rows if row[5] > 0]


def test_recordings_of_two_exchanges_are_served_side_by_side(tmp_path: Path) -> None:
    ours = record(tmp_path, [Market("ALPHAUSDT", "trending", 5)], 600)
    other = record(tmp_path, [Market("BETA-USD", "gapped", 9)], 600)
    at_coinbase = tmp_path / "coinbase_spot_BETA-USD_1m.csv.gz"
    other.files[0].rename(at_coinbase)
    files = (str(ours.files[0]), str(at_coinbase))
    expected = replayed(tmp_path, *files)
    with Program(tmp_path, "--replay", *files, "--speed", "max") as program:
        assert program.printed(WATCHED)[0] == "binance:ALPHAUSDT coinbase:BETA-USD"
        found = shown(program, len(expected))
        assert set(found) == expected
        assert {signal["exchange"] for signal in found.values()} == {"binance", "coinbase"}
        for exchange, recording in (("binance", ours), ("coinbase", Recording([at_coinbase]))):
            assert_as_recorded(program, exchange, recording)


def assert_as_recorded(program: Program, exchange: str, recording: Recording) -> None:
    """Check that the minutes of an exchange are those of its recording."""
    ((symbol, bars),) = recording.bars.items()
    told = candles(program, f"{exchange}/{symbol}/1m", len(bars["1m"]))
    prices = ("open", "high", "low", "close")
    assert [[bar["time"], *(bar[name] for name in prices)] for bar in told] == [
        [bar.time, *(float(getattr(bar, name)) for name in prices)] for bar in bars["1m"]
    ]


def test_a_recording_that_cannot_be_served_says_what_can_be_done(tmp_path: Path) -> None:
    recording = record(tmp_path, [Market("ALPHAUSDT", "trending", 5)], 60)
    file = recording.files[0].rename(tmp_path / "kraken_spot_ALPHAUSDT_1m.csv.gz")
    refused = livermore(tmp_path, "up", "--replay", str(file), "--port", "0")
    assert refused.code == 4
    assert "'kraken' cannot be simulated" in refused.err
    assert "--exchange coinbase or binance" in refused.err


def test_two_timeframes_of_one_exchange_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / f"coinbase_spot_ALPHA-USD_{timeframe}.csv" for timeframe in ("1m", "5m")]
    for file in files:
        file.write_text("timestamp_ms,open,high,low,close,volume\n1735689600000,1,2,1,2,3\n")
    refused = livermore(tmp_path, "up", "--port", "0", "--replay", *map(str, files))
    assert refused.code == 4
    assert "the files of coinbase are of more than one timeframe: 1m, 5m" in refused.err
