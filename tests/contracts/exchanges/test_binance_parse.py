"""Binance's frames, read without a socket: recorded ones, rare ones, damaged ones."""

import json
import random
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.adapters.exchanges.binance import FrameReader
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from tests.contracts.exchanges.support import RecordingSink, recorded_frames

KLINE = (
    b'{"stream":"nknusdt@kline_1m","data":{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,'
    b'"T":1633998539999,"s":"NKNUSDT","i":"1m","f":19862761,"L":19862790,"o":"0.35270000","c":"0.35280000",'
    b'"h":"0.35280000","l":"0.35220000","v":"25877.00000000","n":30,"x":false,"q":"9116.04600000",'
    b'"V":"58.00000000","Q":"20.46240000","B":"0"}}}'
)
TICKER = (
    b'{"stream":"btcusdt@miniTicker","data":{"e":"24hrMiniTicker","E":1633998523963,"s":"BTCUSDT","c":"57500.5",'
    b'"o":"57000","h":"58000","l":"56000","v":"10","q":"570000"}}'
)


def read(*frames: bytes | str, base: Timeframe = Timeframe.M1) -> RecordingSink:
    sink = RecordingSink()
    reader = FrameReader(sink, base=base)
    for frame in frames:
        reader.feed(frame)
    return sink


def without_wrapping(frame: bytes) -> bytes:
    return json.dumps(json.loads(frame)["data"]).encode()


@pytest.mark.parametrize(
    "frame", [KLINE, KLINE.decode(), without_wrapping(KLINE)], ids=["bytes", "str", "raw"]
)
def test_a_kline_is_a_bar(frame: bytes | str) -> None:
    sink = read(frame)
    [(bar, event_time)] = sink.bars
    assert isinstance(bar, BarUpdate)
    assert event_time == 1633998523963
    assert (bar.symbol, bar.time, bar.closed) == ("NKNUSDT", 1633998480000, False)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (0.3527, 0.3528, 0.3522, 0.3528, 25877.0)
    assert (bar.first_id, bar.last_id) == (19862761, 19862790)


def test_a_mini_ticker_is_a_price() -> None:
    [ticker] = read(TICKER).tickers
    assert (ticker.symbol, ticker.price, ticker.time) == ("BTCUSDT", 57500.5, 1633998523963)
    assert (ticker.open_24h, ticker.quote_volume_24h) == (57000.0, 570000.0)


def test_recorded_frames(shared_data: Path) -> None:
    frames = recorded_frames(shared_data)
    sink = read(*frames)
    klines = [json.loads(frame)["data"] for frame in frames if "@kline_1m" in frame]
    assert len(klines) > 1
    for data, (bar, event_time) in zip(klines, sink.bars, strict=True):
        k = data["k"]
        assert (bar.symbol, bar.time, event_time, bar.closed) == (k["s"], k["t"], data["E"], k["x"])
        wanted = tuple(float(k[name]) for name in "ohlcv")
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == wanted
        assert (bar.first_id, bar.last_id) == (k["f"], k["L"])
    assert not sink.notes  # depth, trades and book tickers are none of our business
    assert sink.beats


@pytest.mark.parametrize(
    "frame",
    [
        b'{"result":null,"id":1}',
        b'{"result":["btcusdt@kline_1m"],"id":3}',
        b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}',
        b'{"stream":"x@bookTicker","data":{"u":1,"s":"BNBUSDT","b":"25.3","B":"31.2","a":"25.4","A":"40.7"}}',
        b'{"e":"somethingNew","E":1672515782136,"s":"BNBBTC"}',
        b'{"stream":"x@somethingNew","data":{"e":"somethingNew","E":1672515782136}}',
    ],
)
def test_what_is_not_ours_is_ignored(frame: bytes) -> None:
    sink = read(frame)
    assert not sink.bars
    assert not sink.tickers
    assert not sink.notes


@pytest.mark.parametrize(
    "frame",
    [
        b'{"code":2,"msg":"Invalid request: unknown variant `X`","id":7}',
        b'{"error":{"code":2,"msg":"Invalid request: unknown variant `X`"},"id":7}',
    ],
)
def test_both_shapes_of_an_error(frame: bytes) -> None:
    answers: list[tuple[int | str, str | None]] = []
    sink = RecordingSink()
    FrameReader(sink, answered=lambda *answer: answers.append(answer)).feed(frame)
    assert answers == [(7, "Invalid request: unknown variant `X`")]
    assert sink.notes == [("error", "2: Invalid request: unknown variant `X`")]


@pytest.mark.parametrize("wrapped", [False, True])
def test_server_shutdown_is_announced(wrapped: bool) -> None:
    raw = b'{"e":"serverShutdown","E":1770123456789}'
    told: list[bool] = []
    reader = FrameReader(RecordingSink(), shutdown=lambda: told.append(True))
    reader.feed(b'{"stream":"!serverShutdown","data":%b}' % raw if wrapped else raw)
    assert told == [True]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'"o":"0.35270000"', b'"o":"nan"'),
        (b'"h":"0.35280000"', b'"h":"inf"'),
        (b'"h":"0.35280000"', b'"h":"0.3"'),
        (b'"l":"0.35220000"', b'"l":"-1"'),
        (b'"c":"0.35280000"', b'"c":"0.4"'),
        (b'"v":"25877.00000000"', b'"v":"-1"'),
        (b'"t":1633998480000', b'"t":1633998480001'),
        (b'"t":1633998480000', b'"t":99999999999999999999999999'),
        (b'"t":1633998480000', b'"t":1633998480000000'),
        (b'"E":16', b'"E":1000016'),
        (b'"o":"0.35270000",', b""),
        (b'"x":false', b'"x":"perhaps"'),
    ],
)
def test_a_bar_that_cannot_be_is_skipped_and_told(good: bytes, bad: bytes) -> None:
    assert good in KLINE
    sink = read(KLINE.replace(good, bad), KLINE)
    assert len(sink.bars) == 1
    assert [kind for kind, _ in sink.notes] == ["malformed"]


def test_bars_of_a_coarser_base() -> None:
    assert len(read(KLINE, base=Timeframe.M5).bars) == 0
    frame = KLINE.replace(b"1633998480000", b"1633998600000").replace(b"1m", b"5m")
    assert len(read(frame, base=Timeframe.M5).bars) == 1


@given(st.sampled_from([KLINE, TICKER]), st.integers(0, 400))
def test_a_truncated_frame_does_no_harm(frame: bytes, length: int) -> None:
    damaged = frame[: min(length, len(frame) - 1)]
    sink = read(damaged, KLINE)
    assert len(sink.bars) == 1
    assert sink.notes


@given(
    st.sampled_from([KLINE, TICKER]),
    st.lists(st.tuples(st.integers(0, 500), st.binary(max_size=3)), min_size=1),
)
def test_a_damaged_frame_does_no_harm(frame: bytes, damages: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(frame)
    for place, noise in damages:
        damaged[place % len(damaged) : place % len(damaged) + len(noise)] = noise
    sink = read(bytes(damaged), bytes(damaged).decode(errors="surrogateescape"), KLINE)
    bar, _ = sink.bars[-1]
    assert bar.close == 0.3528
    for bar, _ in sink.bars:
        assert 0 < bar.low <= bar.open <= bar.high < float("inf")
        assert bar.low <= bar.close <= bar.high


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300), st.just(b"[" * 100_000)))
def test_noise_does_no_harm(noise: bytes | str) -> None:
    assert len(read(noise, KLINE).bars) == 1


def test_every_byte_of_recorded_frames_may_be_damaged(shared_data: Path) -> None:
    """Flipped or lost, a byte stops nothing; what is still told is a bar that can be."""
    chance, tried = random.Random(5), 0
    for raw in chance.sample(recorded_frames(shared_data), 12):
        for place in range(len(raw)):
            flipped = raw[:place] + chr(chance.randrange(32, 127)) + raw[place + 1 :]
            sink = RecordingSink()
            reader = FrameReader(sink)
            for bad in (flipped, raw[:place] + raw[place + 1 :], KLINE):
                reader.feed(bad)
            assert sink.bars, "the reader goes on"
            for bar, _ in sink.bars:
                assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high < inf
                assert bar.time % Timeframe.M1.milliseconds == 0
            assert sink.gaps == len([kind for kind, _ in sink.notes if kind == "malformed"])
            tried += 1
    assert tried > 2_000
