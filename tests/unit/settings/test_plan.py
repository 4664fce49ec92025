"""A plan says what a change would do, writes nothing, and is applied as it was planned or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.settings.classes import apply_class_of
from livermore.settings.document import SettingsDocument
from livermore.settings.drafts import going_back, patching, replacing, resetting
from livermore.settings.existence import Caution
from livermore.settings.patch import MergePatch
from livermore.settings.path import read_path
from livermore.settings.plan import LIFETIME, MOST_PLANS, Cost, Effect, Outlook, Plan, Planner, Verdict
from livermore.settings.problems import SettingsProblemsError
from livermore.settings.reference import entries
from livermore.settings.service import SettingsService
from tests.unit.settings.standin import BY, JESSE, Listings, MemoryStore

WATCHING = {
    "version": 2,
    "perseus_profile": {"primary_exchange": "coinbase"},
    "symbols": ["BTC-USD", "ETH-USD"],
}
OTHER = Scope(user_id=2, identity_sub="other")
RECONNECTS = Effect(kind="reconnect", target="coinbase", detail="opens a wider post")
MIND = Caution(path="symbols", message="kraken cannot be watched now", hint="wait")


class Runtime:
    """Foresee one effect of every change, and bring about every revision but the `unwilling` ones."""

    def __init__(self) -> None:
        self.asked: list[tuple[SettingsDocument, SettingsDocument]] = []
        self.brought: list[int] = []
        self.unwilling: str | None = None

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        self.asked.append((before, after))
        return Outlook((RECONNECTS,), Cost(requests=3, seconds=0.4), (MIND,))

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        self.brought.append(revision)
        applied = revision if self.unwilling is None else revision - 1
        return Verdict(saved=revision, applied=applied, error=self.unwilling)


class Office:
    """A planner over a store in memory."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        self.clock, self.runtime = ManualClock(1_700_000_000_000), Runtime()
        self.store = MemoryStore(document or dict(WATCHING))
        self.settings = SettingsService(self.store, Listings(), {})
        self.planner = Planner(self.settings, self.runtime, self.runtime, self.clock)

    async def plan(self, **changes: Any) -> Plan:
        return await self.planner.plan(JESSE, patching(MergePatch(changes)))


async def test_a_plan_names_each_change_with_its_class_and_what_the_rooms_say() -> None:
    office = Office()
    plan = await office.plan(
        symbols=["BTC-USD", "SOL-USD"],
        alerts={"enabled": False},
        livermore_runtime={"logging": {"log_directory": "/var/log/livermore"}},
    )
    assert [(one.path, one.before, one.after, one.apply_class) for one in plan.changes] == [
        ("alerts.enabled", True, False, "hot"),
        ("livermore_runtime.logging.log_directory", None, "/var/log/livermore", "restart"),
        ("symbols", "ETH-USD", None, "warm"),
        ("symbols", None, "SOL-USD", "warm"),
    ]
    waits = Effect(
        kind="restart",
        target="livermore_runtime.logging.log_directory",
        detail="holds when Livermore starts again",
    )
    assert plan.effects == (RECONNECTS, waits)
    assert (plan.cost, plan.warnings, plan.base_revision) == (Cost(requests=3, seconds=0.4), (MIND,), 1)
    assert plan.expires_at == "2023-11-14T22:28:20.000Z"


async def test_planning_writes_nothing_and_brings_nothing_about() -> None:
    office = Office()
    await office.plan(symbols=[])
    assert (len(office.store.revisions), office.runtime.brought) == (1, [])
    before, after = office.runtime.asked[0]
    assert (before.symbols, after.symbols) == (("BTC-USD", "ETH-USD"), ())


async def test_a_plan_that_does_not_fit_is_refused_like_a_write() -> None:
    office = Office()
    with pytest.raises(SettingsProblemsError):
        await office.plan(symbols=["NOPE-USD"])
    assert office.runtime.asked == []


async def test_applying_stores_what_was_planned_and_has_it_hold() -> None:
    office = Office()
    plan = await office.plan(symbols=["SOL-USD"])
    applied = await office.planner.apply(JESSE, plan.id, BY)
    assert (applied.change.revision, office.runtime.brought, applied.verdict.holds) == (2, [2], True)
    assert office.store.newest.document["symbols"] == ["SOL-USD"]
    assert (office.store.newest.author, office.store.newest.source) == (BY.author, BY.source)


async def test_the_verdict_says_why_what_is_stored_does_not_hold() -> None:
    office = Office()
    office.runtime.unwilling = "the exchange refuses"
    plan = await office.plan(symbols=["SOL-USD"])
    verdict = (await office.planner.apply(JESSE, plan.id, BY)).verdict
    assert (verdict.saved, verdict.applied, verdict.holds) == (2, 1, False)
    assert verdict.error == "the exchange refuses"


async def test_a_plan_is_refused_once_its_base_has_moved_and_so_is_a_second_time() -> None:
    office = Office()
    first, second = await office.plan(symbols=[]), await office.plan(timeframes=["1h"])
    await office.planner.apply(JESSE, second.id, BY)
    for plan in (first, second):
        with pytest.raises(ConflictError):
            await office.planner.apply(JESSE, plan.id, BY)
    assert (len(office.store.revisions), office.runtime.brought) == (2, [2])


async def test_a_plan_lives_a_quarter_of_an_hour() -> None:
    office = Office()
    plan = await office.plan(symbols=[])
    await office.clock.advance(LIFETIME / 1000 - 1)
    fresh = await office.plan(symbols=["SOL-USD"])
    await office.clock.advance(1)
    with pytest.raises(ConflictError, match="expired"):
        await office.planner.apply(JESSE, plan.id, BY)
    assert (await office.planner.apply(JESSE, fresh.id, BY)).change.revision == 2


async def test_an_unknown_plan_and_another_user_s_are_not_there() -> None:
    office = Office()
    plan = await office.plan(symbols=[])
    for scope, name in ((JESSE, "nothing"), (OTHER, plan.id)):
        with pytest.raises(NotFoundError, match="no such plan"):
            await office.planner.apply(scope, name, BY)


async def test_of_many_plans_the_newest_are_kept() -> None:
    office = Office()
    oldest = await office.plan(symbols=[])
    kept = [await office.plan(symbols=[]) for _ in range(MOST_PLANS)]
    with pytest.raises(NotFoundError):
        await office.planner.apply(JESSE, oldest.id, BY)
    assert (await office.planner.apply(JESSE, kept[0].id, BY)).change.revision == 2


async def test_a_change_that_changes_nothing_is_planned_and_applied_as_nothing() -> None:
    office = Office()
    plan = await office.plan(symbols=["BTC-USD", "ETH-USD"])
    assert plan.changes == ()
    applied = await office.planner.apply(JESSE, plan.id, BY)
    assert (applied.change.revision, len(office.store.revisions)) == (1, 1)


async def test_a_complete_draft_keeps_its_plain_names_when_the_primary_exchange_changes() -> None:
    office = Office()
    wanted = {"version": 2, "perseus_profile": {"primary_exchange": "binance"}, "symbols": ["BTC-USD"]}
    plan = await office.planner.plan(JESSE, replacing(wanted, complete=True))
    await office.planner.apply(JESSE, plan.id, BY)
    assert office.store.newest.document["symbols"] == ["BTC-USD"]


@pytest.mark.parametrize("drafting", [resetting(None), going_back({"version": 2}, [("symbols",)])])
async def test_resets_and_rollbacks_can_be_planned(drafting: Any) -> None:
    office = Office()
    plan = await office.planner.plan(JESSE, drafting)
    assert {(one.path, one.before) for one in plan.changes} == {
        ("symbols", "BTC-USD"), ("symbols", "ETH-USD"),
    }  # fmt: skip


# ---------------------------------------------------------------- apply classes


@pytest.mark.parametrize(("path", "expected"), [
    ("alerts.routes", "hot"),
    ("alerts.quiet_hours.from", "hot"),
    ("exchanges.kraken", "warm"),
    ("exchanges.kraken.enabled", "warm"),
    ("storage.keep_days.1m", "hot"),
    ("livermore_runtime.mode", "warm"),
    ("livermore_runtime.auto_start", "restart"),
    ("livermore_runtime.logging.verbosity_level", "hot"),
    ("perseus_profile.timezone", "hot"),
    ("version", "hot"),
])  # fmt: skip
def test_the_class_of_a_path_is_that_of_its_setting(path: str, expected: str) -> None:
    assert apply_class_of(read_path(path)) == expected


def test_every_setting_of_the_document_has_the_class_that_its_reference_shows() -> None:
    listed = [one for one in entries() if "<" not in one.path and "[" not in one.path]
    assert {one.path: one.extra["apply"] for one in listed} == {
        one.path: apply_class_of(read_path(one.path)) for one in listed
    }
