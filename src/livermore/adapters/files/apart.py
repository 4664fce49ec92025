"""Read a file in a process of its own, so that what reading needs is gone when it ends."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from livermore.adapters.files.markets import RecordedMarket, read_markets


def read_markets_apart(path: Path, *, exchange: str | None = None) -> list[RecordedMarket]:
    """Do what `read_markets` does; a Parquet reader never enters this process, which may live long."""
    if path.suffix != ".parquet":
        return read_markets(path, exchange=exchange)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(read_markets, path, exchange=exchange).result()
