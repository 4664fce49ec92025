"""What a change of one user's settings would do to what runs: each room is asked for its part."""

from __future__ import annotations

from collections.abc import Callable

from livermore.indicators.plan import indicator_effects
from livermore.kernel.scope import Scope
from livermore.market.plan import MarketForesight, Prospect
from livermore.runtime.floor import Floor, Wanted
from livermore.runtime.watch import Watch, judged, wanted_of
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Cost, Effect, Outlook
from livermore.settings.service import watched_symbols
from livermore.signals.plan import Judged, signal_effects


class RuntimeForesight:
    """Foresee what a change would do here; `idle` says why nothing would happen at once, if so."""

    def __init__(
        self, scope: Scope, floor: Floor, watch: Watch, market: MarketForesight,
        idle: Callable[[], str | None],
    ) -> None:  # fmt: skip
        self._scope = scope
        self._floor = floor
        self._watch = watch
        self._market = market
        self._idle = idle

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say what would happen if one document took the place of the other; nothing is touched."""
        if before == after:
            return Outlook()
        idle = self._idle() if scope == self._scope else "nothing runs here for this user"
        if idle is not None:
            return Outlook(effects=(Effect(kind="wait", target="runtime", detail=idle),))
        held = self._watch.current
        prospects = await self._prospects(wanted_of(before), wanted_of(after))
        signals = signal_effects(*_both(before if held is None else held.document, after))
        return Outlook(
            effects=(*(effect for one in prospects for effect in one.effects), *signals),
            cost=_together([one.cost for one in prospects]),
            warnings=tuple(warning for one in prospects for warning in one.warnings),
        )

    async def _prospects(self, before: Wanted, after: Wanted) -> list[Prospect]:
        prospects = []
        for name, change in self._floor.outlook(self._watch, after).items():
            # Another exchange may be away or shut off: who changes nothing there does not wait for it.
            if not _touches(name, before, after):
                continue
            post = self._floor.posts.get(name)
            prospect = await self._market.prospect(name, change, None if post is None else post.desk)
            begun = [(due.symbol, due.timeframe) for due in prospect.due if due.begins]
            effects = indicator_effects(name, prospect.loaded, begun, change.before)
            prospects.append(prospect._replace(effects=[*prospect.effects, *effects]))
        return prospects


def _touches(exchange: str, before: Wanted, after: Wanted) -> bool:
    """Say whether something else is wanted of an exchange than before."""
    symbols, wanted = (set(one.symbols.get(exchange, ())) for one in (before, after))
    return symbols != wanted or (bool(symbols) and before.timeframes != after.timeframes)


def _both(
    before: SettingsDocument, after: SettingsDocument
) -> tuple[SettingsDocument, SettingsDocument, Judged, Judged]:
    seen = [Judged(watched_symbols(one), judged(one)) for one in (before, after)]
    return before, after, seen[0], seen[1]


def _together(costs: list[Cost]) -> Cost:
    """Add up what several exchanges are asked; they are asked at the same time."""
    requests = sum(cost.requests for cost in costs)
    return Cost(requests=requests, seconds=max((cost.seconds for cost in costs), default=0.0))
