"""The simulated exchange: Binance's or Coinbase's protocol on loopback, of made-up or recorded candles."""

from livermore.adapters.exchanges.simulated.binance.session import SocketRules
from livermore.adapters.exchanges.simulated.coinbase.rules import CoinbaseRules
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.generator import EPOCH, GeneratedSource
from livermore.adapters.exchanges.simulated.keys import Key, Power
from livermore.adapters.exchanges.simulated.profiles import WELL_KNOWN, WELL_KNOWN_AT_COINBASE
from livermore.adapters.exchanges.simulated.recorded import RecordedSource
from livermore.adapters.exchanges.simulated.server import Protocol, SimulatedExchange
from livermore.adapters.exchanges.simulated.source import Bars, Market, Source

__all__ = [
    "EPOCH",
    "WELL_KNOWN",
    "WELL_KNOWN_AT_COINBASE",
    "Bars",
    "CoinbaseRules",
    "Counters",
    "GeneratedSource",
    "Key",
    "Market",
    "Power",
    "Protocol",
    "RecordedSource",
    "SimulatedExchange",
    "SocketRules",
    "Source",
]
