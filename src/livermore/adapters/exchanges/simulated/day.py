"""One day of a generated pair, minute by minute, drawn from its seed and from where the day before ended.

A minute is a walk of eight steps. Its volatility clusters (a slow log-normal wave), its drift follows regimes
of about half an hour that trend or do not, and over weeks the pair is drawn back to its usual price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from livermore.adapters.exchanges.simulated.numbering import numbered, trade_counts
from livermore.adapters.exchanges.simulated.profiles import MINUTES, USUAL_TRADES, Profile
from livermore.adapters.exchanges.simulated.source import UNTOLD, Bars, Floats, Ints
from livermore.kernel.timeframe import MINUTE

DAY = MINUTES * MINUTE
STEPS = 8
KNOT = 15  # minutes between two knots of the volatility's wave
WAVE_MEMORY, WAVE_STRENGTH = 0.94, 0.17
REGIME_MINUTES, SHORTEST_REGIME = 35.0, 12
TRENDS = (-1.0, 0.0, 1.0)
TREND_STRENGTH = (0.05, 0.35)  # in standard deviations of a minute
HOMING = 0.05  # of the distance to the usual price, a day
JUMPS = 0.0008


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """What one day hands to the next."""

    log_price: float
    close: float
    wave: float
    next_id: int


def first_evening(profile: Profile) -> Evening:
    """Return the state before the first day."""
    price = round(profile.price, profile.price_decimals)
    return Evening(log_price=float(np.log(price)), close=price, wave=0.0, next_id=1_000_000)


def draw_day(
    profile: Profile,
    random: np.random.Generator,
    start: int,
    before: Evening,
    least_trades: int,
    *,
    every_trade: bool,
) -> tuple[Bars, Evening]:
    """Return the day's minutes and the state at its end; a traded minute has at least so many trades.

    With `every_trade` it has exactly so many, as far as its volume can be told in so many.
    """
    wave = _wave(random, before.wave)
    volatility = profile.volatility * np.exp(_by_minute(wave, before.wave))
    quiet = random.random(MINUTES) < profile.quiet
    steps = _steps(profile, random, volatility, before.log_price)
    steps[quiet] = 0.0
    logs = before.log_price + np.cumsum(steps)
    prices = _rounded(np.exp(logs), profile).reshape(MINUTES, STEPS)
    path = _path(prices)
    volume = _volume(profile, random, path)
    volume[quiet] = 0.0
    bars = _bars(path, volume, start, before.close)
    usual = _trades(random, volume, path.close, profile, least_trades)
    counts = trade_counts(bars, least_trades) if every_trade else usual
    bars = numbered(bars, counts, before.next_id)
    evening = Evening(
        log_price=float(logs[-1]),
        close=float(bars.close[-1]),
        wave=float(wave[-1]),
        next_id=max(before.next_id, int(bars.last_id.max()) + 1),
    )
    return bars, evening


def _rounded(prices: Floats, profile: Profile) -> Floats:
    """Return prices as the market quotes them."""
    rounded: Floats = np.round(prices, profile.price_decimals)
    return rounded


def _wave(random: np.random.Generator, last: float) -> Floats:
    """Return the knots of log volatility: each remembers most of the one before."""
    knots = np.empty(MINUTES // KNOT)
    for place, shock in enumerate(random.normal(0, WAVE_STRENGTH, len(knots))):
        last = WAVE_MEMORY * last + shock
        knots[place] = last
    return knots


def _by_minute(knots: Floats, before: float) -> Floats:
    ends = np.arange(0, MINUTES + 1, KNOT)
    return np.interp(np.arange(1, MINUTES + 1), ends, np.concatenate(([before], knots)))


def _steps(profile: Profile, random: np.random.Generator, volatility: Floats, log_price: float) -> Floats:
    """Return the log price's moves, eight a minute."""
    noise = random.normal(0, 1, (MINUTES, STEPS)) / np.sqrt(STEPS)
    jumps = random.random(MINUTES) < JUMPS
    noise[jumps, 0] += random.normal(0, 4, int(jumps.sum()))
    home = HOMING * (np.log(profile.price) - log_price) / MINUTES
    drift = volatility * _trend(random) + home
    moves: Floats = noise * volatility[:, None] + drift[:, None] / STEPS
    return moves


def _trend(random: np.random.Generator) -> Floats:
    """Return each minute's drift in standard deviations, constant within a regime."""
    count = MINUTES // SHORTEST_REGIME
    lengths = SHORTEST_REGIME + random.exponential(REGIME_MINUTES - SHORTEST_REGIME, count).astype(np.int64)
    strengths = random.choice(TRENDS, count) * random.uniform(*TREND_STRENGTH, count)
    trend: Floats = np.repeat(strengths, lengths)[:MINUTES]
    return trend


class _Path(NamedTuple):
    """Each minute's highest, lowest and last price."""

    high: Floats
    low: Floats
    close: Floats


def _path(prices: Floats) -> _Path:
    """Sum up the steps, over whole columns: over so many short rows numpy takes ten times as long."""
    columns = np.ascontiguousarray(prices.T)
    return _Path(columns.max(axis=0), columns.min(axis=0), columns[-1])


def _volume(profile: Profile, random: np.random.Generator, path: _Path) -> Floats:
    """Return amounts of the base asset: more when the price moves."""
    excitement = (path.high - path.low) / path.close / profile.volatility
    quote = profile.volume * random.lognormal(-0.2, 0.6, MINUTES) * (0.3 + 0.5 * excitement)
    amount = np.round(quote / path.close, profile.amount_decimals)
    least = np.round(10.0**-profile.amount_decimals, profile.amount_decimals)
    volume: Floats = np.maximum(amount, least)
    return volume


def _trades(random: np.random.Generator, volume: Floats, close: Floats, profile: Profile, least: int) -> Ints:
    """Return how many trades each minute had."""
    usual = USUAL_TRADES * volume * close / profile.volume
    return np.where(volume > 0, least + random.poisson(usual), 0)


def _bars(path: _Path, volume: Floats, start: int, price_before: float) -> Bars:
    """Return the day's minutes, their trades not yet numbered."""
    close = path.close
    open_ = np.concatenate(([price_before], close[:-1]))
    untold: Ints = np.full(MINUTES, UNTOLD, np.int64)
    return Bars(
        time=start + MINUTE * np.arange(MINUTES, dtype=np.int64),
        open=open_,
        high=np.maximum(path.high, open_),
        low=np.minimum(path.low, open_),
        close=close,
        volume=volume,
        first_id=untold,
        last_id=untold,
    )
