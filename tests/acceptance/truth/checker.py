"""Hold what a watch left against what it must come to. Every check returns what is wrong, in words."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise
from math import inf, isclose
from typing import Any

from tests.reference.macdv import Bar
from tests.reference.rules import MINUTE, TIMEFRAMES

from .expected import Expected, SignalKey, is_judged, near
from .scenario import Scenario
from .stored import Books, StoredBar, StoredHole, milliseconds
from .watch import Watched

CAUSES = {"disconnected", "sequence_gap", "late", "exchange_outage", "paused"}
CHANNELS = {"terminal", "webhook"}
LATE = 10_000
# So many ms of the wall may pass between what is heard and what is recorded, more while all is loaded.
HICCUP, LOADING = 500, 2_000
SHOWN = 12
STALE_AFTER, STALE_BARS = 3_600_000, 2
# What the program says when a fault of its own was caught; none of it may ever be said.
BROKEN = ("Traceback", "the session broke", "a task has ended", "could not be processed", "outbox was not")
SAID = ("direction", "stage", "bias", "low_confidence")


def faults_of(scenario: Scenario, books: Books, watched: Watched, truth: Expected) -> Iterator[str]:
    """Name everything that is wrong, a dozen of each kind at most."""
    kinds = (
        wrong_bars(scenario, books, truth),
        wrong_minutes(scenario, books, truth),
        unexplained(scenario, books, watched),
        unlikely_causes(books, watched),
        wrong_signals(scenario, books, truth),
        wrongly_late(scenario, books, watched),
        wrong_alerts(scenario, books, watched),
        wrong_manners(watched),
    )
    return chain.from_iterable(islice(kind, SHOWN) for kind in kinds)


def wrong_bars(scenario: Scenario, books: Books, truth: Expected) -> Iterator[str]:
    """Name every stored bar that is not the source's, and every bar of the judged part that is not stored."""
    for series in sorted(truth.bars.keys() | books.bars.keys()):
        wanted = {bar.time: bar for bar in truth.bars.get(series, [])}
        stored = {bar.time: bar for bar in books.bars.get(series, [])}
        for time in sorted(stored.keys() - wanted.keys()):
            yield f"{series} {time}: stored, and not in the source: {stored[time]}"
        for time, bar in wanted.items():
            if time in stored and must_be_true(scenario, series[1], stored[time]):
                yield from (f"{series} {time}: {what}" for what in differences(stored[time], bar))
            elif time not in stored and is_judged(scenario, series[1], time):
                yield f"{series} {time}: not stored"


def must_be_true(scenario: Scenario, timeframe: str, bar: StoredBar) -> bool:
    """Say whether nothing about a bar may be open any more: it is judged, or called proven."""
    return is_judged(scenario, timeframe, bar.time) or (timeframe == "1m" and bar.confirmed)


def differences(stored: StoredBar, bar: Bar) -> Iterator[str]:
    """Say in what a stored bar is not that of the source."""
    prices = tuple(map(float, (bar.open, bar.high, bar.low, bar.close)))
    if (stored.open, stored.high, stored.low, stored.close) != prices:
        yield f"{stored} should have the prices {prices}"
    # A sum of floats may end in another last digit than the sum of what they stand for.
    if not isclose(stored.volume, float(bar.volume), rel_tol=1e-12):
        yield f"{stored} should have the volume {bar.volume}"
    if stored.state != ("quiet" if bar.quiet else "traded"):
        yield f"{stored} should be {'quiet' if bar.quiet else 'traded'}"


def wrong_minutes(scenario: Scenario, books: Books, truth: Expected) -> Iterator[str]:
    """Name every stored minute whose volume is not the source's to the last bit."""
    for (symbol, timeframe), bars in books.bars.items():
        if timeframe == "1m":
            wanted = {bar.time: float(bar.volume) for bar in truth.bars[symbol, timeframe]}
            for bar in bars:
                true = bar.volume == wanted.get(bar.time)
                if must_be_true(scenario, timeframe, bar) and not true:
                    yield f"{symbol} {bar.time}: volume {bar.volume!r}, not {wanted.get(bar.time)!r}"


def unexplained(scenario: Scenario, books: Books, watched: Watched) -> Iterator[str]:
    """Name holes without a cause or a repair, and bars that were asked of REST without any need."""
    for hole in books.holes:
        if hole.cause not in CAUSES:
            yield f"a hole without a cause: {hole}"
        if hole.repaired_at is None and hole.start < scenario.end:
            yield f"a hole that was never repaired: {hole}"
    for hole, following in pairwise(books.holes):
        same = (hole.symbol, hole.timeframe) == (following.symbol, following.timeframe)
        if same and following.start < hole.end:
            yield f"two holes over one another: {hole} {following}"
    for (symbol, timeframe), bars in books.bars.items():
        if timeframe == "1m":
            holes = [hole for hole in books.holes if hole.symbol == symbol]
            for bar in bars:
                live = bar.time >= scenario.begin
                if live and bar.source == "rest" and not excused(bar, holes, watched):
                    yield f"{symbol} {bar.time}: asked of REST, and in no hole"


def excused(bar: StoredBar, holes: Sequence[StoredHole], watched: Watched) -> bool:
    """Say whether a minute lies in a hole, or a connection began within it or next to it."""
    inside = any(hole.start <= bar.time < hole.end for hole in holes)
    return inside or any(touches(bar, moment) for moment in watched.connections)


def touches(bar: StoredBar, moment: int) -> bool:
    """Say whether a moment lies within a minute or next to it."""
    return bar.time - MINUTE <= moment < bar.time + 2 * MINUTE


def unlikely_causes(books: Books, watched: Watched) -> Iterator[str]:
    """Name pauses in which nobody was away: none was killed, or it had come back before."""
    away = [(kill, came_back(kill, watched)) for kill in watched.kills]
    for hole in pauses(books.holes):
        if not any(left - MINUTE < hole.end and hole.start <= back for left, back in away):
            yield f"nobody was away: {hole}"


def pauses(holes: Sequence[StoredHole]) -> list[StoredHole]:
    """Return the pauses, those that follow one another without a gap as one."""
    joined: list[StoredHole] = []
    for hole in holes:
        last = joined[-1] if joined else None
        if hole.cause != "paused":
            continue
        if last is not None and (last.symbol, last.end) == (hole.symbol, hole.start):
            joined[-1] = last._replace(end=hole.end)
        else:
            joined.append(hole)
    return joined


def came_back(kill: int, watched: Watched) -> float:
    """Return the market time (ms) at which the program was connected again after a kill."""
    return next((moment for moment in watched.connections if moment > kill), inf)


def wrong_signals(scenario: Scenario, books: Books, truth: Expected) -> Iterator[str]:
    """Name signals that stand and should not, that should and do not, or that say something else."""
    stand = {key_of(signal): signal for signal in books.signals if stands(scenario, signal)}
    for key in sorted(stand.keys() - truth.signals.keys(), key=str):
        yield f"{key}: stands, and never arose"
    for key, exact in truth.signals.items():
        if key in stand:
            yield from (f"{key}: {what}" for what in otherwise(stand[key], exact, truth))
        elif is_judged(scenario, key.timeframe, key.time):
            yield f"{key}: {'withdrawn' if key in map(key_of, books.signals) else 'missed'}"
    for key, times in Counter(map(key_of, books.signals)).items():
        if times > 1:
            yield f"{key}: stored {times} times"


def stands(scenario: Scenario, signal: dict[str, Any]) -> bool:
    """Say whether a signal was not withdrawn, and is so old that nothing about it may be open any more."""
    return signal["withdrawn_at"] is None and is_judged(scenario, signal["timeframe"], signal["time"])


def key_of(signal: dict[str, Any]) -> SignalKey:
    """Name a stored signal."""
    return SignalKey(*(signal[name] for name in SignalKey._fields))


def otherwise(signal: dict[str, Any], exact: dict[str, Any], truth: Expected) -> Iterator[str]:
    """Say in what a stored signal is not the true one."""
    for name in SAID:
        if signal[name] != exact[name]:
            yield f"{name} is {signal[name]!r}, not {exact[name]!r}"
    for name in ("macdv", "signal", "histogram"):
        if not near(signal[name], exact[name]):
            yield f"{name} is {signal[name]!r}, not {exact[name]}"
    bars = truth.bars[signal["symbol"], signal["timeframe"]]
    price = next(float(bar.close) for bar in bars if bar.time == signal["time"])
    if signal["price"] != price:
        yield f"price is {signal['price']}, not {price}"


def wrongly_late(scenario: Scenario, books: Books, watched: Watched) -> Iterator[str]:
    """Name signals that were recorded more than ten seconds after their close and do not say so, or do."""
    # Between the decision and the record lies the machine's own time, which the market's runs away from.
    slack = (LOADING if watched.kills else HICCUP) * scenario.speed
    for signal in books.signals:
        closed = signal["time"] + TIMEFRAMES[signal["timeframe"]]
        delay = milliseconds(signal["recorded_at"]) - watched.ahead - closed
        if delay > LATE + slack and not signal["late"]:
            yield f"{key_of(signal)}: not marked late, {delay:.0f} ms after the close"
        if delay <= LATE and signal["late"]:
            yield f"{key_of(signal)}: marked late, {delay:.0f} ms after the close"
        if delay < 0:
            yield f"{key_of(signal)}: recorded {-delay:.0f} ms before the close"


def wrong_alerts(scenario: Scenario, books: Books, watched: Watched) -> Iterator[str]:
    """Name what was alerted twice or not at all, at the receiver as well as in the table."""
    of_signal = {signal["id"]: signal for signal in books.signals}
    rows = Counter((alert["signal_id"], alert["channel"]) for alert in books.alerts)
    yield from (f"{pair}: {times} alerts" for pair, times in rows.items() if times > 1)
    for signal in books.signals:
        if is_told(signal) and not {(signal["id"], channel) for channel in CHANNELS} <= rows.keys():
            yield f"{key_of(signal)}: stands, and has no alert"
    for alert in books.alerts:
        cause = of_signal.get(alert["signal_id"])
        if cause is None:
            yield f"an alert of no signal: {alert}"
        elif alert["state"] != "sent" and stands(scenario, cause):
            yield f"{key_of(cause)}: {alert['channel']} {alert['state']}"
    yield from wrong_deliveries(books, watched)


def is_told(signal: dict[str, Any]) -> bool:
    """Say whether a signal must have been alerted: it stands, is sure, and did not come hours late."""
    closed = signal["time"] + TIMEFRAMES[signal["timeframe"]]
    age = signal["evidence"].get("decided", closed) - closed
    stale = age > max(STALE_BARS * TIMEFRAMES[signal["timeframe"]], STALE_AFTER)
    return signal["withdrawn_at"] is None and not signal["low_confidence"] and not stale


def wrong_deliveries(books: Books, watched: Watched) -> Iterator[str]:
    """Name what the receiver got twice, under two ids, or never; a kill may make it get one id again."""
    deliveries = watched.receiver.deliveries
    posted = (alert for alert in books.alerts if alert["channel"] == "webhook")
    sent = {alert["id"] for alert in posted if alert["state"] == "sent"}
    yield from (f"alert {one}: marked as sent, never received" for one in sent - deliveries.keys())
    again = sum(len(bodies) - 1 for bodies in deliveries.values())
    if again > len(watched.kills):
        yield f"{again} deliveries were repeated, with {len(watched.kills)} kills"
    ids = defaultdict(set)
    for one, bodies in deliveries.items():
        for body in bodies:
            ids[key_of(body)].add(one)
    yield from (f"{key}: alerted under {len(those)} ids" for key, those in ids.items() if len(those) > 1)


def wrong_manners(watched: Watched) -> Iterator[str]:
    """Name what the exchange had to complain about, and what the program did."""
    counters = watched.counters
    if counters.over_limit or counters.banned:
        yield f"{counters.over_limit} requests over the limit, {counters.banned} banned"
    if watched.code != 0:
        yield f"ended with {watched.code}"
    for words in BROKEN:
        if words in watched.err:
            yield watched.err[max(0, watched.err.index(words) - 80) :][:1_000]
