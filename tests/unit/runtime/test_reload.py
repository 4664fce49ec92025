"""A reload that takes long ends with what became of it, and not before."""

from __future__ import annotations

from typing import Any

import pytest

from livermore.control.command import Command, Progress
from livermore.control.lifecycle import Status
from livermore.control.registry import Call, Nothing, Payload
from livermore.kernel.clock import ScaledClock, SystemClock
from livermore.kernel.errors import SettingsInvalidError
from livermore.kernel.scope import Scope
from livermore.runtime.applier import NOBODY, STILL
from livermore.runtime.commands import ModePayload, Reloaded, RuntimeCommands, Switched
from livermore.settings.patch import PathPatch
from livermore.settings.plan import Verdict
from livermore.settings.ports import Authorship
from livermore.settings.service import Change
from livermore.settings.upgrade import read_settings

SCOPE = Scope(user_id=1, identity_sub="user 1")


class Slow:
    """A host, its runtime and the settings: revision 1 holds, and 2 is brought about after some time."""

    def __init__(self, last: Verdict, first: str = STILL) -> None:
        self.verdicts = [Verdict(saved=2, applied=1, error=first)] * 3 + [last]

    def of(self, scope: Scope) -> Slow:
        return self

    def applied(self) -> int:
        return 1

    def idles(self) -> str | None:
        return None

    async def newest_revision(self, scope: Scope) -> int:
        return 2

    async def diff(self, scope: Scope, before: int, after: int) -> list[Any]:
        return []

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        return self.verdicts.pop(0)

    async def patch(self, scope: Scope, patch: PathPatch, by: Authorship) -> Change:
        before = read_settings({"version": 2})
        after = read_settings({"version": 2, "livermore_runtime": {"mode": patch.value}})
        return Change(before=before, after=after, diff=(), revision=2, updated_at="", warnings=())


async def reload(last: Verdict, first: str = STILL) -> Any:
    return await (await commands(Slow(last, first)).reload_settings(call())).work()


def commands(slow: Any) -> RuntimeCommands:
    return RuntimeCommands(slow, slow, ScaledClock(SystemClock(), origin=0, rate=1_000), lambda *_: 0)


def call(name: str = "reload-settings", payload: Payload | None = None) -> Call:
    command = Command(
        number=1, id="1", type=name, payload={}, priority=10, status=Status.RUNNING,
        source="api", author="me", role="operator", submitted_at=0,
    )  # fmt: skip
    return Call(SCOPE, command, payload or Nothing(), told)


def told(progress: Progress) -> None:
    raise AssertionError("nothing is told of a reload")


async def test_what_is_brought_about_late_is_a_success() -> None:
    done = await reload(Verdict(saved=2, applied=2))
    assert done == Reloaded(previous=1, revision=2, changes=[], waits_for=None)


async def test_what_cannot_hold_is_a_failure_that_says_why() -> None:
    with pytest.raises(SettingsInvalidError, match="revision 2 is stored and does not hold: no such place"):
        await reload(Verdict(saved=2, applied=1, error="no such place"))


async def test_what_is_stored_while_it_goes_live_is_waited_for() -> None:
    """For a moment nobody follows the settings then."""
    done = await reload(Verdict(saved=2, applied=2), first=NOBODY)
    assert done == Reloaded(previous=1, revision=2, changes=[], waits_for=None)


async def test_a_mode_that_is_stored_is_told_though_nobody_waits_for_it_any_more() -> None:
    asked = call("switch-mode", ModePayload(mode="scalper-macdv"))
    job = await commands(Slow(Verdict(saved=2, applied=2))).switch_mode(asked)
    assert job.so_far("the runtime is paused") == Switched(
        previous="position-monitor", mode="scalper-macdv", revision=2, waits_for="the runtime is paused"
    )
