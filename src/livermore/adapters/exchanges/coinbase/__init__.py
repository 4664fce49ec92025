"""Coinbase Advanced Trade: public market data over REST and WebSocket, and the accounts of a key."""

from livermore.accounts.exchange_account import Credentials
from livermore.adapters.exchanges.coinbase.exchange import Coinbase
from livermore.adapters.exchanges.coinbase.parse import FrameReader
from livermore.adapters.exchanges.coinbase.timing import Timing
from livermore.adapters.exchanges.coinbase.trades import Trades

__all__ = ["Coinbase", "Credentials", "FrameReader", "Timing", "Trades"]
