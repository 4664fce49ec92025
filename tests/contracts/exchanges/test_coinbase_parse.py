"""Coinbase's frames, read without a socket: recorded ones, rare ones, damaged ones."""

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.adapters.exchanges.coinbase import FrameReader
from livermore.adapters.exchanges.coinbase.times import milliseconds
from livermore.kernel.clock import parse_time
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.coinbase_support import Sold, frame, read, trades_frame
from tests.contracts.exchanges.support import MINUTE, T0, RecordingSink

TRADE = (
    b'{"channel":"market_trades","timestamp":"2026-09-30T02:39:59.551901038Z","sequence_num":247,"events":'
    b'[{"type":"update","trades":[{"product_id":"ETH-USD","trade_id":"846155167","price":"2667.2",'
    b'"size":"0.84275842","time":"2026-09-30T02:39:59.4104Z","side":"SELL"}]}]}'
)
TICKER = (
    b'{"channel":"ticker_batch","client_id":"","timestamp":"2026-09-30T02:39:59Z","sequence_num":0,"events":'
    b'[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"21932.98",'
    b'"volume_24_h":"16038.28","low_24_h":"21835.29","high_24_h":"23011.18","low_52_w":"15460",'
    b'"high_52_w":"48240","price_percent_chg_24_h":"-4.15775596190603"}]}]}'
)
BAR = {
    "start": "1775521800",
    "high": "68950",
    "low": "68850",
    "open": "68900",
    "close": "68920.5",
    "volume": "42",
}


def recorded_frames(shared_data: Path) -> list[bytes]:
    """The whole frames that were recorded of Advanced Trade."""
    path = shared_data / "ws_recordings" / "coinbase_advanced_ws_frames_20260930.jsonl"
    return path.read_bytes().splitlines()


def candle(start: int, product: str = "BTC-USD", **more: str) -> dict[str, str]:
    return {**BAR, "start": str(start), "product_id": product, **more}


@pytest.mark.parametrize("raw", [TRADE, TRADE.decode()], ids=["bytes", "str"])
def test_a_trade_is_a_bar(raw: bytes | str) -> None:
    [(bar, event_time)] = read(raw).bars
    assert event_time == parse_time("2026-09-30T02:39:59.551Z")
    assert (bar.symbol, bar.time, bar.closed) == ("ETH-USD", parse_time("2026-09-30T02:39:00Z"), False)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (2667.2,) * 4 + (0.84275842,)
    assert (bar.first_id, bar.last_id, bar.whole) == (846155167, 846155167, False)


def test_a_ticker_is_a_price_and_its_day() -> None:
    [ticker] = read(TICKER).tickers
    assert (ticker.symbol, ticker.price, ticker.time) == (
        "BTC-USD", 21932.98, parse_time("2026-09-30T02:39:59Z"),
    )  # fmt: skip
    assert ticker.change_24h_percent == pytest.approx(-4.15775596190603)
    assert ticker.quote_volume_24h == pytest.approx(16038.28 * 21932.98)


def test_recorded_frames(shared_data: Path) -> None:
    sink = read(*recorded_frames(shared_data)[:2])
    assert [(bar.symbol, bar.close, bar.volume) for bar, _ in sink.bars] == [
        ("ETH-USD", 2667.2, 0.84275842), ("BTC-USD", 83320.66, 0.0041608),
    ]  # fmt: skip
    sink = read(*recorded_frames(shared_data)[2:])
    assert sink.beats == [parse_time("2026-09-30T02:37:15.057Z")]
    assert not sink.notes


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("", 0), (".4", 400), (".41", 410), (".4104", 410), (".999999", 999), (".999999999", 999),
     (".000999999", 0)],
)  # fmt: skip
def test_fractions_of_a_second_are_cut_off(text: str, fraction: int) -> None:
    second = parse_time("2026-09-30T02:39:59Z")
    assert milliseconds(f"2026-09-30T02:39:59{text}Z") == second + fraction
    raw = TRADE.replace(b"2026-09-30T02:39:59.551901038Z", f"2026-09-30T02:39:59{text}Z".encode())
    assert [time for _, time in read(raw, raw.replace(b"846155167", b"846155168")).bars] == [
        second + fraction
    ] * 2


@pytest.mark.parametrize("text", [".999999999Z", ".4104Z", "Z"])
def test_the_last_moment_of_a_minute_belongs_to_it(text: str) -> None:
    raw = TRADE.replace(b"59.4104Z", f"59{text}".encode())
    assert {bar.time for bar, _ in read(TRADE, raw.replace(b"846155167", b"846155168")).bars} == {
        parse_time("2026-09-30T02:39:00Z")
    }


# -- the order of frames ------------------------------------------------------------------------------


def beat(number: int | str, counter: int | str = 21697) -> bytes:
    return frame("heartbeats", number, {"current_time": "no time of ours", "heartbeat_counter": counter})


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [([0, 1, 2], 0), (["0", 1, "2"], 0), ([0, 2], 1), ([0, 2, 1, 3], 1), ([0, 1, 1, 2], 0),
     ([7, 8], 0), ([0, 3, 7], 2)],
)  # fmt: skip
def test_a_jump_in_the_numbers_is_a_gap(numbers: list[int | str], gaps: int) -> None:
    assert read(*(beat(number) for number in numbers)).gaps == gaps


def test_every_channel_takes_part_in_the_count() -> None:
    frames = [
        trades_frame(0, [Sold(1, "5", "1", T0)]),
        frame("subscriptions", 1, {"subscriptions": {"heartbeats": ["heartbeats"]}}),
        frame("something_new", 2, {"x": 1}),
        beat(3, counter="5"),
    ]
    sink = read(*frames)
    assert sink.gaps == 0
    assert len(sink.beats) == 1
    assert not sink.notes


def test_a_number_out_of_all_proportion_does_not_stop_the_rest() -> None:
    assert len(read(beat(0), beat(10**12), beat(2), TICKER.replace(b":0,", b":3,")).tickers) == 1


def test_a_late_frame_still_brings_its_trades_but_no_prices() -> None:
    late = [trades_frame(1, [Sold(2, "7", "1", T0)]), frame("candles", 1, {"candles": [candle(1775521800)]})]
    sink = read(trades_frame(0, [Sold(1, "5", "1", T0)]), trades_frame(2, [Sold(3, "6", "1", T0)]),
                *late, TICKER)  # fmt: skip
    bar, _ = sink.bars[-1]
    assert (bar.first_id, bar.last_id, bar.high, bar.close, bar.volume) == (1, 3, 7.0, 6.0, 3.0)
    assert not sink.longer_bars
    assert not sink.tickers


# -- tickers and candles ------------------------------------------------------------------------------


@pytest.mark.parametrize("good", [b'"BTC-USD"', b'"21932.98"'])
def test_an_empty_ticker_is_skipped(good: bytes) -> None:
    sink = read(TICKER.replace(good, b'""'))
    assert not sink.tickers
    assert not sink.notes


@pytest.mark.parametrize("percent", [b'""', b'"-100"'])
def test_a_day_that_is_not_told(percent: bytes) -> None:
    [ticker] = read(TICKER.replace(b'"-4.15775596190603"', percent).replace(b'"16038.28"', b'""')).tickers
    assert (ticker.open_24h, ticker.quote_volume_24h) == (None, None)


def test_of_a_candle_snapshot_the_newest_counts_and_of_updates_each() -> None:
    starts = [1775520000 + 300 * place for place in (3, 9, 1, 7)]
    snapshot = {"type": "snapshot", "candles": [candle(s, p) for p in ("BTC-USD", "ETH-USD") for s in starts]}
    updates = [
        candle(starts[1] + 300),
        candle(starts[1] + 300, close="68900"),
        candle(starts[1], close="68899"),
    ]
    sink = read(
        frame("candles", 0, snapshot), *(frame("candles", 1 + n, {"type": "update", "candles": [one]})
                                         for n, one in enumerate(updates)),
    )  # fmt: skip
    assert all(timeframe is Timeframe.M5 for timeframe, _ in sink.longer_bars)
    assert [(bar.symbol, bar.time // 1000 - starts[1], bar.close) for _, bar in sink.longer_bars] == [
        ("BTC-USD", 0, 68920.5), ("ETH-USD", 0, 68920.5), ("BTC-USD", 300, 68920.5),
        ("BTC-USD", 300, 68900.0), ("BTC-USD", 0, 68899.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong", [{"high": "1"}, {"low": "68910"}, {"close": "70000"}, {"start": "1775521801"}]
)
def test_a_candle_that_cannot_be(wrong: dict[str, str]) -> None:
    sink = read(frame("candles", 0, {"candles": [{**candle(1775521800), **wrong}]}))
    assert not sink.longer_bars
    assert [kind for kind, _ in sink.notes] == ["malformed"]
    assert sink.gaps == 1


# -- what is not ours, and what is damaged -------------------------------------------------------------


def test_an_error_has_no_channel() -> None:
    told: list[str] = []
    reader = FrameReader(sink := RecordingSink(), failed=told.append)
    reader.feed(b'{"type":"error","message":"failure to subscribe"}')
    assert told == ["failure to subscribe"]
    assert sink.notes == [("error", "failure to subscribe")]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'"2667.2"', b'"nan"'), (b'"2667.2"', b'"inf"'), (b'"2667.2"', b'"-1"'), (b'"2667.2"', b'""'),
        (b'"0.84275842"', b'"NaN"'), (b'"0.84275842"', b'"-0.1"'), (b'"0.84275842"', b'"0"'),
        (b'"846155167"', b'""'), (b'"846155167"', b'"-5"'), (b'"846155167"', b'"84615516700000000000000"'),
        (b'"ETH-USD"', b'""'), (b'"ETH-USD"', b"7"),
        (b'"2026-09-30T02:39:59.4104Z"', b'""'), (b'"2026-09-30T02:39:59.4104Z"', b'"9999-12-30T02:39:59Z"'),
        (b'"2026-09-30T02:39:59.4104Z"', b'"2026-09-30T02:41:59.4104Z"'),
        (b'"2026-09-30T02:39:59.4104Z"', b'"2026-13-30T02:39:59.4104Z"'),
        (b"2026-09-30T02:39:59.551901038Z", b"0001-09-30T02:39:59.551901038Z"),
        (b"2026-09-30T02:39:59.551901038Z", b"yesterday"),
        (b'"sequence_num":247', b'"sequence_num":""'),
        (b'"events":[', b'"events":{'), (b'"time":', b'"tyme":'), (b'"ETH-USD"', b'"\xff\xfe"'),
        (b'"ETH-USD"', b"[" * 100_000 + b"]" * 100_000),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_as_lost(good: bytes, bad: bytes) -> None:
    assert good in TRADE
    sink = read(TRADE.replace(good, bad))
    assert not sink.bars
    assert [kind for kind, _ in sink.notes] == ["malformed"]
    assert sink.gaps == 1
    assert len(sink.notes[0][1]) < 600


def test_one_trade_that_cannot_be_spoils_no_other() -> None:
    trades = [Sold(1, "5", "1", T0), Sold(2, "6", "1", T0 + 60 * MINUTE), Sold(3, "7", "1", T0)]
    sink = read(trades_frame(0, trades))
    [(bar, _)] = sink.bars
    assert (bar.first_id, bar.last_id, bar.whole) == (1, 3, False)
    assert (len(sink.notes), sink.gaps) == (1, 1)


def damaged(raw: bytes, chance: random.Random) -> list[bytes]:
    """Every byte of a frame once changed and once left out."""
    flipped = [
        raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :] for at in range(len(raw))
    ]
    return flipped + [raw[:at] + raw[at + 1 :] for at in range(len(raw))]


def test_every_byte_of_the_recorded_frames_may_be_damaged(shared_data: Path) -> None:
    chance, tried = random.Random(3), 0
    for raw in [
        *recorded_frames(shared_data),
        TICKER,
        frame("candles", 5, {"candles": [candle(1775521800)]}),
    ]:
        for bad in damaged(raw, chance):
            sink = read(bad, bad.decode(errors="surrogateescape"), TRADE)
            assert sink.bars  # the reader goes on
            for bar, event_time in sink.bars:
                assert 0 < bar.low <= bar.open <= bar.high < float("inf")
                assert bar.low <= bar.close <= bar.high
                assert bar.time <= event_time + MINUTE
            tried += 1
    assert tried > 3000


def test_the_old_feed_of_coinbase_does_no_harm(shared_data: Path) -> None:
    path = shared_data / "ws_recordings" / "coinbase_exchange_ws_20210417.raw.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    frames = [line.split(": ", 1)[1] for line in lines if line[:1].isdigit()]
    assert len(frames) > 9_000
    sink = read(*frames)
    assert not sink.bars
    assert not [note for note in sink.notes if note[0] == "malformed"]


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300), st.just(b"[" * 100_000)))
def test_noise_does_no_harm(noise: bytes | str) -> None:
    assert len(read(noise, TRADE).bars) == 1


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
), st.sampled_from(["channel", "timestamp", "sequence_num", "events", "type", "message"]))  # fmt: skip
def test_values_of_any_kind_do_no_harm(value: object, field: str) -> None:
    for raw in (TRADE, TICKER, beat(0)):
        changed = json.dumps({**json.loads(raw), field: value})
        assert read(changed, TRADE).bars
