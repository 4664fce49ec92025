"""The indicator as others compute it over whole arrays."""

from __future__ import annotations

from typing import Any

import pandas as pd
import talib

from livermore.market.candle import Candles, Floats


def talib_macdv(candles: Candles) -> tuple[Floats, Floats, Floats]:
    """Return MACD-V, signal and histogram by TA-Lib and NumPy."""
    fast, slow = talib.EMA(candles.close, 12), talib.EMA(candles.close, 26)
    macdv = (fast - slow) / talib.ATR(candles.high, candles.low, candles.close, 26) * 100
    signal = talib.EMA(macdv, 9)
    return macdv, signal, macdv - signal


def pandas_macdv(candles: Candles) -> tuple[Any, Any, Any]:
    """Return MACD-V, signal and histogram by pandas."""
    high, low, close = (pd.Series(one) for one in (candles.high, candles.low, candles.close))
    before = close.shift()
    ranges = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    spread = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    macdv = spread / ranges.ewm(alpha=1 / 26, adjust=False).mean() * 100
    signal = macdv.ewm(span=9, adjust=False).mean()
    return macdv, signal, macdv - signal
