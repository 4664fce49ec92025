"""What a change would do before it is made: planned, looked at, and then applied as it was planned.

Plans live in memory for a quarter of an hour, the newest twenty of each user. A restart forgets them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple, Protocol

import msgspec

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.ids import new_id
from livermore.kernel.scope import Scope
from livermore.settings.classes import apply_class_of
from livermore.settings.diff import Difference
from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import Drafting
from livermore.settings.existence import Caution
from livermore.settings.path import dotted
from livermore.settings.ports import Authorship
from livermore.settings.section import ApplyClass
from livermore.settings.service import Change, SettingsService

LIFETIME = 900_000
MOST_PLANS = 20


class PlannedChange(msgspec.Struct, frozen=True, kw_only=True):
    """One place that would change, and when that takes effect."""

    path: str
    before: Any = msgspec.field(name="from")
    after: Any = msgspec.field(name="to")
    apply_class: ApplyClass


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would happen while everything runs: what, to whom, and in words."""

    kind: str
    target: str
    detail: str


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests would be asked of exchanges, and how many seconds that takes.

    Those are until the last has its turn; more, where the symbols loaded last took longer than that.
    """

    requests: int = 0
    seconds: float = 0.0


class Outlook(NamedTuple):
    """What a change would do, as the rooms see it that would do it."""

    effects: tuple[Effect, ...] = ()
    cost: Cost = Cost()
    warnings: tuple[Caution, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is looked at before it is made; it can be applied while its base is the newest."""

    id: str
    base_revision: int
    changes: tuple[PlannedChange, ...]
    effects: tuple[Effect, ...]
    cost: Cost
    warnings: tuple[Caution, ...]
    expires_at: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what is saved holds: `applied` is the revision that does, None where nothing runs.

    `error` says in words why the saved one does not hold.
    """

    saved: int
    applied: int | None
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Say whether the saved revision is the one that holds."""
        return self.applied == self.saved


class Applied(NamedTuple):
    """What applying a plan did: what was stored, and whether it holds."""

    change: Change
    verdict: Verdict


class Foresight(Protocol):
    """Somebody who knows what a change would do to what runs."""

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say what would happen if one document took the place of the other; nothing is touched."""
        ...


class Appliance(Protocol):
    """Somebody who has stored revisions hold."""

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        """Have a stored revision, or a newer one, hold; return once it does or it is known why not."""
        ...


class _Kept(NamedTuple):
    plan: Plan
    drafting: Drafting
    expires: int


class Planner:
    """Plan changes of settings, and apply what was planned."""

    def __init__(
        self, settings: SettingsService, foresight: Foresight, appliance: Appliance, clock: Clock
    ) -> None:
        self._settings = settings
        self._foresight = foresight
        self._appliance = appliance
        self._clock = clock
        self._kept: dict[int, OrderedDict[str, _Kept]] = {}

    async def plan(self, scope: Scope, drafting: Drafting) -> Plan:
        """Say what a draft would change and do; nothing is written.

        `drafting` is one of `settings.drafts`: replacing, patching, resetting, going_back. Errors: those of
        the write that it would be.
        """
        change = await self._settings.preview(scope, drafting)
        outlook = await self._foresight.outlook(scope, change.before, change.after)
        expires = self._clock.now() + LIFETIME
        plan = Plan(
            id=new_id(), base_revision=change.revision, changes=tuple(map(_planned, change.diff)),
            effects=(*outlook.effects, *_waiting(change.diff)), cost=outlook.cost,
            warnings=(*change.warnings, *outlook.warnings), expires_at=rfc3339(expires),
        )  # fmt: skip
        self._keep(scope, _Kept(plan, drafting, expires))
        return plan

    async def apply(self, scope: Scope, plan_id: str, by: Authorship) -> Applied:
        """Store what was planned as the next revision, and have it hold.

        Errors: NotFoundError for a plan that is unknown or another user's, ConflictError when it has expired
        or its base revision is not the newest any more, and those of a write.
        """
        plans = self._kept.get(scope.user_id)
        kept = plans.get(plan_id) if plans is not None else None
        if kept is None:
            raise NotFoundError("there is no such plan", where="id", hint="plans are forgotten; plan anew")
        if kept.expires <= self._clock.now():
            raise ConflictError("this plan has expired", where="id", hint="plan anew")
        change = await self._settings.write(scope, kept.drafting, by, kept.plan.base_revision)
        return Applied(change, await self._appliance.bring_about(scope, change.revision))

    def _keep(self, scope: Scope, kept: _Kept) -> None:
        plans = self._kept.setdefault(scope.user_id, OrderedDict())
        plans[kept.plan.id] = kept
        while len(plans) > MOST_PLANS:
            plans.popitem(last=False)


def _planned(one: Difference) -> PlannedChange:
    path = dotted(one.path)
    return PlannedChange(path=path, before=one.before, after=one.after, apply_class=apply_class_of(one.path))


def _waiting(diff: tuple[Difference, ...]) -> tuple[Effect, ...]:
    """Name what holds only when Livermore starts again."""
    return tuple(
        Effect(kind="restart", target=dotted(one.path), detail="holds when Livermore starts again")
        for one in diff
        if apply_class_of(one.path) == "restart"
    )
