"""The pure parts of the adapter through ccxt."""

from typing import Any

import pytest

from livermore.adapters.exchanges.through_ccxt.addresses import redirected
from livermore.adapters.exchanges.through_ccxt.readers import CandleReader
from livermore.adapters.exchanges.through_ccxt.refusals import refusal, streaming
from livermore.adapters.exchanges.through_ccxt.server_clock import ServerClock
from livermore.adapters.exchanges.through_ccxt.stamps import stamp_of
from livermore.adapters.exchanges.through_ccxt.trade_bars import TradeBars
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    BlockedError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    RateLimitedError,
)
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.support import MINUTE, T0

NOW = T0 + 12_345


@pytest.mark.parametrize(
    ("message", "time"),
    [
        ({"E": NOW}, NOW),
        ({"ts": str(NOW)}, NOW),
        ({"time": NOW / 1000}, NOW),
        ({"time": NOW * 1000}, NOW),
        ({"timestamp": NOW * 1_000_000 + 7}, NOW),
        ({"timestamp": "2023-11-15T00:00:12.345678901Z"}, NOW),
        ({"ts": T0 + MINUTE}, None),  # the end of a bucket, it may be
        ({"ts": T0 + MINUTE - 1}, None),
        ({"ts": 7, "time": "soon"}, None),
        ({"data": {"ts": NOW}}, None),
        ([NOW], None),
        ("pong", None),
    ],
)
def test_a_frame_says_when_it_was_sent(message: Any, time: int | None) -> None:
    assert stamp_of(message, MINUTE) == time


def test_other_hosts_keep_the_paths_that_ccxt_knows() -> None:
    theirs = {
        "public": "https://api.{hostname}/v3",
        "ws": {"spot": "wss://stream.example:9443/ws", "rate": 3},
        "bare": "https://api.example",
    }
    assert redirected(theirs, "http://127.0.0.1:80/through/", None) == {
        "public": "http://127.0.0.1:80/through/v3",
        "ws": {"spot": "wss://stream.example:9443/ws", "rate": 3},
        "bare": "http://127.0.0.1:80/through",
    }
    assert redirected(theirs, None, "ws://127.0.0.1:81")["ws"]["spot"] == "ws://127.0.0.1:81/ws"


def test_of_a_first_answer_the_last_two_candles_are_news_and_then_what_has_changed() -> None:
    reader = CandleReader("C0USDT", Timeframe.M1)
    kept = [[T0 + place * MINUTE, 1.0, 1.0, 1.0, 1.0, float(place + 1)] for place in range(5)]
    assert [bar.time for bar in reader.take(kept)] == [T0 + 3 * MINUTE, T0 + 4 * MINUTE]
    assert reader.take(kept) == []
    kept[3][5] = 9.0  # a late end of the bar before
    kept.append([T0 + 5 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert [(bar.time, bar.volume) for bar in reader.take(kept)] == [
        (T0 + 3 * MINUTE, 9.0),
        (T0 + 5 * MINUTE, 1.0),
    ]


def test_late_trades_count_in_the_bucket_before_and_older_ones_nowhere() -> None:
    bars = TradeBars("C0USDT", Timeframe.M1, T0 + MINUTE + 1, kept=1000)
    assert bars.take([trade(T0 + 59_999, 1.0, "1")]) == []  # from before we came
    [first] = bars.take([trade(T0 + 70_000, 2.0, "2"), trade(T0 + 71_000, 3.0, "3")])
    assert (first.time, first.whole, first.volume) == (T0 + MINUTE, False, 2.0)
    [second] = bars.take([trade(T0 + 120_000, 4.0, None), trade(T0 + 121_000, 4.0, None)])
    assert (second.whole, second.volume) == (True, 2.0)
    [late] = bars.take([trade(T0 + 119_000, 1.0, "4"), trade(T0 + 119_000, 1.0, "4")])
    assert (late.time, late.low, late.close, late.volume) == (T0 + MINUTE, 1.0, 1.0, 3.0)
    assert bars.take([trade(T0 + 180_000, 5.0, "5"), trade(T0 + 119_500, 9.0, "6")])[0].time == T0 + 180_000
    assert first.volume == 2.0  # what was told is not written to again
    assert not bars.lost
    bars.take([trade(T0 + 180_000, 5.0, str(number)) for number in range(1000)])
    assert bars.lost


def test_a_trade_that_lacks_something_is_none() -> None:
    bars = TradeBars("C0USDT", Timeframe.M1, T0, kept=1000)
    whole = trade(T0 + 1, 1.0, "1")
    assert bars.take([whole | {"price": None}, whole | {"amount": 0.0}, whole | {"timestamp": None}]) == []
    assert len(bars.take([whole])) == 1


def test_the_exchange_s_own_word_counts_more_than_the_dates_of_its_answers() -> None:
    clock = ManualClock(T0)
    time = ServerClock(clock)
    assert time.now() == T0
    time.dated("Wed, 15 Nov 2023 00:00:05 GMT")
    assert time.now() == T0 + 5000
    time.dated("Wed, 15 Nov 2023 00:00:04 GMT")
    time.dated("yesterday")
    assert time.now() == T0 + 5000
    time.told(T0 + 5900)
    time.dated("Wed, 15 Nov 2023 00:00:09 GMT")
    assert time.now() == T0 + 5900


def test_a_subscription_that_is_refused_ends_the_connection() -> None:
    with pytest.raises(ExchangeUnreachableError, match="refused"), streaming("elsewhere"):
        raise InvalidError("no such interval")


def test_errors_are_known_by_their_kin() -> None:
    class BaseError(Exception):
        """As ccxt's own."""

    class RateLimitExceeded(BaseError):
        """As ccxt's own."""

    class RestrictedLocation(BaseError):
        """As ccxt's own."""

    class Cooldown(RateLimitExceeded):
        """One that we have never heard of."""

    slow = refusal(Cooldown("wait"), "elsewhere", lambda: 3.0)
    assert isinstance(slow, RateLimitedError)
    assert slow.retry_after == 3
    page = refusal(BaseError("<html>" + "\n very" * 500), "elsewhere", lambda: 3.0)
    assert isinstance(page, ExchangeUnreachableError)
    assert len(page.what) == 300
    assert isinstance(refusal(KeyError("k"), "elsewhere", lambda: 3.0), LivermoreError)
    blocked = refusal(RestrictedLocation("not from there"), "elsewhere", lambda: 3.0)
    assert type(blocked) is BlockedError
    assert "country" in (blocked.hint or "")


def trade(time: int, price: float, number: str | None) -> dict[str, Any]:
    return {"timestamp": time, "price": price, "amount": 1.0, "id": number}
