"""Binance Spot (and Binance US): market data over REST and WebSocket, and what a key may do."""

from livermore.adapters.exchanges.binance.exchange import Binance, budget_of
from livermore.adapters.exchanges.binance.parse import FrameReader
from livermore.adapters.exchanges.binance.timing import Timing

__all__ = ["Binance", "FrameReader", "Timing", "budget_of"]
