"""Symbols whose history does not come: they hold up no other, and health says so until it comes."""

from __future__ import annotations

from structlog.testing import capture_logs

from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.loading import AT_ONCE
from livermore.market.ports import Cause
from tests.reference.series import START

from .factories import MINUTE
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


async def test_a_trouble_that_all_symbols_share_is_told_once_and_again_after_it_was_over() -> None:
    office = Office(Tape(1, 6, 58))
    told, away = office.exchange.history, [ExchangeUnreachableError("REST is away")]

    async def history(symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        if away:
            raise away[0]
        return await told(symbol, timeframe, start, end)

    office.exchange.history = history  # type: ignore[method-assign]
    with capture_logs() as lines:
        await office.open()
        await office.until(35)
        assert "as do 5 more: REST is away" in str(office.desk.detail)
        away.clear()
        await office.until(50)
        assert office.desk.health().state == "healthy"
        away.append(ExchangeUnreachableError("REST is away"))
        office.desk.repairs.doubted("S0", START + 48 * MINUTE, START + 49 * MINUTE, Cause.LATE)
        await office.until(52)
    await office.close()
    loud = [line["event"] for line in lines if line["log_level"] == "error"]
    assert len(loud) == 2
    assert loud[-1] == "S0 is to be compared"
