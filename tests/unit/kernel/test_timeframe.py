"""The nine timeframes and their buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, MINUTE, Timeframe
from tests.reference.rules import TIMEFRAMES


def test_there_are_nine_and_they_are_as_long_as_their_names_say() -> None:
    assert {str(timeframe): timeframe.milliseconds for timeframe in Timeframe} == TIMEFRAMES
    assert list(map(str, DEFAULT_TIMEFRAMES)) == ["1m", "5m", "15m", "1h", "4h", "1d"]


@given(st.sampled_from(list(Timeframe)), st.integers(0, 4_000_000_000_000))
def test_a_bucket_opens_at_a_utc_multiple_of_its_length_and_holds_its_time(
    timeframe: Timeframe, time: int
) -> None:
    opened = timeframe.bucket(time)
    assert opened % timeframe.milliseconds == 0
    assert opened <= time < opened + timeframe.milliseconds


@pytest.mark.parametrize("timeframe", Timeframe)
def test_a_length_names_its_timeframe(timeframe: Timeframe) -> None:
    assert Timeframe.of_length(timeframe.milliseconds) is timeframe
    assert Timeframe(timeframe.value) is timeframe


def test_a_length_of_no_timeframe_is_refused() -> None:
    with pytest.raises(ValueError, match="no timeframe is 180000 ms long"):
        Timeframe.of_length(3 * MINUTE)
    with pytest.raises(ValueError, match="3m"):
        Timeframe("3m")
