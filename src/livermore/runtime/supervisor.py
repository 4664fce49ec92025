"""Services that run together: started in order, stopped in reverse, and started again when one has failed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.service import Background, Health, Service

LOOK = 0.5
FIRST_REST, LONGEST_REST = 1.0, 60.0
log = logger("runtime")


class Rests:
    """Count how long to rest before trying something again: twice as long each time."""

    def __init__(self, clock: Clock, first: float = FIRST_REST) -> None:
        self._clock = clock
        self._first = first
        self._next: dict[object, tuple[float, float]] = {}

    def is_due(self, what: object) -> bool:
        """Say whether to try now; the first time is after the first rest."""
        now = self._clock.monotonic()
        rest, at = self._next.setdefault(what, (self._first, now + self._first))
        if now < at:
            return False
        self._next[what] = (min(2 * rest, LONGEST_REST), now + min(2 * rest, LONGEST_REST))
        return True

    def keep(self, what: Collection[object]) -> None:
        """Forget everything else: it is well."""
        for one in self._next.keys() - set(what):
            del self._next[one]


class Supervisor:
    """Run services that it never imports; one that fails rests, longer each time, and troubles no other."""

    name = "services"

    def __init__(
        self, services: Sequence[Service], clock: Clock, told: Callable[[], None] = lambda: None
    ) -> None:
        """Begin with listeners, end with consumers; `told` is called when the health of one has changed."""
        self._services = list(services)
        self._clock = clock
        self._told = told
        self._running: list[Service] = []
        self._known: dict[str, Health] = {}
        self._rests = Rests(clock)
        self._watcher = Background(self._watch)

    async def start(self) -> None:
        """Start every service; one that will not start stops those before it, and the error goes on."""
        try:
            for service in self._services:
                await service.start()
                self._running.append(service)
        except BaseException:
            await self.stop()
            raise
        self._watcher.start()

    async def stop(self) -> None:
        """Stop every service, the newest first; what does not stop in good order keeps no other from it."""
        await self._watcher.stop()
        while self._running:
            await _stopped(self._running.pop())

    async def add(self, service: Service) -> None:
        """Start one more service."""
        await service.start()
        self._services = [*self._services, service]
        self._running.append(service)

    async def drop(self, service: Service) -> None:
        """Stop one service; nothing is known of one that does not run."""
        self._services = [one for one in self._services if one is not service]
        if service in self._running:
            self._running.remove(service)
            await _stopped(service)

    def health(self) -> Health:
        """Be as well as the least well of them."""
        worst = [service.health() for service in self._services if service.health().state == "failed"]
        return worst[0] if worst else Health()

    def services(self) -> Iterator[Service]:
        """Yield every service."""
        yield from self._services

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(LOOK)
            for service in list(self._running):
                self._note(service.name, service.health())
            failed = [service for service in self._running if service.health().state == "failed"]
            self._rests.keep(failed)
            for service in failed:
                if self._rests.is_due(service):
                    await _restarted(service)

    def _note(self, name: str, health: Health) -> None:
        if health != self._known.get(name, Health()):
            log.warning("service", name=name, state=health.state, detail=health.detail)
            self._known[name] = health
            self._told()


async def _restarted(service: Service) -> None:
    """Stop and start a failed service."""
    log.error("a service has failed and is started again", name=service.name)
    await _stopped(service)
    try:
        await service.start()
    except Exception:
        log.exception("a service could not be started again", name=service.name)


async def _stopped(service: Service) -> None:
    try:
        await service.stop()
    except Exception:
        log.exception("a service did not stop in good order", name=service.name)
