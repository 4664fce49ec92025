"""The service that chains what happened to commands, off the path of their acknowledgement."""

from __future__ import annotations

from livermore.control.audit import expired
from livermore.control.command import LIFETIME
from livermore.control.lifecycle import WAITING, Step
from livermore.control.ports import Facts, Journal, Retention, Trail
from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.service import Background, Health

INTERVAL = 1.0
TIDYING = 60.0
log = logger("control")


class Sealer:
    """Seal the events of every user, and now and then take away what need not be kept."""

    name = "sealer"

    def __init__(self, journal: Journal, trail: Trail, clock: Clock, kept: Retention | None = None) -> None:
        self._journal = journal
        self._trail = trail
        self._clock = clock
        self._kept = kept or Retention()
        self._background = Background(self._run)
        self._trouble: str | None = None

    async def start(self) -> None:
        """Begin to seal."""
        self._background.start()

    async def stop(self) -> None:
        """End; what is not sealed yet will be by the next one."""
        await self._background.stop()

    def health(self) -> Health:
        """Say whether the last round worked."""
        ended = self._background.health()
        if ended.state != "healthy" or self._trouble is None:
            return ended
        return Health(state="degraded", detail=self._trouble)

    async def seal(self) -> int:
        """Seal all that is there and return how many events."""
        return sum([await self._trail.seal(scope) for scope in await self._trail.unsealed()])

    async def tidy(self) -> None:
        """Let expire what nobody runs, and take away what is too old or too much."""
        now = self._clock.now()
        for scope, command in await self._journal.open():
            # Who hosts the user has had the time to say so itself.
            if command.status in WAITING and now - command.submitted_at > 2 * LIFETIME:
                facts = Facts(at=now, error=expired(now, command.submitted_at))
                await self._journal.step(scope, command.id, Step.EXPIRE, facts)
        for scope in await self._trail.overfull(self._kept, now):
            while await self._trail.prune(scope, self._kept, now):
                pass

    async def _run(self) -> None:
        tidied = self._clock.monotonic()
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.seal()
                if self._clock.monotonic() - tidied >= TIDYING:
                    tidied = self._clock.monotonic()
                    await self.tidy()
                self._trouble = None
            except LivermoreError as error:
                if self._trouble is None:
                    log.warning("what happened to commands is not chained for now", error=str(error))
                self._trouble = str(error)
            except Exception as error:
                # Were this the end of it, all that receives commands would be started again with it.
                if self._trouble is None:
                    log.exception("what happened to commands could not be chained")
                self._trouble = repr(error)
