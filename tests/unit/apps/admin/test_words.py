"""Numbers are written for eyes."""

import pytest

from livermore.apps.admin.words import age_text, change_text, duration_text, price_text, signal_text
from tests.unit.apps.standin import NOW, signal_at


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (None, "–"), (64_120.5, "64,120.50"), (1.0, "1.00"), (0.99, "0.9900"), (0.01, "0.0100"),
        (0.00999, "0.009990"), (0.0001, "0.000100"), (0.0000173, "0.00001730"), (0.0, "0.00000000"),
    ],
)  # fmt: skip
def test_a_price_has_the_decimals_of_its_size(price: float | None, text: str) -> None:
    assert price_text(price) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "–"), (0, "now"), (4_999, "now"), (14_999, "10 s"), (59_999, "55 s"), (60_000, "1 min"),
     (3_599_000, "59 min"), (7_200_000, "2 h"), (172_800_000, "2 d")],
)  # fmt: skip
def test_an_age_is_coarse(milliseconds: int | None, text: str) -> None:
    assert age_text(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (17, "17 s"), (60, "1 min 0 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h")],
)
def test_a_duration_has_two_units(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_change_has_a_sign() -> None:
    assert [change_text(percent) for percent in (None, 1.2, -3.456, 0.0)] == [
        "–",
        "+1.20 %",
        "−3.46 %",
        "+0.00 %",
    ]


def test_a_signal_speaks() -> None:
    def told(macdv: float, kind: str) -> str:
        return signal_text(signal_at("BTC-USD", "1m", NOW, macdv, kind=kind))

    assert told(152.0, "level") == "MACD-V rose above +150"
    assert told(-203.0, "level") == "MACD-V fell below −200"
    assert told(-160.0, "reversal_oversold") == "Turning up while oversold"
    assert told(160.0, "reversal_overbought") == "Turning down while overbought"
