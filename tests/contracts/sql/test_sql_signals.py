"""The contract of `SignalWork`: one user's signals, rule states and alerts, all or nothing."""

import asyncio
import itertools
import math
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livermore.adapters.sql import Database, SqlCandleStore, SqlSignalWork
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.events import Event
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import Series
from livermore.signals.alert import Alert
from livermore.signals.ports import WITHDRAWN, StoredState
from livermore.signals.signal import Kind, Signal
from tests.contracts.sql.conftest import RecordingBus

MINUTE = 60_000
HOUR = 60 * MINUTE
BITCOIN = Series("coinbase", "BTC-USD", Timeframe.M1)

OfUser = Callable[[Scope], SqlSignalWork]


@pytest.fixture
def work(database: Database, bus: RecordingBus) -> OfUser:
    return lambda scope: SqlSignalWork(database, bus, scope)


def a_signal(name: str = "s1", **changes: Any) -> Signal:
    signal = Signal(
        id=name, exchange="coinbase", symbol="BTC-USD", timeframe="1m", kind="level", level=150, time=0,
        direction="up", price=100.1, macdv=151.25, signal=140.5, histogram=10.75, stage="overbought",
        bias="bullish", complete=True, low_confidence=False, late=False, withdrawn_at=None,
        settings_revision=3, recorded_at="2025-06-15T15:06:40.123Z",
        evidence={"seed": 0, "ema": 0.1, "note": None},
    )  # fmt: skip
    return msgspec.structs.replace(signal, **changes)


def an_alert(name: str = "a1", **changes: Any) -> Alert:
    alert = Alert(
        id=name, signal_id="s1", event="level", channel="discord", state="pending", attempts=0,
        created_at="2025-06-15T15:06:40.123Z", sent_at=None, error=None, payload={"V": 1.5}, next_attempt=0,
    )  # fmt: skip
    return msgspec.structs.replace(alert, **changes)


def an_event(number: int = 1) -> Event:
    return Event(topic="signal", time=number, data={"number": number}, whose="jesse")


# ---------------------------------------------------------------- the transaction


async def test_events_are_told_after_the_commit(work: OfUser, jesse: Scope, bus: RecordingBus) -> None:
    async with work(jesse) as open_work:
        open_work.announce(an_event(1))
        await open_work.signals.add([a_signal()])
        open_work.announce(an_event(2))
        assert bus.published == []
    assert bus.published == [an_event(1), an_event(2)]


async def test_a_rollback_drops_rows_and_events(work: OfUser, jesse: Scope, bus: RecordingBus) -> None:
    with pytest.raises(ConnectionError, match="the caller's own"):  # noqa: PT012
        async with work(jesse) as open_work:
            await open_work.signals.add([a_signal()])
            await open_work.alerts.add([an_alert()])
            await open_work.states.put([StoredState(BITCOIN, 0, b"state")])
            open_work.announce(an_event())
            raise ConnectionError("the caller's own")
    assert bus.published == []
    async with work(jesse) as after:
        assert await after.signals.get("s1") is None
        assert await after.alerts.list() == ([], None)
        assert await after.states.all("coinbase") == []


async def test_a_failed_write_drops_events(work: OfUser, jesse: Scope, bus: RecordingBus) -> None:
    with pytest.raises(InvalidError):  # noqa: PT012
        async with work(jesse) as open_work:
            open_work.announce(an_event())
            await open_work.signals.add([a_signal(evidence={"wrong": math.nan})])
    assert bus.published == []


async def test_a_key_given_in_a_rolled_back_transaction_is_given_anew(
    work: OfUser, jesse: Scope, database: Database
) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with work(jesse) as open_work:
            await open_work.states.put([StoredState(BITCOIN, 0, b"lost")])
            raise ZeroDivisionError
    store = SqlCandleStore(database)
    await store.save(
        [(Series("coinbase", "ETH-USD", Timeframe.M1), Candles.of([0], [1], [1], [1], [1], [1]))]
    )
    assert len(await store.load(BITCOIN)) == 0


async def test_a_work_sees_its_own_writes_and_others_do_not(work: OfUser, jesse: Scope) -> None:
    async with work(jesse) as open_work, work(jesse) as other:
        assert await open_work.signals.get("s1") is None
        await open_work.signals.add([a_signal()])
        assert await open_work.signals.get("s1") == a_signal()
        async with asyncio.timeout(2):
            assert await other.signals.get("s1") is None
    async with work(jesse) as after:
        assert await after.signals.get("s1") == a_signal()


async def test_two_who_write_at_once_store_a_signal_once(work: OfUser, jesse: Scope) -> None:
    async def add() -> list[Signal]:
        async with work(jesse) as open_work:
            return await open_work.signals.add([a_signal("same"), a_signal("same too")])

    added = await asyncio.gather(*(add() for _ in range(6)))
    assert sorted(map(len, added)) == [0, 0, 0, 0, 0, 2]


# ---------------------------------------------------------------- whose it is


async def test_nobody_sees_or_touches_what_is_anothers(work: OfUser, jesse: Scope, edwin: Scope) -> None:
    async with work(edwin) as theirs:
        await theirs.signals.add([a_signal("canary")])
        await theirs.alerts.add([an_alert("canary")])
        await theirs.states.put([StoredState(BITCOIN, 5, b"canary")])
    async with work(jesse) as mine:
        assert await mine.signals.get("canary") is None
        assert await mine.signals.list() == ([], None)
        assert await mine.states.all("coinbase") == []
        assert await mine.alerts.list() == ([], None)
        assert await mine.alerts.due(10) == []
        with pytest.raises(InvalidError):
            await mine.signals.list(before="canary")
        with pytest.raises(InvalidError):
            await mine.alerts.list(before="canary")
        await mine.signals.withdraw(["canary"], "2025-06-15T16:00:00.000Z")
        await mine.states.drop("coinbase", ["BTC-USD"])
        await mine.states.keep([])
        with pytest.raises(NotFoundError):
            await mine.alerts.mark(an_alert("canary", state="sent"))
        # The same ids may exist for both.
        assert await mine.signals.add([a_signal("canary", price=1.0)]) == [a_signal("canary", price=1.0)]
        assert await mine.alerts.add([an_alert("canary", channel="log")]) == [
            an_alert("canary", channel="log")
        ]
        await mine.states.put([StoredState(BITCOIN, 9, b"mine")])
    async with work(edwin) as theirs:
        assert await theirs.signals.list() == ([a_signal("canary")], None)
        assert await theirs.alerts.list() == ([an_alert("canary")], None)
        assert await theirs.states.all("coinbase") == [StoredState(BITCOIN, 5, b"canary")]


# ---------------------------------------------------------------- signals


async def test_a_signal_comes_back_as_it_was(work: OfUser, jesse: Scope) -> None:
    signals = [
        a_signal("level"),
        a_signal("reversal", kind="reversal_oversold", level=None, signal=None, histogram=None, late=True),
        a_signal("extreme", price=5e-324, macdv=-1.7976931348623157e308, signal=0.1 + 0.2, level=-400),
    ]
    async with work(jesse) as open_work:
        assert await open_work.signals.add(signals) == signals
    async with work(jesse) as after:
        assert [await after.signals.get(signal.id) for signal in signals] == signals


_names = itertools.count()
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=json_values)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_evidence_is_exact_to_the_bit(work: OfUser, jesse: Scope, value: Any) -> None:
    name = f"h{next(_names)}"
    async with work(jesse) as open_work:
        await open_work.signals.add([a_signal(name, evidence={"value": value})])
    async with work(jesse) as after:
        found = await after.signals.get(name)
    assert found is not None
    assert repr(found.evidence["value"]) == repr(value)  # repr tells 1 from 1.0 and 0.0 from -0.0


async def test_what_exists_stays_and_is_not_reported(work: OfUser, jesse: Scope) -> None:
    async with work(jesse) as open_work:
        assert await open_work.signals.add([]) == []
        twice = [a_signal("s1"), a_signal("s2"), a_signal("s1", price=2.0)]
        assert await open_work.signals.add(twice) == twice[:2]
    async with work(jesse) as again:
        assert await again.signals.add([a_signal("s1", price=3.0), a_signal("s3")]) == [a_signal("s3")]
        assert await again.signals.get("s1") == a_signal("s1")


async def test_more_signals_at_once_than_one_statement_takes(work: OfUser, jesse: Scope) -> None:
    many = [a_signal(f"s{number}", time=number * MINUTE) for number in range(2_000)]
    async with work(jesse) as open_work:
        assert await open_work.signals.add(many) == many
        assert len((await open_work.signals.list(limit=5_000))[0]) == 2_000


async def test_a_withdrawn_signal_keeps_its_first_time(work: OfUser, jesse: Scope) -> None:
    async with work(jesse) as open_work:
        await open_work.signals.add([a_signal("s1"), a_signal("s2")])
        await open_work.signals.withdraw([], "never")
        await open_work.signals.withdraw(["s1", "unknown"], "2025-06-15T16:00:00.000Z")
        await open_work.signals.withdraw(["s1"], "2025-06-15T17:00:00.000Z")
    async with work(jesse) as after:
        assert await after.signals.get("s1") == a_signal("s1", withdrawn_at="2025-06-15T16:00:00.000Z")
        assert await after.signals.get("s2") == a_signal("s2")


async def test_a_signal_that_a_revision_brings_back_stands_again(
    work: OfUser, jesse: Scope, edwin: Scope
) -> None:
    async with work(jesse) as mine:
        await mine.signals.add([a_signal("s1"), a_signal("s2")])
        await mine.signals.withdraw(["s1", "s2"], "2025-06-15T16:00:00.000Z")
    async with work(edwin) as theirs:
        await theirs.signals.amend([a_signal("s2")])
    amended = a_signal("s1", macdv=-7.5, signal=None, stage="ranging", evidence={"seed_time": 5})
    async with work(jesse) as mine:
        await mine.signals.amend([])
        await mine.signals.amend([amended, a_signal("unknown")])
    async with work(jesse) as after:
        assert await after.signals.get("s1") == amended
        assert await after.signals.get("unknown") is None
        assert await after.signals.get("s2") == a_signal("s2", withdrawn_at="2025-06-15T16:00:00.000Z")


async def test_signals_are_listed_newest_first_then_by_timeframe_kind_and_level(
    work: OfUser, jesse: Scope
) -> None:
    expected = [
        a_signal("n1", time=2 * HOUR),
        a_signal("n2", time=2 * HOUR - MINUTE),  # closes when the next ones close
        a_signal("n3", time=2 * HOUR - 5 * MINUTE, timeframe="5m"),
        a_signal("n4", time=HOUR, timeframe="1h", level=-200),
        a_signal("n5", time=HOUR, timeframe="1h", level=150),
        a_signal("n6", time=HOUR, timeframe="1h", kind="reversal_oversold", level=None),
        a_signal("n7", time=HOUR, timeframe="1h", kind="reversal_overbought", level=None),
        a_signal("n8", time=HOUR),
    ]
    async with work(jesse) as open_work:
        await open_work.signals.add(expected[::-1])
        assert await open_work.signals.list() == (expected, None)
        assert await open_work.signals.list(limit=8) == (expected, None)


async def test_pages_stay_apart_while_newer_signals_come(work: OfUser, jesse: Scope) -> None:
    kinds: tuple[Kind, ...] = get_args(Kind)
    kept = [
        a_signal(f"{time}{kind}{timeframe}", time=time * HOUR, kind=kind, timeframe=timeframe)
        for time in range(4)
        for kind in kinds
        for timeframe in ("1m", "1h")
    ]
    seen: list[Signal] = []
    cursor: str | None = None
    async with work(jesse) as open_work:
        await open_work.signals.add(kept)
        whole, _ = await open_work.signals.list()
        for number in itertools.count():
            page, cursor = await open_work.signals.list(limit=5, before=cursor)
            seen += page
            await open_work.signals.add([a_signal(f"newer{number}", time=(100 + number) * HOUR)])
            if cursor is None:
                break
    assert seen == whole


async def test_an_unknown_cursor_is_refused(work: OfUser, jesse: Scope) -> None:
    async with work(jesse) as open_work:
        with pytest.raises(InvalidError, match="cursor"):
            await open_work.signals.list(before="nonsense")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"exchange": "binance"}, ["b"]),
        ({"symbol": "ETH-USD"}, ["c"]),
        ({"timeframe": "1h"}, ["d"]),
        ({"kind": "reversal_oversold"}, ["e"]),
        ({"start": HOUR}, ["f"]),
        (
            {"start": 0, "end": HOUR, "symbol": "BTC-USD", "exchange": "coinbase", "timeframe": "1m"},
            ["a", "e"],
        ),
    ],
)
async def test_signals_are_filtered(
    work: OfUser, jesse: Scope, wanted: dict[str, Any], found: list[str]
) -> None:
    async with work(jesse) as open_work:
        await open_work.signals.add(
            [
                a_signal("a"),
                a_signal("b", exchange="binance"),
                a_signal("c", symbol="ETH-USD"),
                a_signal("d", timeframe="1h"),
                a_signal("e", kind="reversal_oversold", level=None),
                a_signal("f", time=HOUR),
            ]
        )
        signals, _ = await open_work.signals.list(**wanted)
    assert [signal.id for signal in signals] == found


# ---------------------------------------------------------------- rule states


async def test_rule_states_come_back_and_are_replaced(work: OfUser, jesse: Scope) -> None:
    hourly = Series("coinbase", "BTC-USD", Timeframe.H1)
    other = Series("binance", "BTCUSDT", Timeframe.M1)
    first = [
        StoredState(BITCOIN, 5, bytes(range(256)), ((1, b"\0"), (2, b"two"))),
        StoredState(hourly, 6, b""),
        StoredState(other, 7, b"there"),
    ]
    async with work(jesse) as open_work:
        await open_work.states.put([])
        await open_work.states.put(first)
    async with work(jesse) as again:
        assert sorted(await again.states.all("coinbase")) == sorted(first[:2])
        await again.states.put([StoredState(BITCOIN, 9, b"later")])
        assert StoredState(BITCOIN, 9, b"later") in await again.states.all("coinbase")
        await again.states.drop("coinbase", ["BTC-USD", "unknown"])
        assert await again.states.all("coinbase") == []
        assert await again.states.all("binance") == first[2:]
        await again.states.put(first[:1])
        await again.states.keep(["coinbase", "unknown"])
        assert await again.states.all("binance") == []
        assert await again.states.all("coinbase") == first[:1]
        await again.states.keep([])
        assert await again.states.all("coinbase") == []


# ---------------------------------------------------------------- alerts


async def test_an_alert_is_stored_once(work: OfUser, jesse: Scope) -> None:
    async with work(jesse) as open_work:
        assert await open_work.alerts.add([]) == []
        assert await open_work.alerts.add([an_alert(), an_alert(channel="log")]) == [an_alert()]
        assert await open_work.alerts.add([an_alert(channel="log")]) == []
        assert await open_work.alerts.list() == ([an_alert()], None)


async def test_due_alerts_come_oldest_first(work: OfUser, jesse: Scope) -> None:
    alerts = [
        an_alert("late", created_at="2025-06-15T15:06:41.000Z"),
        an_alert("early", next_attempt=100),
        an_alert("waits", next_attempt=101),
        an_alert("sent", state="sent"),
        an_alert("held", state="held"),
        an_alert("other", channel="log", created_at="2025-06-15T15:06:42.000Z"),
    ]
    async with work(jesse) as open_work:
        await open_work.alerts.add(alerts)
        assert [alert.id for alert in await open_work.alerts.due(100)] == ["early", "late", "other"]
        assert [alert.id for alert in await open_work.alerts.due(100, limit=1)] == ["early"]
        assert [alert.id for alert in await open_work.alerts.due(100, channel="log")] == ["other"]


async def test_alerts_that_were_given_up_as_withdrawn_come_back(
    work: OfUser, jesse: Scope, edwin: Scope
) -> None:
    given_up: dict[str, Any] = {"state": "failed", "error": WITHDRAWN}
    alerts = [
        an_alert("back", signal_id="s1", **given_up),
        an_alert("other", signal_id="s2", **given_up),
        an_alert("refused", signal_id="s1", state="failed", error="no"),
        an_alert("sent", signal_id="s1", state="sent"),
    ]
    async with work(jesse) as open_work:
        await open_work.alerts.add(alerts)
    async with work(edwin) as theirs:
        assert await theirs.alerts.revive(["s1", "s2"], 7) == 0
    async with work(jesse) as open_work:
        assert await open_work.alerts.revive(["s1", "s9"], 7) == 1
        assert [alert.id for alert in await open_work.alerts.due(7)] == ["back"]
        assert await open_work.alerts.due(6) == []


async def test_marking_changes_the_delivery_and_nothing_else(work: OfUser, jesse: Scope) -> None:
    tried: dict[str, Any] = {
        "state": "failed",
        "attempts": 2,
        "error": "no",
        "next_attempt": 7,
        "sent_at": "2025-06-15T16:00:00Z",
    }
    async with work(jesse) as open_work:
        await open_work.alerts.add([an_alert()])
        await open_work.alerts.mark(an_alert(channel="elsewhere", payload={}, **tried))
        assert await open_work.alerts.list() == ([an_alert(**tried)], None)
        with pytest.raises(NotFoundError):
            await open_work.alerts.mark(an_alert("unknown"))


async def test_alerts_are_listed_newest_first_in_pages(work: OfUser, jesse: Scope) -> None:
    alerts = [
        an_alert(f"a{number}", created_at=f"2025-06-15T15:0{number // 2}:00.000Z") for number in range(7)
    ]
    newest_first = alerts[::-1]
    async with work(jesse) as open_work:
        await open_work.alerts.add([*alerts, an_alert("sent", state="sent")])
        page, cursor = await open_work.alerts.list(limit=3, state="pending")
        assert page == newest_first[:3]
        rest, end = await open_work.alerts.list(before=cursor, state="pending")
        assert rest == newest_first[3:]
        assert end is None
        with pytest.raises(InvalidError, match="cursor"):
            await open_work.alerts.list(before="nonsense")
