"""The dispatcher: at least once, in its own time, each channel for itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Self

import pytest
from msgspec.structs import replace

from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import RateLimitedError, StorageUnavailableError, TerminalError, TransientError
from livermore.kernel.events import Event
from livermore.kernel.scope import Scope
from livermore.kernel.service import Service
from livermore.signals import lane
from livermore.signals.alert import Alert, AlertState
from livermore.signals.dispatcher import Dispatcher

SCOPE = Scope(user_id=1, identity_sub="local")
START = 1_000_000_000_000


def alert(number: int, channel: str = "webhook", state: AlertState = "pending", at: int = START) -> Alert:
    return Alert(
        id=f"{channel}-{number}",
        signal_id=f"signal-{number}",
        event="level",
        channel=channel,
        state=state,
        attempts=0,
        created_at=rfc3339(START),
        sent_at=None,
        error=None,
        payload={},
        next_attempt=at,
    )


class Said:
    """A signal, of which the dispatcher asks only whether it stands."""

    def __init__(self, withdrawn_at: str | None = None) -> None:
        self.withdrawn_at = withdrawn_at


class Outbox:
    """One user's outbox in memory, which commits and announces as a database does."""

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self.rows = {alert.id: alert for alert in alerts}
        self.withdrawn: set[str] = set()
        self.told: list[Event] = []
        self.down = False

    def work(self, scope: Scope) -> Any:
        assert scope == SCOPE
        return Work(self)

    def states(self) -> dict[str, str]:
        return {alert.id: alert.state for alert in self.rows.values()}


class Work:
    """One transaction over an outbox: its marks count once it has ended well."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.alerts = self.signals = self
        self.marked: list[Alert] = []
        self.events: list[Event] = []

    async def __aenter__(self) -> Self:
        if self.outbox.down:
            raise StorageUnavailableError
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.outbox.rows |= {alert.id: alert for alert in self.marked}
            self.outbox.told += self.events

    def announce(self, event: Event) -> None:
        self.events.append(event)

    async def get(self, signal_id: str) -> Said:
        return Said(rfc3339(START) if signal_id in self.outbox.withdrawn else None)

    async def due(self, now: int, limit: int = 100, *, channel: str | None = None) -> list[Alert]:
        rows = self.outbox.rows.values()
        ready = [row for row in rows if row.state == "pending" and row.next_attempt <= now]
        return [row for row in ready if channel in {None, row.channel}][:limit]

    async def list(
        self, *, limit: int = 2, before: str | None = None, state: str | None = None
    ) -> tuple[list[Alert], str | None]:
        rows = [row for row in self.outbox.rows.values() if row.state == state]
        start = int(before or 0)
        following = str(start + limit) if len(rows) > start + limit else None
        return rows[start : start + limit], following

    async def mark(self, changed: Alert) -> None:
        self.marked.append(changed)


class FakeChannel:
    """Take alerts, or fail as told: each error once, in order."""

    def __init__(self, *errors: Exception | None) -> None:
        self.name = "fake"
        self.errors = list(errors)
        self.got: list[str] = []
        self.closed = False

    async def send(self, alert: Alert) -> None:
        self.got.append(alert.id)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    async def close(self) -> None:
        self.closed = True


class StuckChannel(FakeChannel):
    """Never answer."""

    async def send(self, alert: Alert) -> None:
        await super().send(alert)
        await asyncio.Event().wait()


Start = Callable[..., Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def start(clock: ManualClock) -> AsyncIterator[Start]:
    """Start dispatchers, and stop them in the end."""
    started: list[Dispatcher] = []

    async def run(outbox: Outbox, **options: Any) -> Dispatcher:
        channels = options.pop("channels")
        dispatcher = Dispatcher(
            scope=SCOPE, work=outbox.work, channels=channels, clock=clock, chance=lambda: 1.0, **options
        )
        started.append(dispatcher)
        service: Service = dispatcher
        await service.start()
        await clock.advance(0)
        return dispatcher

    yield run
    for dispatcher in started:
        await dispatcher.stop()
        await dispatcher.parted()


async def test_what_an_earlier_process_left_is_sent_oldest_first_and_told(start: Start) -> None:
    outbox, channel = Outbox([alert(1), alert(2)]), FakeChannel()
    dispatcher = await start(outbox, channels={"webhook": channel})
    assert channel.got == ["webhook-1", "webhook-2"]
    sent = outbox.rows["webhook-1"]
    assert (sent.state, sent.attempts, sent.sent_at, sent.error) == ("sent", 1, rfc3339(START), None)
    assert [(event.topic, event.whose, event.data["id"]) for event in outbox.told] == [
        ("alert", "local", "webhook-1"),
        ("alert", "local", "webhook-2"),
    ]
    assert outbox.told[0].data.keys() == {
        "id", "signal_id", "event", "channel", "state", "attempts", "created_at", "sent_at", "error",
    }  # fmt: skip
    assert dispatcher.health().state == "healthy"
    assert dispatcher.channels()[0]["sent"] == 2


async def test_a_wake_up_sends_at_once_and_a_poll_soon(start: Start, clock: ManualClock) -> None:
    outbox, channel = Outbox(), FakeChannel()
    dispatcher = await start(outbox, channels={"webhook": channel}, poll=5.0)
    outbox.rows["webhook-1"] = alert(1)
    dispatcher.wake()
    await clock.advance(0)
    assert channel.got == ["webhook-1"]
    outbox.rows["webhook-2"] = alert(2)
    await clock.advance(5)
    assert channel.got == ["webhook-1", "webhook-2"]


async def test_it_does_not_seem_to_fail_while_its_channels_are_exchanged(start: Start) -> None:
    dispatcher = await start(Outbox(), channels={"webhook": FakeChannel()})
    exchanging = asyncio.create_task(dispatcher.deliver_through({"other": FakeChannel()}))
    seen = set()
    while not exchanging.done():
        seen.add(dispatcher.health().state)
        await asyncio.sleep(0)
    assert seen == {"healthy"}


async def test_a_failure_is_tried_again_after_a_growing_while(start: Start, clock: ManualClock) -> None:
    trouble = TransientError("the webhook answered 503", where="DESK")
    outbox, channel = Outbox([alert(1)]), FakeChannel(trouble, trouble)
    dispatcher = await start(outbox, channels={"webhook": channel})
    assert outbox.rows["webhook-1"].error == "the webhook answered 503 (DESK)"
    assert dispatcher.health().state == "degraded"
    assert dispatcher.channels()[0]["failures_in_a_row"] == 1
    await clock.advance(0.9)
    assert len(channel.got) == 1
    await clock.advance(0.2)
    assert len(channel.got) == 2
    await clock.advance(1.5)
    assert len(channel.got) == 2
    await clock.advance(0.5)
    assert outbox.states() == {"webhook-1": "sent"}
    assert outbox.rows["webhook-1"].attempts == 3
    assert dispatcher.health().state == "healthy"
    assert [event.data["state"] for event in outbox.told] == ["pending", "pending", "sent"]


async def test_retry_after_is_honoured_by_the_whole_channel(start: Start, clock: ManualClock) -> None:
    outbox, channel = Outbox([alert(1), alert(2)]), FakeChannel(RateLimitedError(retry_after=30))
    await start(outbox, channels={"webhook": channel})
    await clock.advance(29)
    assert channel.got == ["webhook-1"]
    await clock.advance(2)
    assert channel.got == ["webhook-1", "webhook-1", "webhook-2"]
    assert outbox.states() == {"webhook-1": "sent", "webhook-2": "sent"}


async def test_a_terminal_error_gives_the_alert_up_and_the_next_has_its_chance(
    start: Start, clock: ManualClock
) -> None:
    outbox, channel = Outbox([alert(1), alert(2)]), FakeChannel(TerminalError("refused with 404"))
    await start(outbox, channels={"webhook": channel})
    await clock.advance(2)
    assert outbox.states() == {"webhook-1": "failed", "webhook-2": "sent"}
    assert outbox.rows["webhook-1"].error == "refused with 404"


async def test_an_alert_is_given_up_after_so_many_attempts(start: Start, clock: ManualClock) -> None:
    outbox, channel = Outbox([alert(1)]), FakeChannel(*[TransientError("no")] * 9)
    await start(outbox, channels={"webhook": channel}, attempts=3)
    await clock.advance(60)
    assert outbox.states() == {"webhook-1": "failed"}
    assert len(channel.got) == 3


async def test_a_receiver_that_only_asks_for_patience_loses_no_alert(
    start: Start, clock: ManualClock
) -> None:
    outbox, channel = Outbox([alert(1)]), FakeChannel(*[RateLimitedError(retry_after=1)] * 5)
    await start(outbox, channels={"webhook": channel}, attempts=3)
    await clock.advance(120)
    assert outbox.states() == {"webhook-1": "sent"}


async def test_one_bad_alert_holds_up_no_other(start: Start, clock: ManualClock) -> None:
    outbox, channel = Outbox([alert(1), alert(2), alert(3)]), FakeChannel(TransientError("no"))
    await start(outbox, channels={"webhook": channel})
    await clock.advance(1.5)
    assert outbox.states()["webhook-3"] == "sent"


async def test_a_stuck_channel_delays_no_other(start: Start) -> None:
    backlog = [alert(number) for number in range(300)]
    outbox, stuck, quick = Outbox([*backlog, alert(1, "terminal")]), StuckChannel(), FakeChannel()
    await start(outbox, channels={"webhook": stuck, "terminal": quick})
    assert quick.got == ["terminal-1"]
    assert stuck.got == ["webhook-0"]


async def test_a_channel_that_does_not_answer_in_time_has_failed(start: Start, clock: ManualClock) -> None:
    outbox = Outbox([alert(1)])
    await start(outbox, channels={"webhook": StuckChannel()}, timeout=0.02)
    await asyncio.sleep(0.05)
    assert outbox.rows["webhook-1"].error == "no answer in time"
    assert outbox.states() == {"webhook-1": "pending"}


async def test_a_channel_s_own_defect_tells_no_secret(start: Start) -> None:
    outbox = Outbox([alert(1)])
    await start(outbox, channels={"webhook": FakeChannel(KeyError("https://secret"))})
    assert outbox.rows["webhook-1"].error == "KeyError"


async def test_what_was_sent_and_not_marked_is_sent_again(start: Start, clock: ManualClock) -> None:
    outbox = Outbox([alert(1)])

    class Unlucky(FakeChannel):
        async def send(self, alert: Alert) -> None:
            await super().send(alert)
            outbox.down = len(self.got) == 1

    channel = Unlucky()
    dispatcher = await start(outbox, channels={"webhook": channel})
    assert outbox.states() == {"webhook-1": "pending"}
    assert dispatcher.health().state == "degraded"
    outbox.down = False
    await clock.advance(6)
    assert channel.got == ["webhook-1", "webhook-1"]
    assert outbox.states() == {"webhook-1": "sent"}
    assert dispatcher.health().state == "healthy"


async def test_a_held_alert_is_released_when_its_time_comes(start: Start, clock: ManualClock) -> None:
    held = [alert(number, state="held", at=START + 60_000) for number in range(5)]
    paused = alert(9, state="held", at=0)  # held without an end: whoever holds it releases it
    outbox, channel = Outbox([*held, paused]), FakeChannel()
    await start(outbox, channels={"webhook": channel})
    await clock.advance(55)
    assert channel.got == []
    await clock.advance(10)
    assert channel.got == [each.id for each in held]
    assert outbox.states()["webhook-9"] == "held"


async def test_a_signal_that_was_withdrawn_meanwhile_is_not_told(start: Start) -> None:
    outbox, channel = Outbox([alert(1), alert(2)]), FakeChannel()
    outbox.withdrawn = {"signal-1"}
    await start(outbox, channels={"webhook": channel})
    assert channel.got == ["webhook-2"]
    assert outbox.states() == {"webhook-1": "failed", "webhook-2": "sent"}
    assert outbox.rows["webhook-1"].error == "the signal was withdrawn"


async def test_an_alert_for_a_channel_that_is_gone_is_given_up(start: Start) -> None:
    outbox = Outbox([alert(1, "pigeon"), replace(alert(2, "webhook"), state="sent")])
    await start(outbox, channels={"webhook": FakeChannel()})
    assert outbox.states() == {"pigeon-1": "failed", "webhook-2": "sent"}


class GatedChannel(FakeChannel):
    """Take an alert, and answer when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()

    async def send(self, alert: Alert) -> None:
        await super().send(alert)
        await self.answer.wait()


async def test_stopping_waits_for_no_delivery_which_may_finish_all_the_same(start: Start) -> None:
    outbox, channel = Outbox([alert(1), alert(2)]), GatedChannel()
    dispatcher = await start(outbox, channels={"webhook": channel})
    await dispatcher.stop()
    assert outbox.states() == {"webhook-1": "pending", "webhook-2": "pending"}
    channel.answer.set()
    await dispatcher.parted()
    assert outbox.states() == {"webhook-1": "sent", "webhook-2": "pending"}
    assert channel.closed
    assert dispatcher.channels()[0]["sent"] == 1


@pytest.mark.parametrize("exchanged", [False, True])
async def test_what_is_under_way_at_a_stop_is_sent_once_though_it_goes_on_at_once(
    start: Start, clock: ManualClock, exchanged: bool
) -> None:
    outbox, channel = Outbox([alert(1), alert(2)]), GatedChannel()
    dispatcher = await start(outbox, channels={"webhook": channel})
    after = FakeChannel() if exchanged else channel
    if exchanged:
        await dispatcher.deliver_through({"webhook": after})
    else:
        await dispatcher.stop()
        await dispatcher.start()
    await clock.advance(6)
    assert (channel.got, exchanged and after.got) == (["webhook-1"], exchanged and [])
    channel.answer.set()
    await dispatcher.parted()
    await clock.advance(0)
    assert outbox.states() == {"webhook-1": "sent", "webhook-2": "sent"}
    assert (channel.got + after.got if exchanged else channel.got) == ["webhook-1", "webhook-2"]
    assert dispatcher.channels()[0]["sent"] == 2


async def test_a_delivery_that_does_not_finish_is_cut_off_and_made_again(
    start: Start, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "GRACE", 0.01)
    outbox, channel = Outbox([alert(1)]), StuckChannel()
    dispatcher = await start(outbox, channels={"webhook": channel})
    await dispatcher.stop()
    await dispatcher.parted()
    assert (outbox.states(), channel.closed) == ({"webhook-1": "pending"}, True)
    assert outbox.rows["webhook-1"].attempts == 0
    await dispatcher.deliver_through({"webhook": FakeChannel()})
    await dispatcher.start()
    await clock.advance(0)
    assert outbox.states() == {"webhook-1": "sent"}


async def test_a_delivery_that_cannot_be_marked_after_a_stop_is_made_again(start: Start) -> None:
    outbox, channel = Outbox([alert(1)]), GatedChannel()
    dispatcher = await start(outbox, channels={"webhook": channel})
    await dispatcher.stop()
    outbox.down = True
    channel.answer.set()
    await dispatcher.parted()
    assert (outbox.states(), channel.closed) == ({"webhook-1": "pending"}, True)
