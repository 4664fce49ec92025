"""Random trades, the bars they make, and an exchange's updates of those bars as a line delivers them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from livermore.market.candle import BarUpdate, Candles
from tests.reference.series import START

from .factories import MINUTE, candles_of


class Trade(NamedTuple):
    """One trade: its time (ms), price, amount and id."""

    time: int
    price: float
    amount: float
    id: int


class Frame(NamedTuple):
    """One update on its way: when it arrives, and the exchange's time in it."""

    arrives: int
    event_time: int
    update: BarUpdate


class Tape:
    """The trades of some symbols over some minutes, from which everything else follows."""

    def __init__(self, seed: int, symbols: int, minutes: int) -> None:
        self.chance = Random(seed)
        self.minutes = minutes
        self.end = START + minutes * MINUTE
        self.symbols = [f"S{number}" for number in range(symbols)]
        self.trades = {symbol: list(self._trades()) for symbol in self.symbols}
        self._buckets: dict[str, dict[int, list[Trade]]] = {}
        for symbol, trades in self.trades.items():
            buckets: defaultdict[int, list[Trade]] = defaultdict(list)
            for trade in trades:
                buckets[trade.time - trade.time % MINUTE].append(trade)
            self._buckets[symbol] = dict(buckets)

    def _trades(self) -> Iterator[Trade]:
        """Draw a busy or a thin market that begins early or late; the last bucket always has a trade."""
        chance, number = self.chance, self.chance.randint(1, 10**6)
        each = chance.choice((2_000, 20_000, 150_000))
        time, price = START + chance.choice((0, 1, 7)) * MINUTE, 100.0
        while (time := time + 1 + int(chance.expovariate(1 / each))) < self.end - MINUTE:
            price = round(price * (1 + chance.gauss(0, 0.001)), 4)
            yield Trade(time, price, round(chance.expovariate(1) + 0.001, 3), number)
            number += 1
        yield Trade(self.end - 30_000, price, 1.0, number)

    def bar(self, symbol: str, bucket: int, until: int = 2**62, *, closed: bool = False) -> BarUpdate | None:
        """Return what the exchange knows of a bucket at a time (ms); None before any trade in it."""
        trades = [trade for trade in self._buckets[symbol].get(bucket, ()) if trade.time <= until]
        if not trades:
            return None
        volume = 0.0
        for trade in trades:
            volume += trade.amount
        prices = [trade.price for trade in trades]
        return BarUpdate(
            symbol=symbol, time=bucket, open=prices[0], high=max(prices), low=min(prices), close=prices[-1],
            volume=volume, closed=closed, first_id=trades[0].id, last_id=trades[-1].id,
        )  # fmt: skip

    def history(self, symbol: str, start: int, end: int) -> Candles:
        """Return the candles of [start, end) (ms) as REST tells them: quiet ones are absent."""
        bars = [
            self.bar(symbol, bucket)
            for bucket in range(start - start % MINUTE, end, MINUTE)
            if bucket >= start
        ]
        return candles_of(
            [
                (bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume)
                for bar in bars
                if bar is not None
            ]
        )

    def first(self, symbol: str) -> int:
        """Return the bucket of the first trade."""
        return min(self._buckets[symbol])

    def frames(self, *, bad: bool = True) -> list[Frame]:
        """Return every update as it arrives; a bad line loses last words, repeats, delays and shuffles."""
        found = [frame for symbol in self.symbols for frame in self._frames(symbol, bad)]
        late = []
        for frame in found:
            if bad and self.chance.random() < 0.1:
                late.append(frame._replace(arrives=frame.arrives + self.chance.randint(0, 400)))
            if bad and self.chance.random() < 0.1:
                frame = frame._replace(arrives=frame.arrives + self.chance.randint(0, 200))
            late.append(frame)
        return sorted(late, key=lambda frame: frame.arrives)

    def _frames(self, symbol: str, bad: bool) -> Iterator[Frame]:
        """Tell a running bucket every two seconds if it was traded, and its end once."""
        chance, beat = self.chance, self.chance.randint(0, 1_999)
        for bucket, trades in self._buckets[symbol].items():
            told = sorted(
                {min(trade.time + (beat - trade.time) % 2_000, bucket + MINUTE - 1) for trade in trades}
            )
            for time in told:
                update = self.bar(symbol, bucket, time)
                # What happens in the last two seconds is often told by the last word alone.
                if update is not None and (time < bucket + 58_000 or chance.random() < 0.5):
                    yield Frame(time + chance.randint(5, 60), time, update)
            final = self.bar(symbol, bucket, closed=True)
            if final is not None and (not bad or chance.random() < 0.7 or bucket + MINUTE == self.end):
                time = bucket + MINUTE + chance.choice((40, 40, 900, 4_000) if bad else (3, 40))
                yield Frame(time + chance.randint(5, 60), time, final)
