"""Symbols whose history does not come: they hold up no other, and health says so until it comes."""

from __future__ import annotations

from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.desk import AT_ONCE

from .office import Office
from .tape import Tape


async def test_symbols_whose_history_does_not_come_hold_up_no_other() -> None:
    tape = Tape(1, AT_ONCE + 3, 58)
    office = Office(tape)
    lacking = set(tape.symbols[:AT_ONCE])
    told = office.exchange.history

    async def history(symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        if symbol in lacking:
            raise ExchangeUnreachableError("a candle that cannot be")
        return await told(symbol, timeframe, start, end)

    office.exchange.history = history  # type: ignore[method-assign]
    await office.open()
    await office.until(40)
    assert office.desk.loaded == set(tape.symbols[AT_ONCE:])
    assert office.desk.health().state == "degraded"
    lacking.clear()
    await office.until(56)
    assert office.desk.loaded == set(tape.symbols)
    assert office.desk.health().state == "healthy"
    await office.check(55)
    await office.close()
