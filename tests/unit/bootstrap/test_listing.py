"""Whoever is asked what an exchange lists is reached as its row says, and nothing is written for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from livermore.bootstrap.listing import asking
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import NotFoundError
from livermore.market.budget import Budgets
from livermore.market.exchange import COINBASE, ExchangeInfo

OFF = ExchangeInfo(name="off", display_name="Off", supported_timeframes=("1m",), is_active=False)


class Rows:
    """The rows of `exchanges`."""

    def __init__(self, *rows: ExchangeInfo) -> None:
        self.rows = {row.name: row for row in rows}

    async def all(self) -> list[ExchangeInfo]:
        return list(self.rows.values())

    async def get(self, name: str) -> ExchangeInfo | None:
        return self.rows.get(name)

    async def put(self, info: ExchangeInfo) -> None:
        raise AssertionError("nothing is written")

    async def seed(self, infos: Sequence[ExchangeInfo]) -> None:
        raise AssertionError("nothing is written")


async def test_asking_writes_no_row_and_opens_no_exchange_that_is_switched_off() -> None:
    clock = ManualClock()
    adapter = asking(Rows(OFF), clock, Budgets(clock))
    assert await adapter("off") is None
    coinbase = await adapter("coinbase")
    assert coinbase is not None
    assert coinbase.info == COINBASE
    await coinbase.close()
    with pytest.raises(NotFoundError):
        await adapter("nowhere")
