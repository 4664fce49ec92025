"""What is missing is asked of the exchange: at first a warm-up, later exactly the gap."""

import asyncio
from collections.abc import Sequence

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    ExchangeRefusedError,
    ExchangeUnreachableError,
    LivermoreError,
    RateLimitedError,
)
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import WARM_UP, Amendment, Backfill
from livermore.market.candle import Candles, CandleState, fill_quiet
from livermore.market.ports import Exchange, Series
from livermore.market.rollup import roll_up
from tests.reference.series import START

from .exchange import INFO
from .factories import H1, M5, MINUTE, candles_of, generated, same, told
from .memory import MemoryStore

TIMEFRAMES = (Timeframe.M1, M5, H1)
BASE = generated("thin", 1, 3_000)
TRADED = BASE[BASE.state == CandleState.TRADED]


class Rest:
    """Answer from a list of candles, quiet ones absent, and write down what was asked."""

    info = INFO

    def __init__(self, base: Candles = BASE, failing: Sequence[LivermoreError] = ()) -> None:
        self.base, self.failing = base, list(failing)
        self.asked: list[tuple[Timeframe, int, int]] = []

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        self.asked.append((timeframe, (start - START) // MINUTE, (end - START) // MINUTE))
        if self.failing:
            raise self.failing.pop(0)
        series = self.base if timeframe is Timeframe.M1 else roll_up(self.base, MINUTE, timeframe)
        part = series.between(start, end)
        return part[part.state == CandleState.TRADED]


def backfill(rest: Rest, store: MemoryStore, clock: ManualClock | None = None) -> Backfill:
    exchange: Exchange = rest  # type: ignore[assignment]
    return Backfill(exchange, store, clock or ManualClock(), TIMEFRAMES)


def at(minute: int) -> int:
    return START + minute * MINUTE


async def stored(store: MemoryStore, timeframe: Timeframe) -> Candles:
    return await store.load(Series("test", "A", timeframe))


async def check(store: MemoryStore, until: int, first: int = 0) -> None:
    """Hold the store against the whole series, from a minute to a minute."""
    for timeframe in TIMEFRAMES:
        wanted = BASE if timeframe is Timeframe.M1 else roll_up(BASE, MINUTE, timeframe)
        wanted = wanted.between(at(first), timeframe.bucket(at(until)))
        assert same(await stored(store, timeframe), wanted, ("time", "open", "high", "low", "close", "state"))


async def test_a_new_symbol_gets_its_last_450_buckets_of_every_timeframe_and_its_day() -> None:
    store, rest = MemoryStore(), Rest()
    await backfill(rest, store).fill("A", at(2_017))
    assert rest.asked == [
        (Timeframe.M1, 1_440, 2_017),
        (M5, 2_015 - 5 * WARM_UP, 2_015),
        (H1, 1_980 - 60 * WARM_UP, 1_980),
    ]
    base = await stored(store, Timeframe.M1)
    assert 570 < len(base) <= 577
    assert base.state[0] == CandleState.TRADED
    assert same(base, BASE[1_440:2_017][-len(base) :], ("time", "close", "state"))


async def test_a_market_younger_than_the_warm_up_gives_all_there_is() -> None:
    store, rest = MemoryStore(), Rest()
    await backfill(rest, store).fill("A", at(203))
    await check(store, 203)


async def test_a_market_without_a_trade_gives_nothing_and_is_no_error() -> None:
    store, rest = MemoryStore(), Rest(Candles.none())
    await backfill(rest, store).fill("A", at(203))
    assert [len(await stored(store, timeframe)) for timeframe in TIMEFRAMES] == [0, 0, 0]


@pytest.mark.parametrize(("first", "second"), [(203, 204), (203, 205), (200, 260), (203, 1_999), (240, 241)])
async def test_later_exactly_the_missing_range_is_asked_for_and_higher_ones_are_rolled_up(
    first: int, second: int
) -> None:
    store = MemoryStore()
    await backfill(Rest(), store).fill("A", at(first))
    rest = Rest()
    await backfill(rest, store).fill("A", at(second))
    assert rest.asked == [(Timeframe.M1, first, second)]
    await check(store, second)


async def test_nothing_is_asked_when_nothing_is_missing() -> None:
    store = MemoryStore()
    await backfill(Rest(), store).fill("A", at(203))
    rest = Rest()
    await backfill(rest, store).fill("A", at(203))
    assert rest.asked == []


async def test_a_gap_without_any_trade_is_quiet_in_every_timeframe() -> None:
    """A roll-up that begins with a quiet bucket goes on at the close before, never at a price of nothing."""
    base = fill_quiet(candles_of(told("volatile", 1, 60)), Timeframe.M1, at(400))
    store = MemoryStore()
    await backfill(Rest(base), store).fill("A", at(120))
    await backfill(Rest(base), store).fill("A", at(400))
    for timeframe in TIMEFRAMES:
        candles = await stored(store, timeframe)
        assert candles.close[-1] == base.close[-1]
        assert candles.low.min() > 0
        assert candles.state[-1] == CandleState.QUIET


async def test_a_timeframe_that_is_new_is_warmed_up_alone() -> None:
    store = MemoryStore()
    await backfill(Rest(), store).fill("A", at(1_000))
    del store.kept[Series("test", "A", H1)]
    rest = Rest()
    await backfill(rest, store).fill("A", at(1_003))
    assert rest.asked == [(Timeframe.M1, 1_000, 1_003), (H1, 960 - 60 * WARM_UP, 960)]
    await check(store, 1_003)


async def test_history_is_asked_again_with_growing_patience_and_as_long_as_the_exchange_wants() -> None:
    clock, rest = (
        ManualClock(),
        Rest(
            failing=[
                ExchangeUnreachableError(),
                RateLimitedError(retry_after=30.0),
                ExchangeUnreachableError(),
            ]
        ),
    )
    filling = backfill(rest, MemoryStore(), clock).history("A", Timeframe.M1, at(0), at(5))

    task = asyncio.create_task(filling)
    await clock.advance(0)
    await clock.advance(1.3)
    assert len(rest.asked) == 2
    await clock.advance(29)
    assert len(rest.asked) == 2
    await clock.advance(1)
    assert len(rest.asked) == 3
    await clock.advance(10)
    assert len(await task) > 0


async def test_a_refusal_is_not_asked_again() -> None:
    rest = Rest(failing=[ExchangeRefusedError()])
    with pytest.raises(ExchangeRefusedError):
        await backfill(rest, MemoryStore()).history("A", Timeframe.M1, at(0), at(5))
    assert len(rest.asked) == 1


async def test_a_candle_that_cannot_be_is_not_believed() -> None:
    wrong = candles_of([(at(0), 10, 9, 8, 10, 1)])
    rest, clock = Rest(wrong), ManualClock()

    task = asyncio.create_task(backfill(rest, MemoryStore(), clock).history("A", Timeframe.M1, at(0), at(5)))
    await clock.advance(0)
    assert not task.done()
    rest.base = BASE
    await clock.advance(2)
    assert len(await task) > 0


async def test_a_revision_changes_the_bar_its_quiet_followers_and_the_bars_made_of_them() -> None:
    store = MemoryStore()
    await backfill(Rest(), store).fill("A", at(1_000))
    place = next(
        at for at in range(900, 990) if BASE.state[at] == 1 and BASE.state[at + 1] == BASE.state[at + 2] == 0
    )
    corrected = candles_of([(at(place), 1.0, 2.0, 0.5, 1.5, 3.0)])
    await backfill(Rest(), store).revise("A", Amendment({Timeframe.M1: corrected}), at(1_000))
    changed = TRADED.between(at(0), at(1_000))
    where = changed.time.tolist().index(at(place))
    for name in ("open", "high", "low", "close", "volume"):
        getattr(changed, name)[where] = getattr(corrected, name)[0]
    wanted = fill_quiet(changed, Timeframe.M1, at(1_000))
    for timeframe in TIMEFRAMES:
        expected = wanted if timeframe is Timeframe.M1 else roll_up(wanted, MINUTE, timeframe)
        found = await stored(store, timeframe)
        assert same(found, expected, ("time", "open", "high", "low", "close", "volume", "state")), timeframe


async def test_a_warm_up_that_was_broken_off_goes_on_where_it_was() -> None:
    store, rest = MemoryStore(), Rest()
    await backfill(rest, store).fill("A", at(2_017))
    series = Series(INFO.name, "A", H1)
    del store.kept[series]
    rest.asked.clear()
    rest.failing.append(ExchangeRefusedError("the process was killed here"))
    with pytest.raises(ExchangeRefusedError):
        await backfill(rest, store).fill("A", at(2_017))
    rest.asked.clear()
    await backfill(rest, store).fill("A", at(2_017))
    assert [timeframe for timeframe, *_ in rest.asked] == [H1]
    assert len(await stored(store, H1)) == 33
