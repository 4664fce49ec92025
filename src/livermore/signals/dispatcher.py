"""Delivering what lies in the outbox: at least once, each channel for itself, never in the market's way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import Any

from msgspec.structs import asdict, replace

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import LivermoreError, RateLimitedError, RefusedError, TerminalError
from livermore.kernel.events import Event
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Health
from livermore.signals.alert import Alert
from livermore.signals.lane import Lane
from livermore.signals.ports import WITHDRAWN, Channel, SignalWork, SignalWorkFactory

BATCH = 20
LONGEST_REST = 300.0
LONGEST_RETRY_AFTER = 3600.0


class Dispatcher:
    """Send one user's alerts from the outbox, where everything stands that a restart needs.

    A channel that fails rests, longer each time; an alert is given up after `attempts` or a terminal error.
    """

    name = "alerts"

    def __init__(
        self,
        *,
        scope: Scope,
        work: SignalWorkFactory,
        channels: Mapping[str, Channel],
        clock: Clock,
        poll: float = 5.0,
        timeout: float = 10.0,
        attempts: int = 12,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._scope = scope
        self._work = work
        self._clock = clock
        self._poll = poll
        self._timeout = timeout
        self._attempts = attempts
        self._chance = chance
        self._lanes = {name: Lane(name, channel) for name, channel in channels.items()}
        self._tasks: list[asyncio.Task[None]] = []
        self._parting: asyncio.Task[None] | None = None
        self._log = logger("signals")

    async def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._tasks = [asyncio.create_task(self._serve(lane)) for lane in self._lanes.values()]
        self._tasks.append(asyncio.create_task(self._keep()))

    async def stop(self) -> None:
        """Begin no delivery any more.

        One under way gets a moment to finish, or is made again after the next start: `parted` waits for it,
        and nobody else, because a receiver that hangs would hold them all up.
        """
        tasks, self._tasks = self._tasks, []  # none of them has failed by being stopped
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lanes, before = list(self._lanes.values()), self._parting
        self._parting = asyncio.create_task(self._part(lanes, before))
        if not any(lane.is_delivering for lane in lanes) and (before is None or before.done()):
            await self.parted()

    async def parted(self) -> None:
        """Wait until nothing is under way any more that a stop has left."""
        if self._parting is not None:
            await asyncio.wait({self._parting})

    async def deliver_through(self, channels: Mapping[str, Channel]) -> None:
        """Deliver through other channels from now on; what an earlier one of a name counted goes on."""
        was_running, before = bool(self._tasks), self._lanes
        await self.stop()
        self._lanes = {name: Lane(name, channel, before.get(name)) for name, channel in channels.items()}
        if was_running:
            await self.start()

    async def _part(self, lanes: list[Lane], before: asyncio.Task[None] | None) -> None:
        """Part from lanes, once those of an earlier stop are gone."""
        if before is not None:
            await asyncio.wait({before})
        for lane, met in zip(lanes, await _all(lane.part() for lane in lanes), strict=True):
            if met is not None:
                self._log.error(
                    "a channel was not left in order", channel=lane.name, error=type(met).__name__
                )

    def health(self) -> Health:
        """Say which channels fail."""
        if any(task.done() for task in self._tasks):
            return Health(state="failed", detail="a delivery task has ended")
        failing = [lane.name for lane in self._lanes.values() if lane.is_degraded]
        return Health(state="degraded", detail=", ".join(failing)) if failing else Health()

    def channels(self) -> list[dict[str, Any]]:
        """Return the health and the counters of each channel."""
        return [lane.shape() for lane in self._lanes.values()]

    def wake(self) -> None:
        """Look into the outbox now, because something was committed to it."""
        for lane in self._lanes.values():
            lane.stirred.set()

    async def _serve(self, lane: Lane) -> None:
        """Deliver one channel's alerts for ever."""
        await self.parted()
        while True:
            lane.stirred.clear()
            try:
                while await self._deliver_batch(lane):
                    pass
                lane.blocked = False
            except Exception as error:
                # What could not be read or marked is still in the outbox; the next poll finds it.
                self._log.error("the outbox was not worked", channel=lane.name, error=type(error).__name__)
                lane.blocked = True
            await self._pause(lane.stirred)

    async def _pause(self, stirred: asyncio.Event) -> None:
        """Wait for a wake-up or for the next poll."""
        waits = [asyncio.ensure_future(self._clock.sleep(self._poll)), asyncio.ensure_future(stirred.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _deliver_batch(self, lane: Lane) -> bool:
        """Deliver some alerts that are due; return whether there may be more."""
        alerts = await self._due(lane)
        for alert in alerts:
            rest = await lane.carry_out(self._deliver(lane, alert))
            if rest:
                await self._clock.sleep(rest)
                break
        return bool(alerts)

    async def _due(self, lane: Lane) -> list[Alert]:
        """Read what is due, and give up what a revision of the bars has withdrawn."""
        async with self._work(self._scope) as work:
            alerts = await work.alerts.due(self._clock.now(), BATCH, channel=lane.name)
            withdrawn = [alert for alert in alerts if await _is_withdrawn(work, alert)]
            for alert in withdrawn:
                await self._mark(work, replace(alert, state="failed", error=WITHDRAWN))
        return [alert for alert in alerts if alert not in withdrawn]

    async def _deliver(self, lane: Lane, alert: Alert) -> float:
        """Try to send one alert and store the outcome; return how long the channel must rest."""
        try:
            async with asyncio.timeout(self._timeout):
                await lane.channel.send(alert)
        except Exception as error:
            outcome, rest = self._after(error, lane, alert)
        else:
            sent_at = rfc3339(self._clock.now())
            outcome, rest = replace(alert, state="sent", sent_at=sent_at, error=None), 0.0
        async with self._work(self._scope) as work:
            await self._mark(work, replace(outcome, attempts=alert.attempts + 1))
        lane.note(outcome)
        return rest

    def _after(self, error: Exception, lane: Lane, alert: Alert) -> tuple[Alert, float]:
        """Decide what a failure means for the alert and for its channel."""
        asked = min(
            (error.retry_after or 0.0) if isinstance(error, RateLimitedError) else 0.0, LONGEST_RETRY_AFTER
        )
        tries = alert.attempts + 1
        hopeless = isinstance(error, TerminalError | RefusedError)
        # A receiver that asks for patience is there: its alerts are not given up.
        exhausted = tries >= self._attempts and not isinstance(error, RateLimitedError)
        again = self._clock.now() + int(max(asked, self._back_off(tries)) * 1000)
        outcome = replace(
            alert,
            state="failed" if hopeless or exhausted else "pending",
            error=_words(error),
            next_attempt=again,
        )
        self._log.warning(
            "an alert was not delivered", channel=lane.name, alert=alert.id, error=outcome.error
        )
        return outcome, max(asked, self._back_off(lane.failures + 1))

    def _back_off(self, tries: int) -> float:
        """Return seconds that double with each try, up to a limit, and vary by chance."""
        return min(2.0 ** min(tries - 1, 20), LONGEST_REST) * (0.5 + self._chance() / 2)

    async def _keep(self) -> None:
        """Release what was held, and give up what no channel will ever take."""
        await self.parted()
        while True:
            try:
                await self._release()
                await self._give_up_orphans()
            except Exception as error:
                self._log.error("the outbox could not be kept", error=type(error).__name__)
            await self._clock.sleep(self._poll)

    async def _release(self) -> None:
        now = self._clock.now()
        async with self._work(self._scope) as work:
            ended = [alert async for alert in _held(work) if 0 < alert.next_attempt <= now]
            for alert in ended:
                await self._mark(work, replace(alert, state="pending"))
        if ended:
            self.wake()

    async def _give_up_orphans(self) -> None:
        async with self._work(self._scope) as work:
            for alert in await work.alerts.due(self._clock.now()):
                if alert.channel not in self._lanes:
                    await self._mark(work, replace(alert, state="failed", error="there is no such channel"))

    async def _mark(self, work: SignalWork, alert: Alert) -> None:
        """Store an alert's new state, and tell it once that is committed."""
        await work.alerts.mark(alert)
        data = {
            name: value for name, value in asdict(alert).items() if name not in {"payload", "next_attempt"}
        }
        work.announce(Event(topic="alert", time=self._clock.now(), data=data, whose=self._scope.identity_sub))


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> list[BaseException | None]:
    """Do several things at once; return what each has met with."""
    return await asyncio.gather(*works, return_exceptions=True)


async def _is_withdrawn(work: SignalWork, alert: Alert) -> bool:
    signal = await work.signals.get(alert.signal_id) if alert.signal_id else None
    return signal is not None and signal.withdrawn_at is not None


async def _held(work: SignalWork) -> AsyncIterator[Alert]:
    """Yield every held alert."""
    before: str | None = None
    while True:
        alerts, before = await work.alerts.list(state="held", before=before)
        for alert in alerts:
            yield alert
        if before is None:
            return


def _words(error: Exception) -> str:
    """Say what went wrong; an error that is not ours may carry a URL, so only its name is told."""
    if isinstance(error, LivermoreError):
        return str(error)
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
