"""Faults of the simulated exchange: scripted or at will, always on the wire, never in the source."""

from livermore.adapters.exchanges.simulated.faults.binance import BinanceShapes
from livermore.adapters.exchanges.simulated.faults.coinbase import CoinbaseShapes
from livermore.adapters.exchanges.simulated.faults.faults import Faults, Place
from livermore.adapters.exchanges.simulated.faults.frame import Frame, Shapes
from livermore.adapters.exchanges.simulated.faults.kinds import (
    AbsentClose,
    Corrupt,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Empty,
    Gap,
    HalfOpen,
    Hang,
    Hole,
    LateBucket,
    LateClose,
    Refuse,
    Reorder,
    Silence,
    Skew,
    Slow,
    Truncate,
)
from livermore.adapters.exchanges.simulated.faults.script import KINDS, FaultScript
from livermore.adapters.exchanges.simulated.faults.wire import Wire

SHAPES: dict[str, Shapes] = {"binance": BinanceShapes(), "coinbase": CoinbaseShapes()}

__all__ = [
    "KINDS",
    "SHAPES",
    "AbsentClose",
    "Corrupt",
    "Cut",
    "Delay",
    "Drop",
    "Duplicate",
    "Empty",
    "FaultScript",
    "Faults",
    "Frame",
    "Gap",
    "HalfOpen",
    "Hang",
    "Hole",
    "LateBucket",
    "LateClose",
    "Place",
    "Refuse",
    "Reorder",
    "Shapes",
    "Silence",
    "Skew",
    "Slow",
    "Truncate",
    "Wire",
]
