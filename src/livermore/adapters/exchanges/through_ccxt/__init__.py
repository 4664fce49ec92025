"""Any other exchange that ccxt knows: public market data through that library (the extra `ccxt`)."""

from livermore.adapters.exchanges.through_ccxt.exchange import ThroughCcxt, budget_of
from livermore.adapters.exchanges.through_ccxt.rows import row_of
from livermore.adapters.exchanges.through_ccxt.timing import Timing

__all__ = ["ThroughCcxt", "Timing", "budget_of", "row_of"]
