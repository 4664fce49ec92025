"""Generate candles as an exchange would send them: (time, open, high, low, close, volume), prices on a tick.

The same seed gives the same candles. Pass them through `fill` to name the quiet ones.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random

Candle = tuple[int, float, float, float, float, float]

START = 1_704_067_200_000  # midnight, so that every timeframe begins whole
TICKS = tuple(map(Decimal, ("0.01", "0.0001", "0.00000001", "1", "0.05")))


def volatile(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Wander without direction, in calm and wild spells."""
    source = Random(f"volatile {seed}")
    spells = [source.choice((0.3, 1.0, 3.0)) for _ in range(count // 40 + 1)]
    return _candles(source, [source.gauss(0, spells[at // 40]) for at in range(count)], timeframe_ms)


def trending(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Climb and fall in long legs, far enough to pass the outer levels and to turn back."""
    source = Random(f"trending {seed}")
    drift, steps = 0.9, list[float]()
    while len(steps) < count:
        steps += [source.gauss(drift, 0.4) for _ in range(source.randint(25, 90))]
        drift = -drift * source.uniform(0.6, 1.6) if abs(drift) < 4 else -drift / 4
    return _candles(source, steps[:count], timeframe_ms)


def thin(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Leave a third of the buckets quiet, told both ways: absent, or volume 0 with a price of its own."""
    source = Random(f"thin {seed}")
    candles: list[Candle] = []
    for candle in volatile(seed, count, timeframe_ms):
        chance = source.random() if candles else 1.0
        if chance >= 1 / 6:
            candles.append(_silenced(candle) if chance < 1 / 3 else candle)
    return candles


def gapped(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Leave out whole runs of buckets, some longer than the slow average."""
    source = Random(f"gapped {seed}")
    candles = trending(seed, count, timeframe_ms)
    for _ in range(max(1, count // 100)):
        start = source.randrange(1, max(2, len(candles) - 60))
        del candles[start : start + min(source.randint(1, 60), len(candles) - start - 1)]
    return candles


def flat(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Trade at one price for half the time, so that the range is zero, then wake."""
    source = Random(f"flat {seed}")
    candles = volatile(seed, count, timeframe_ms)
    price, still = candles[0][4], count // 2
    asleep = [(candle[0], price, price, price, price, candle[5]) for candle in candles[:still]]
    moves = [source.gauss(0, 1) for _ in candles[still:]]
    return asleep + _candles(source, moves, timeframe_ms, START + still * timeframe_ms)


def dozing(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Trade for 200 buckets, then on at one price, while the ATR decays towards zero and never gets there.

    Not one of `GENERATORS`: no float64 recurrence can follow it. The averages keep a rounding error of one
    part in 10^16 of the price, which the vanishing ATR turns into large values after some 700 buckets.
    """
    source = Random(f"dozing {seed}")
    awake = volatile(seed, min(count, 200), timeframe_ms)
    price = awake[-1][4]
    times = range(START + len(awake) * timeframe_ms, START + count * timeframe_ms, timeframe_ms)
    return awake + [(time, price, price, price, price, _volume(source)) for time in times]


def spiked(seed: int, count: int = 600, timeframe_ms: int = 60_000) -> list[Candle]:
    """Wander, with rare bars that shoot to a multiple of the price and back, or stay there."""
    source = Random(f"spiked {seed}")
    moves = [source.gauss(0, 1) for _ in range(count)]
    for at in source.sample(range(count), max(1, count // 60)):
        moves[at] *= source.choice((20, 60))
    return [_wick(source, candle) for candle in _candles(source, moves, timeframe_ms)]


Generator = Callable[[int, int, int], list[Candle]]
GENERATORS: dict[str, Generator] = {
    "volatile": volatile,
    "trending": trending,
    "thin": thin,
    "gapped": gapped,
    "flat": flat,
    "spiked": spiked,
}


def _candles(source: Random, moves: list[float], timeframe_ms: int, start: int = START) -> list[Candle]:
    """Turn moves, in thousandths of the price, into candles on a tick."""
    tick, before = source.choice(TICKS), source.randint(20_000, 400_000)
    candles: list[Candle] = []
    for at, move in enumerate(moves):
        opened = max(1, before + round(before * source.gauss(0, 0.0001)))
        closed = max(1, opened + round(opened * move / 1000))
        highest = max(opened, closed) + round(opened * source.expovariate(3) / 1000)
        lowest = max(1, min(opened, closed) - round(opened * source.expovariate(3) / 1000))
        # A price is a whole number of ticks, and the float nearest to it, as JSON would give it.
        first, high, low, last = (float(tick * ticks) for ticks in (opened, highest, lowest, closed))
        candles.append((start + at * timeframe_ms, first, high, low, last, _volume(source)))
        before = closed
    return candles


def _volume(source: Random) -> float:
    """Draw a volume above zero."""
    return round(source.expovariate(0.1) + 0.00000001, 8)


def _silenced(candle: Candle) -> Candle:
    """Return the bar without trades; its written price is deliberately not the previous close."""
    price = candle[4]
    return (candle[0], price, price, price, price, 0.0)


def _wick(source: Random, candle: Candle) -> Candle:
    """Stretch the high of one bar in eighty to a multiple of the price."""
    time, opened, highest, lowest, closed, volume = candle
    if source.random() < 1 / 80:
        highest *= source.choice((2, 5, 50))
    return (time, opened, highest, lowest, closed, volume)
