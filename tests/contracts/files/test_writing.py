"""Tables on disk: every bit of a float survives, and a file is there only when it is whole."""

import csv
import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from livermore.adapters.files import TableWriter, read_markets, write_candles, write_table
from livermore.kernel.errors import InvalidError
from livermore.market.candle import Candles

EXTENSIONS = ["csv", "csv.gz", "parquet"]
T0 = 1_700_006_400_000
POSITIVE = st.floats(min_value=1e-12, max_value=1e15)


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return rows
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(text.decode().splitlines()))


@pytest.mark.parametrize("extension", EXTENSIONS)
@given(prices=st.lists(POSITIVE, min_size=1, max_size=20))
def test_floats_keep_every_bit(
    tmp_path_factory: pytest.TempPathFactory, extension: str, prices: list[float]
) -> None:
    path = tmp_path_factory.mktemp("files") / f"binance_spot_BTCUSDT_1m.{extension}"
    times = T0 + np.arange(len(prices)) * 60_000
    write_candles(path, Candles.of(times, prices, prices, prices, prices, prices))
    [market] = read_markets(path)
    assert market.candles.time.tolist() == times.tolist()
    assert market.candles.close.tolist() == prices
    assert market.candles.volume.tolist() == prices


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_any_table(tmp_path: Path, extension: str) -> None:
    path = tmp_path / "out" / f"signals.{extension}"
    write_table(
        path,
        {
            "symbol": ["BTCUSDT", "ETHUSDT"],
            "macdv": np.array([151.25, math.nan]),
            "level": [150, None],
            "quiet": np.array([True, False]),
        },
    )
    first, second = rows_of(path)
    assert (first["symbol"], float(first["macdv"]), int(float(first["level"]))) == ("BTCUSDT", 151.25, 150)
    assert str(first["quiet"]) == "True"
    assert second["macdv"] in {"", None}
    assert second["level"] in {"", None}


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_table_in_parts(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"indicators.{extension}"
    with TableWriter(path) as writer:
        writer.write({"time": [1, 2], "value": [None, None]})
        writer.write({"time": [3], "value": [0.1]})
        assert not path.exists()
    assert [float(row["value"] or 0) for row in rows_of(path)] == [0, 0, 0.1]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_failure_leaves_the_old_file(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"table.{extension}"
    write_table(path, {"value": [1]})

    def fail() -> None:
        with TableWriter(path) as writer:
            writer.write({"value": [2]})
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        fail()
    assert [int(row["value"]) for row in rows_of(path)] == [1]
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_extension(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="extension"):
        write_table(tmp_path / "table.xlsx", {"value": [1]})


def test_the_same_table_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.csv.gz", "two.csv.gz"):
        write_table(tmp_path / name, {"value": [1.5, 2.5]})
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()
