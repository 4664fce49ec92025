"""The simulated exchange: Binance's protocol on loopback, fed by a made-up world or by recorded candles."""

from livermore.adapters.exchanges.simulated.binance.session import SocketRules
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.generator import EPOCH, GeneratedSource
from livermore.adapters.exchanges.simulated.recorded import RecordedSource
from livermore.adapters.exchanges.simulated.server import SimulatedExchange
from livermore.adapters.exchanges.simulated.source import Bars, Market, Source

__all__ = [
    "EPOCH",
    "Bars",
    "Counters",
    "GeneratedSource",
    "Market",
    "RecordedSource",
    "SimulatedExchange",
    "SocketRules",
    "Source",
]
