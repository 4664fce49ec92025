"""Candles and trades from files: real ones to the bit, and one clear error for every bad one."""

import csv
import gzip
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from livermore.adapters.files import read_markets, write_candles
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleSource, CandleState

T0 = 1_700_006_400_000
HEADER = "timestamp_ms,open,high,low,close,volume"
GOOD = [f"{T0 + n * 60_000},1.0,2.0,0.5,1.5,{n + 1}.25" for n in range(4)]
NAME = "binance_spot_BTCUSDT_1m.csv"


def write(folder: Path, lines: list[str], name: str = NAME, header: str = HEADER) -> Path:
    path = folder / name
    text = "\n".join([header, *lines, ""])
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("name", ["ohlcv/binance_spot_XRPETH_1m.csv.gz", "ohlcv/coinbase_BTC-USD_4h.csv.gz"])
def test_real_candles_to_the_bit(shared_data: Path, name: str) -> None:
    [market] = read_markets(shared_data / name)
    exchange, *_, symbol, timeframe = name.removesuffix(".csv.gz").split("/")[1].split("_")
    assert (market.exchange, market.symbol, market.timeframe) == (exchange, symbol, timeframe)
    with gzip.open(shared_data / name, "rt") as file:
        rows = list(csv.DictReader(file))
    assert market.candles.time.tolist() == [int(row["timestamp_ms"]) for row in rows]
    for column in ("open", "high", "low", "close", "volume"):
        assert getattr(market.candles, column).tolist() == [float(row[column]) for row in rows]
    assert (market.candles.source == CandleSource.FILE).all()


def test_trades_become_the_minutes_of_the_exchange(shared_data: Path) -> None:
    [trades] = read_markets(shared_data / "trades" / "binance_spot_XRPETH_trades.csv.gz")
    [candles] = read_markets(shared_data / "ohlcv" / "binance_spot_XRPETH_1m.csv.gz")
    assert (trades.exchange, trades.symbol, trades.timeframe) == ("binance", "XRPETH", Timeframe.M1)
    for column in ("time", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(trades.candles, column), getattr(candles.candles, column))


def test_a_pack_of_many_symbols(shared_data: Path) -> None:
    [pack] = (shared_data / "packs").iterdir()
    markets = {market.symbol: market for market in read_markets(pack)}
    assert len(markets) == 128
    assert {market.timeframe for market in markets.values()} == {Timeframe.M5}
    assert {len(market.candles) for market in markets.values()} == {2016}
    [alone] = read_markets(shared_data / "ohlcv" / "binance_spot_XRPUSDT_5m.csv.gz")
    packed = markets["XRPUSDT"].candles
    same = alone.candles.between(int(packed.time[0]), int(packed.time[-1]) + 1)
    assert np.array_equal(packed.close, same.close)


def test_a_pack_needs_little_memory(shared_data: Path) -> None:
    """In a process of its own: beyond what importing pyarrow takes."""
    [pack] = (shared_data / "packs").iterdir()
    program = (
        "import pathlib, resource, sys, pyarrow.parquet, livermore.adapters.files as files\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak(); markets = files.read_markets(pathlib.Path(sys.argv[1]))\n"
        "print(len(markets), peak() - before, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(pack)], capture_output=True, text=True, check=True
    )
    count, megabytes, pandas = done.stdout.split()
    assert (count, pandas) == ("128", "False")
    assert int(megabytes) < 60


def test_trades_are_ordered_by_id_and_counted_once(tmp_path: Path) -> None:
    lines = [f"{T0 + 61_000},3,7.0,1", f"{T0},1,5.0,1", f"{T0 + 10},2,6.0,2", f"{T0},1,5.0,1"]
    path = write(tmp_path, lines, "kraken_XBTUSD_trades.csv", "timestamp,id,price,amount")
    [market] = read_markets(path)
    assert (market.exchange, market.symbol) == ("kraken", "XBTUSD")
    first, second = market.candles.rows()
    assert (first.time, first.open, first.high, first.low, first.close, first.volume) == (T0, 5, 6, 5, 6, 3)
    assert (second.time, second.close) == (T0 + 60_000, 7)


@pytest.mark.parametrize("name", [NAME, f"{NAME}.gz"])
def test_a_plain_or_packed_file(tmp_path: Path, name: str) -> None:
    [market] = read_markets(write(tmp_path, GOOD, name))
    assert market.candles.volume.tolist() == [1.25, 2.25, 3.25, 4.25]
    assert (market.candles.state == CandleState.TRADED).all()


def test_several_symbols_in_one_file(tmp_path: Path) -> None:
    lines = [f"{symbol},{line}" for line in GOOD for symbol in ("ETHUSDT", "BTCUSDT")]
    path = write(tmp_path, lines, "binance_spot_all_1m.csv", f"symbol,{HEADER}")
    assert [(market.symbol, len(market.candles)) for market in read_markets(path)] == [
        ("ETHUSDT", 4),
        ("BTCUSDT", 4),
    ]


def test_options_go_before_the_name(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "mine.csv")
    with pytest.raises(InvalidError) as caught:
        read_markets(path)
    assert "--exchange" in (caught.value.hint or "")
    [market] = read_markets(path, exchange="coinbase", symbol="BTC-USD")
    assert (market.exchange, market.symbol, market.timeframe) == ("coinbase", "BTC-USD", Timeframe.M1)
    [market] = read_markets(write(tmp_path, GOOD), symbol="ETHUSDT")
    assert (market.exchange, market.symbol) == ("binance", "ETHUSDT")


def test_the_timeframe_is_the_smallest_step(tmp_path: Path) -> None:
    lines = [f"{T0 + step * 300_000},1,2,0.5,1.5,1" for step in (0, 5, 6, 20)]
    [market] = read_markets(
        write(tmp_path, lines, "binance_BTCUSDT.csv"), symbol="BTCUSDT", exchange="binance"
    )
    assert market.timeframe is Timeframe.M5


@pytest.mark.parametrize(
    ("kind", "factor"), [(pyarrow.timestamp("ms"), 1), (pyarrow.timestamp("us"), 1000), (pyarrow.int64(), 1)]
)
def test_parquet_times_and_numbers_of_any_kind(tmp_path: Path, kind: pyarrow.DataType, factor: int) -> None:
    path = tmp_path / "binance_spot_BTCUSDT_1m.parquet"
    times = pyarrow.array([(T0 + n * 60_000) * factor for n in range(3)]).cast(kind)
    prices = {name: pyarrow.array([2, 2, 2], pyarrow.float32()) for name in HEADER.split(",")[1:]}
    parquet.write_table(pyarrow.table({"timestamp_ms": times, **prices}), path, row_group_size=2)
    [market] = read_markets(path)
    assert market.candles.time.tolist() == [T0, T0 + 60_000, T0 + 120_000]
    assert market.candles.close.tolist() == [2.0, 2.0, 2.0]


# ---------------------------------------------------------------- what is refused


def broken(row: int, column: int, cell: str) -> list[str]:
    """The good rows with one cell replaced."""
    rows = [line.split(",") for line in GOOD]
    rows[row][column] = cell
    return [",".join(cells) for cells in rows]


BAD_CELLS = [
    (1, "abc", "open", "not a number: 'abc'"),
    (1, "", "open", "not a number"),
    (0, "1.5", "timestamp_ms", "not a whole number"),
    (0, "99999999999999999999", "timestamp_ms", "not a whole number"),
    (1, "-1.0", "open", "zero or less"),
    (4, "0", "close", "zero or less"),
    (2, "nan", "high", "not a finite number"),
    (3, "inf", "low", "not a finite number"),
    (5, "-3", "volume", "negative amount"),
    (2, "0.4", "high", "high is below low"),
    (4, "1.9", "close", None),
    (4, "2.1", "close", "outside low and high"),
    (0, str(T0 // 1000), "timestamp_ms", "not a time in milliseconds"),
    (0, str(T0 + 60_000), "timestamp_ms", "the same time twice"),
    (0, str(T0), "timestamp_ms", "earlier than the row before"),
    (0, str(T0 + 120_001), "timestamp_ms", "not the open of a 1m bar"),
]


@pytest.mark.parametrize("extension", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize(("column", "cell", "name", "what"), BAD_CELLS)
def test_a_bad_cell_is_named(
    tmp_path: Path, extension: str, column: int, cell: str, name: str, what: str | None
) -> None:
    lines = broken(2, column, cell)
    if extension == "parquet":
        try:
            path = as_parquet(tmp_path, lines)
        except (ValueError, OverflowError):
            return  # no Parquet file holds such a cell in a column of numbers
    else:
        path = write(tmp_path, lines, f"binance_spot_BTCUSDT_1m.{extension}")
    if what is None:
        read_markets(path)
        return
    with pytest.raises(InvalidError, match=what) as caught:
        read_markets(path)
    place = "row 3" if extension == "parquet" else "line 4"
    assert caught.value.where == f"{path.name}, {place}, column {name}"
    assert caught.value.hint


def as_parquet(folder: Path, lines: list[str]) -> Path:
    names, rows = HEADER.split(","), [line.split(",") for line in lines]
    columns = {name: [float(row[place]) for row in rows] for place, name in enumerate(names)}
    path = folder / "binance_spot_BTCUSDT_1m.parquet"
    times = pyarrow.array([int(row[0]) for row in rows], pyarrow.int64())
    parquet.write_table(pyarrow.table({**columns, "timestamp_ms": times}), path)
    return path


def test_the_line_of_a_later_block(tmp_path: Path) -> None:
    lines = [f"{T0 + n * 60_000},1,2,0.5,1.5,1" for n in range(20_000)]
    lines[15_000] = lines[15_000].replace("0.5", "half")
    with pytest.raises(InvalidError) as caught:
        read_markets(write(tmp_path, lines))
    assert caught.value.where == f"{NAME}, line 15002, column low"


def test_the_row_of_one_symbol_among_several(tmp_path: Path) -> None:
    lines = [f"{symbol},{line}" for line in broken(2, 1, "-1") for symbol in ("ETHUSDT", "BTCUSDT")]
    path = write(tmp_path, lines, "binance_spot_all_1m.csv", f"symbol,{HEADER}")
    with pytest.raises(InvalidError) as caught:
        read_markets(path)
    assert caught.value.where == "binance_spot_all_1m.csv, line 6, column open"


def test_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="missing") as caught:
        read_markets(write(tmp_path, GOOD, header="timestamp_ms,open,high,low,last,volume"))
    assert caught.value.where == f"{NAME}, column close"


def test_a_line_too_short(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="5 cells where the header has 6") as caught:
        read_markets(write(tmp_path, [*GOOD, f"{T0 + 240_000},1,2,0.5,1.5"]))
    assert caught.value.where == f"{NAME}, line 6"


def test_an_empty_cell_in_parquet(tmp_path: Path) -> None:
    path = as_parquet(tmp_path, GOOD)
    table = parquet.read_table(path)
    table = table.set_column(table.schema.get_field_index("low"), "low", pyarrow.array([0.5, None, 0.5, 0.5]))
    parquet.write_table(table, path)
    with pytest.raises(InvalidError, match="empty") as caught:
        read_markets(path)
    assert caught.value.where == f"{path.name}, row 2, column low"


def test_text_in_a_parquet_price(tmp_path: Path) -> None:
    path = as_parquet(tmp_path, GOOD)
    table = parquet.read_table(path)
    table = table.set_column(
        table.schema.get_field_index("low"), "low", pyarrow.array(["0.5", "low", "1", "1"])
    )
    parquet.write_table(table, path)
    with pytest.raises(InvalidError, match="not a number") as caught:
        read_markets(path)
    assert caught.value.where == f"{path.name}, column low"


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        (NAME, b"", "empty"),
        (f"{NAME}.gz", gzip.compress(b"", mtime=0), "empty"),
        (NAME, f"{HEADER}\n".encode(), "no rows"),
        (f"{NAME}.gz", f"{HEADER}\n".encode(), "not a whole gzip file"),
        (
            f"{NAME}.gz",
            gzip.compress("\n".join([HEADER, *GOOD]).encode(), mtime=0)[:-9],
            "not a whole gzip file",
        ),
        (NAME, gzip.compress(b"x", mtime=0), "not text"),
        ("binance_spot_BTCUSDT_1m.parquet", b"PAR1", "cannot be read"),
        ("binance_spot_BTCUSDT_1m.parquet", b"", "cannot be read"),
        ("binance_spot_BTCUSDT_1m.xlsx", b"", "extension"),
        ("binance_spot_BTCUSDT", b"", "extension"),
    ],
)
def test_a_file_that_is_not_what_it_says(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidError, match=what) as caught:
        read_markets(tmp_path / name)
    assert name in (caught.value.where or "")
    assert caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_markets(tmp_path / NAME)


def test_no_timeframe_fits_the_steps(tmp_path: Path) -> None:
    lines = [f"{T0 + n * 180_000},1,2,0.5,1.5,1" for n in range(3)]
    with pytest.raises(InvalidError, match="180000 ms"):
        read_markets(write(tmp_path, lines, "mine.csv"), exchange="x", symbol="Y")


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    [market] = read_markets(write(tmp_path, GOOD))
    write_candles(tmp_path / "binance_spot_all_1m.csv.gz", {"A": market.candles, "B": market.candles})
    assert [other.symbol for other in read_markets(tmp_path / "binance_spot_all_1m.csv.gz")] == ["A", "B"]


def test_a_file_is_closed_however_long_its_error_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, really = write(tmp_path, GOOD, header="timestamp_ms,open"), Path.open
    opened: list[IO[Any]] = []

    def noted(*given: Any, **more: Any) -> IO[Any]:
        opened.append(really(*given, **more))
        return opened[-1]

    monkeypatch.setattr(Path, "open", noted)
    with pytest.raises(InvalidError) as held:
        read_markets(path)
    assert held.value.where
    assert [file.closed for file in opened] == [True]
