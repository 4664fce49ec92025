"""A reload that takes long ends with what became of it, and not before."""

from __future__ import annotations

from typing import Any

import pytest

from livermore.control.command import Command, Progress
from livermore.control.lifecycle import Status
from livermore.control.registry import Call, Nothing
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import SettingsInvalidError
from livermore.kernel.scope import Scope
from livermore.runtime.applier import STILL
from livermore.runtime.commands import Reloaded, RuntimeCommands
from livermore.settings.plan import Verdict

SCOPE = Scope(user_id=1, identity_sub="user 1")


class Slow:
    """A host, its runtime and the settings: revision 1 holds, and 2 is brought about after some time."""

    def __init__(self, last: Verdict) -> None:
        self.verdicts = [Verdict(saved=2, applied=1, error=STILL)] * 3 + [last]

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


async def reload(last: Verdict) -> Any:
    slow: Any = Slow(last)
    commands = RuntimeCommands(slow, slow, ManualClock(), lambda *_: 0)
    return await (await commands.reload_settings(call())).work()


def call() -> Call:
    command = Command(
        number=1, id="1", type="reload-settings", payload={}, priority=10, status=Status.RUNNING,
        source="api", author="me", role="operator", submitted_at=0,
    )  # fmt: skip
    return Call(SCOPE, command, Nothing(), told)


def told(progress: Progress) -> None:
    raise AssertionError("nothing is told of a reload")


async def test_what_is_brought_about_late_is_a_success() -> None:
    done = await reload(Verdict(saved=2, applied=2))
    assert done == Reloaded(previous=1, revision=2, changes=[], waits_for=None)


async def test_what_cannot_hold_is_a_failure_that_says_why() -> None:
    with pytest.raises(SettingsInvalidError, match="revision 2 is stored and does not hold: no such place"):
        await reload(Verdict(saved=2, applied=1, error="no such place"))
