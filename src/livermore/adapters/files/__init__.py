"""Candles and trades from and to CSV and Parquet files."""

from livermore.adapters.files.markets import RecordedMarket, read_markets
from livermore.adapters.files.writing import TableWriter, write_candles, write_table

__all__ = ["RecordedMarket", "TableWriter", "read_markets", "write_candles", "write_table"]
