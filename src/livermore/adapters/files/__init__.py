"""Candles and trades from and to CSV and Parquet files."""

from livermore.adapters.files.apart import read_markets_apart
from livermore.adapters.files.markets import RecordedMarket, read_markets
from livermore.adapters.files.writing import TableWriter, write_candles, write_table

__all__ = [
    "RecordedMarket",
    "TableWriter",
    "read_markets",
    "read_markets_apart",
    "write_candles",
    "write_table",
]
