"""The simulated market: the same world for a seed, one truth over REST and stream, a clock to be held."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from livermore.adapters.exchanges.simulated import (
    EPOCH,
    Bars,
    GeneratedSource,
    RecordedSource,
    SimulatedExchange,
    Source,
)
from livermore.adapters.files import read_markets
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError, InvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate, Candles
from tests.contracts.exchanges.support import (
    MINUTE,
    T0,
    binance,
    candles,
    connected,
    recorded,
    running,
    until,
)
from tests.reference.rollup import reference_rollup

DAY = Timeframe.D1.milliseconds
SYMBOLS = ["C0USDT", "C1USDT", "C2USDT"]
PRICES = ("open", "high", "low", "close")


def same(one: Bars, other: Bars) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("time", *PRICES, "volume", "last_id")
    )


# ---------------------------------------------------------------- the generated world


def test_a_seed_makes_one_world() -> None:
    wanted = ("ATOMUSDT", Timeframe.M1, EPOCH - DAY, EPOCH + DAY)
    one, other = GeneratedSource().bars(*wanted), GeneratedSource().bars(*wanted)
    assert same(one, other)
    assert not same(one, GeneratedSource(seed=8).bars(*wanted))


def test_the_world_does_not_depend_on_what_was_asked_before() -> None:
    wanted = ("BTCUSDT", Timeframe.M1, EPOCH - 20 * DAY, EPOCH - 19 * DAY)
    fresh, used = GeneratedSource(["BTCUSDT"]), GeneratedSource(["ETHUSDT", "BTCUSDT"])
    first = used.bars(*wanted)
    used.bars("BTCUSDT", Timeframe.M5, EPOCH - 40 * DAY, EPOCH + 40 * DAY)  # lets go of that day
    assert same(first, used.bars(*wanted))
    assert same(first, fresh.bars(*wanted))


def test_trade_ids_are_a_chain_and_bars_are_whole() -> None:
    source = GeneratedSource(["ATOMUSDT"])
    bars = source.bars("ATOMUSDT", Timeframe.M1, source.first, EPOCH + 3 * DAY)
    assert (np.diff(bars.time) == MINUTE).all()
    quiet = bars.volume == 0
    assert 0.2 < quiet.mean() < 0.4
    assert (bars.high[quiet] == bars.low[quiet]).all()
    assert (bars.last_id[quiet] == -1).all()
    traded = bars[~quiet]
    assert (traded.first_id[1:] == traded.last_id[:-1] + 1).all()
    assert (traded.last_id - traded.first_id + 1 >= source.updates_per_bar).all()
    assert (bars.open[1:] == bars.close[:-1]).all()
    assert (bars.low > 0).all()


@pytest.mark.parametrize("timeframe", [Timeframe.M5, Timeframe.H1, Timeframe.D1])
def test_longer_bars_are_rolled_up_from_the_minutes(timeframe: Timeframe) -> None:
    source = GeneratedSource(["ATOMUSDT"])
    span = (EPOCH - 3 * DAY, EPOCH)
    minutes = source.bars("ATOMUSDT", Timeframe.M1, *span)
    columns = [getattr(minutes, name).tolist() for name in ("time", *PRICES, "volume")]
    wanted = reference_rollup(list(zip(*columns, strict=True)), MINUTE, timeframe.milliseconds)
    rolled = source.bars("ATOMUSDT", timeframe, *span)
    assert rolled.time.tolist() == [bar.time for bar in wanted]
    for name in PRICES:
        assert getattr(rolled, name).tolist() == [float(getattr(bar, name)) for bar in wanted]
    for place, bar in enumerate(wanted):
        mine = minutes.between(bar.time, bar.time + timeframe.milliseconds)
        assert rolled.volume[place] == sum(mine.volume.tolist())


def test_a_pair_moves_like_a_market() -> None:
    source = GeneratedSource()
    for market in source.markets:
        bars = source.bars(market.symbol, Timeframe.D1, source.first, EPOCH)
        assert len(bars) == 45
        assert 0.01 < np.diff(np.log(bars.close)).std() < 0.15
        assert 0.2 < bars.close[-1] / bars.close[0] < 5


# ---------------------------------------------------------------- one truth


async def rows(server: SimulatedExchange, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
    exchange = binance(server.rest_url)
    try:
        return await exchange.history(symbol, timeframe, start, end)
    finally:
        await exchange.close()


def assert_told(updates: list[BarUpdate], bars: Bars) -> None:
    """The closing frames are the traded bars of the source, to the bit, and the ids are one chain."""
    closed = [bar for bar in updates if bar.closed]
    traded = bars[bars.volume > 0]
    assert [bar.time for bar in closed] == traded.time.tolist()
    for name in (*PRICES, "volume", "first_id", "last_id"):
        assert [getattr(bar, name) for bar in closed] == getattr(traded, name).tolist()
    for bar in updates:
        assert bar.low <= min(bar.open, bar.close)
        assert max(bar.open, bar.close) <= bar.high
    last_ids = [bar.last_id for bar in updates]
    assert last_ids == sorted(set(last_ids))


async def test_the_stream_tells_the_same_bars_as_the_source() -> None:
    source = GeneratedSource(["BTCUSDT", "ATOMUSDT"])
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, ["BTCUSDT", "ATOMUSDT"]) as (sink, _),
    ):
        await until(lambda: len(sink.closed("BTCUSDT")) > 300)
        for symbol in ("BTCUSDT", "ATOMUSDT"):
            end = sink.closed(symbol)[-1].time + MINUTE
            updates = [bar for bar in sink.of(symbol) if bar.time < end]
            assert_told(updates, source.bars(symbol, Timeframe.M1, source.start, end))
        candles_ = await rows(server, "ATOMUSDT", Timeframe.M1, source.start, source.start + 300 * MINUTE)
        wanted = source.bars("ATOMUSDT", Timeframe.M1, source.start, source.start + 300 * MINUTE)
        assert candles_.close.tolist() == wanted.close.tolist()
        assert candles_.volume.tolist() == wanted.volume.tolist()


async def test_the_running_candle_is_the_latest_update() -> None:
    clock, source = ManualClock(), recorded(1, 100)
    async with (
        running(SimulatedExchange(source, speed=1.0, clock=clock)) as server,
        connected(server, ["C0USDT"]) as (sink, _),
    ):
        await until(lambda: server.counters.subscriptions)
        await asyncio.sleep(0.02)
        for _ in range(14):
            await clock.advance(20)
        await until(lambda: server.counters.frames == len(sink.bars) + len(sink.tickers))
        exchange = binance(server.rest_url)
        now, last = await exchange.server_time(), sink.bars[-1][0]
        assert last.time == Timeframe.M1.bucket(now)
        minute = await exchange.history("C0USDT", Timeframe.M1, T0, now)
        five = await exchange.history("C0USDT", Timeframe.M5, T0, now)
        await exchange.close()
        for name in (*PRICES, "volume"):
            assert getattr(minute, name)[-1] == getattr(last, name)
        assert five.close[-1] == last.close
        assert five.volume[-1] == sum(minute.volume.tolist())
        assert five.high[-1] == minute.high.max()


async def test_closing_frames_come_late_but_not_too_late() -> None:
    source = recorded(3, 50)
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, SYMBOLS) as (sink, _),
    ):
        await until(lambda: len(sink.closed("C2USDT")) == 50)
        lags = {event_time - bar.time - MINUTE for bar, event_time in sink.bars if bar.closed}
        assert len(lags) > 1
        assert all(0 < lag <= 2000 for lag in lags)
        times = [event_time for _, event_time in sink.bars]
        assert times == sorted(times)


# ---------------------------------------------------------------- recorded files


async def test_absent_buckets_stay_absent(shared_data: Path) -> None:
    [market] = read_markets(shared_data / "ohlcv" / "binance_spot_XRPETH_1m.csv.gz")
    source = RecordedSource({market.symbol: market.candles}, market.timeframe)
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, ["XRPETH"]) as (sink, _),
    ):
        await until(lambda: server.finished and len(sink.closed("XRPETH")) == len(market.candles))
        assert_told(sink.of("XRPETH"), source.bars("XRPETH", Timeframe.M1, 0, 2**60))
        told = await rows(server, "XRPETH", Timeframe.M1, 1, int(market.candles.time[-1]) + MINUTE)
        for name in ("time", *PRICES, "volume"):
            assert np.array_equal(getattr(told, name), getattr(market.candles, name))


async def test_a_coarse_file_offers_nothing_finer(shared_data: Path) -> None:
    [market] = read_markets(shared_data / "ohlcv" / "coinbase_BTC-USD_4h.csv.gz")
    source = RecordedSource({market.symbol: market.candles[:100]}, market.timeframe)
    assert source.timeframes == (Timeframe.H4, Timeframe.D1)
    async with running(SimulatedExchange(source)) as server:
        with pytest.raises(InvalidError, match="interval"):
            await rows(server, "BTC-USD", Timeframe.H1, T0, T0 + DAY)
        exchange = binance(server.rest_url)
        [symbol] = await exchange.listing()
        assert (symbol.base, symbol.quote) == ("BTC", "USD")
        await exchange.close()


async def test_nothing_precedes_the_first_bar() -> None:
    source = RecordedSource({"C0USDT": candles(200, start=T0 + 20 * MINUTE)}, Timeframe.M1)
    async with running(SimulatedExchange(source, position=T0 + 100 * MINUTE)) as server:
        minutes = await rows(server, "C0USDT", Timeframe.M1, 1, T0 + DAY)
        assert (minutes.time[0], len(minutes)) == (T0 + 20 * MINUTE, 80)
        hours = await rows(server, "C0USDT", Timeframe.H1, 1, T0 + 60 * MINUTE)
        assert not len(hours)  # the file begins in the middle of the first
        halves = await rows(server, "C0USDT", Timeframe.M30, 1, T0 + DAY)
        assert halves.time.tolist() == [T0 + 30 * MINUTE, T0 + 60 * MINUTE, T0 + 90 * MINUTE]


async def test_a_zero_volume_bar_is_quiet_on_the_stream() -> None:
    series = candles(10)
    series.volume[4] = 0.0
    source = RecordedSource({"C0USDT": series}, Timeframe.M1)
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, ["C0USDT"]) as (sink, _),
    ):
        await until(lambda: server.finished and len(sink.closed("C0USDT")) == 9)
        assert T0 + 4 * MINUTE not in {bar.time for bar, _ in sink.bars}
        assert_told(sink.of("C0USDT"), source.bars("C0USDT", Timeframe.M1, 0, 2**60))


# ---------------------------------------------------------------- the clock


async def test_nothing_passes_before_anyone_listens() -> None:
    async with running(SimulatedExchange(recorded(3, 1000), speed=None)) as server:
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert server.market_time() == T0
        async with connected(server, SYMBOLS) as (sink, _):
            await until(lambda: sink.closed("C0USDT"))
            assert [sink.of(symbol)[0].time for symbol in SYMBOLS] == [T0] * 3


async def test_the_rest_is_waited_for_only_so_long() -> None:
    clock = ManualClock()
    async with (
        running(SimulatedExchange(recorded(3, 1000), speed=None, clock=clock)) as server,
        connected(server, ["C0USDT"]) as (sink, _),
    ):
        await until(lambda: server.counters.subscriptions)
        await clock.advance(0.9)
        assert server.market_time() == T0
        await clock.advance(0.2)
        await until(lambda: sink.closed("C0USDT"))


async def test_a_replay_goes_on_where_it_was() -> None:
    position, source = T0 + 40 * MINUTE, recorded(3, 60)
    async with running(SimulatedExchange(source, speed=None, position=position + 17)) as server:
        past = await rows(server, "C0USDT", Timeframe.M1, T0, T0 + DAY)
        assert past.time.tolist() == list(range(T0, position, MINUTE))
        async with connected(server, SYMBOLS) as (sink, _):
            await until(lambda: len(sink.closed("C2USDT")) == 20)
            assert min(bar.time for bar, _ in sink.bars) == position


async def test_at_the_end_the_stream_is_silent_and_open() -> None:
    async with (
        running(SimulatedExchange(recorded(3, 20), speed=None)) as server,
        connected(server, SYMBOLS) as (sink, run),
    ):
        await until(lambda: server.finished and len(sink.closed("C2USDT")) == 20)
        assert server.source.finished
        assert server.health().state == "healthy"
        count = len(sink.bars)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert len(sink.bars) == count
        assert not run.done()


async def test_the_host_can_hold_the_market_back() -> None:
    turns = asyncio.Semaphore(6)  # one for the beginning, one for each of five bars

    async def pace() -> None:
        await turns.acquire()

    async with (
        running(SimulatedExchange(recorded(3, 20), speed=None, pace=pace)) as server,
        connected(server, SYMBOLS) as (sink, _),
    ):
        await until(lambda: len(sink.closed("C0USDT")) == 4)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert {bar.time for bar, _ in sink.bars} == {T0 + place * MINUTE for place in range(5)}
        for _ in range(20):
            turns.release()
        await until(lambda: server.finished)


async def test_at_full_speed_the_market_waits_for_a_lost_listener() -> None:
    async with running(SimulatedExchange(recorded(3, 5000), speed=None)) as server:
        async with connected(server, SYMBOLS) as (sink, _):
            await until(lambda: sink.closed("C0USDT"))
        await until(lambda: not server.counters.subscriptions)
        await asyncio.sleep(0.02)  # the bucket under way is told to nobody
        reached = server.market_time()
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert server.market_time() == reached < T0 + 5000 * MINUTE


async def test_speed() -> None:
    clock = ManualClock()
    async with (
        running(SimulatedExchange(recorded(3, 100), speed=60.0, clock=clock)) as server,
        connected(server, SYMBOLS) as (sink, _),
    ):
        await until(lambda: len(server.counters.subscriptions) == 6)
        for _ in range(4):
            await asyncio.sleep(0.001)
            await clock.advance(0.1)  # notices that everybody is there
        begun = server.market_time()
        for _ in range(100):
            await clock.advance(0.1)
            await asyncio.sleep(0)
        assert server.market_time() - begun == pytest.approx(600_000, abs=1000)
        await until(lambda: len(sink.tickers) >= 3 * 580)  # one a second of market time


async def test_a_taken_port_is_a_conflict() -> None:
    async with running(SimulatedExchange(recorded(1, 1))) as server:
        port = int(server.rest_url.rpartition(":")[2])
        with pytest.raises(ConflictError) as caught:
            await SimulatedExchange(recorded(1, 1), port=port).start()
        assert caught.value.hint


async def test_a_broken_source_fails_the_service() -> None:
    class Broken(RecordedSource):
        def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Bars:
            raise RuntimeError("no more")

    source: Source = Broken({"C0USDT": candles(10)}, Timeframe.M1)
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, ["C0USDT"]) as (_, _),
    ):
        await until(lambda: server.health().state == "failed")
        assert "no more" in (server.health().detail or "")


def test_nothing_to_replay() -> None:
    with pytest.raises(InvalidError):
        RecordedSource({"C0USDT": Candles.none()}, Timeframe.M1)
