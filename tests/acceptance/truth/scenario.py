"""What a truth test plays: which markets, how much is past and how much live, how fast, what fails."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.acceptance.recording import read, write
from tests.reference.rules import DAY, HOUR, MINUTE
from tests.reference.series import GENERATORS, START, Candle

Protocol = Literal["binance", "coinbase"]
MOVES = ("trending", "volatile", "thin", "spiked", "trending", "gapped", "volatile")
WORDS = (
    "ALPHA", "BETA", "GAMMA", "DELTA", "EPSILON", "ZETA", "ETA", "THETA", "IOTA", "KAPPA",
    "LAMBDA", "MU", "NU", "XI", "OMICRON", "PI", "RHO", "SIGMA", "TAU", "UPSILON",
)  # fmt: skip
TAIL = 40  # minutes that the market goes on behind the last one that is judged
# Many levels and little patience make many signals, so that no value can be wrong and no signal tell.
ALERTS = {"levels": list(range(25, 401, 25)), "cooldown_seconds": 120}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A market of so many symbols; the watch begins `past` minutes into it and is judged for `live` ones."""

    protocol: Protocol
    symbols: int
    past: int
    live: int
    speed: float
    seed: int = 1
    faults: Path | None = None
    kills: int = 0

    @property
    def begin(self) -> int:
        """The market time (ms) at which the watch begins."""
        return START + self.past * MINUTE

    @property
    def end(self) -> int:
        """The market time (ms) up to which every bar is judged."""
        return self.begin + self.live * MINUTE

    @property
    def names(self) -> list[str]:
        """The symbols as the exchange names them."""
        joint = {"binance": "USDT", "coinbase": "-USD"}[self.protocol]
        return [word + joint for word in WORDS[: self.symbols]]

    def record(self, folder: Path) -> dict[str, list[Candle]]:
        """Write the market to files, and return what stands in them."""
        told: dict[str, list[Candle]] = {}
        for place, name in enumerate(self.names):
            file = folder / f"{self.protocol}_spot_{name}_1m.csv.gz"
            made = GENERATORS[MOVES[place % len(MOVES)]]
            count = self.past + self.live + TAIL
            write(file, plain(made(self.seed * 1_000 + place, count, MINUTE)))
            told[name] = read(file)
        return told


def plain(candles: Iterable[Candle]) -> Iterable[Candle]:
    """Take the noise of floating point off made-up prices: no exchange has more than eight decimals."""
    for time, *numbers in candles:
        opened, highest, lowest, closed, volume = (round(number, 8) for number in numbers)
        yield time, opened, highest, lowest, closed, volume


def short(
    protocol: Protocol, *, live: int = 40, speed: float = 120.0, faults: Path | None = None, kills: int = 0
) -> Scenario:
    """Half an hour and more over midnight, where every timeframe closes."""
    past = (2 * DAY - 23 * MINUTE) // MINUTE
    return Scenario(
        protocol=protocol, symbols=6, past=past, live=live, speed=speed, faults=faults, kills=kills
    )


def long(protocol: Protocol, *, faults: Path | None = None, kills: int = 0) -> Scenario:
    """Six hours over midnight, with as many symbols as the specification asks for."""
    past = (6 * DAY - 3 * HOUR - 53 * MINUTE) // MINUTE
    return Scenario(
        protocol=protocol, symbols=20, past=past, live=360, speed=60.0, faults=faults, kills=kills
    )
