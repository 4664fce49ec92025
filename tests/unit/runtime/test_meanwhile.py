"""What was taken off and put back while nobody looked begins anew, by the revisions that are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from livermore.kernel.scope import Scope
from livermore.runtime.runtime import Runtime
from livermore.runtime.status import Pause
from livermore.settings.patch import MergePatch
from livermore.settings.ports import StoredRevision, Unlisted
from livermore.settings.service import SettingsService
from livermore.signals.signal import Signal
from tests.unit.runtime.hall import EVERY_LEVEL, Hall, User, opened
from tests.unit.runtime.test_runtime import Room
from tests.unit.runtime.test_watch import minute_of
from tests.unit.settings.standin import BY, JESSE, MemoryStore

DOCUMENT = {
    "version": 2,
    "perseus_profile": {"primary_exchange": "test"},
    "livermore_runtime": {"mode": "scalper-macdv"},
    "symbols": ["S0", "S1"],
    "timeframes": ["1m", "5m"],
    "alerts": {"levels": EVERY_LEVEL, "cooldown_seconds": 0},
}
OFF_AND_ON: dict[str, list[dict[str, Any]]] = {
    "removed": [{"symbols": ["S1"]}, {"symbols": ["S1", "S0"]}],
    "removed between others": [
        {"symbols": ["S0", "S1", "S2"]},
        {"symbols": ["S1", "S2"]},
        {"alerts": {"cooldown_seconds": 1}},
        {"symbols": ["S0", "S1"], "alerts": {"cooldown_seconds": 0}},
    ],
    "switched off": [{"disabled_symbols": ["S0"]}, {"disabled_symbols": []}],
}

ANOTHER_EXCHANGE = [
    {"perseus_profile": {"primary_exchange": "other"}},
    {"perseus_profile": {"primary_exchange": "test"}},
]


class AnyListing:
    """List whatever is asked for on one exchange."""

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        return {"test": ("1m", "5m"), "other": ("1m", "5m")}

    async def unlisted(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, Unlisted]:
        return {}

    async def sharing(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def quotes(self, exchange: str) -> Sequence[str]:
        return []


class Read(MemoryStore):
    """Note which revisions are read with their documents."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document)
        self.read: list[int] = []

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        self.read.append(number)
        return await super().revision(scope, number)


class Chosen(Room):
    """A room whose user chooses by real revisions of the settings."""

    def __init__(self, hall: Hall) -> None:
        self.store = Read(DOCUMENT)
        super().__init__(hall, JESSE, SettingsService(self.store, AnyListing()))

    async def choose(self, *patches: dict[str, Any]) -> None:
        for patch in patches:
            await self.settings.patch(JESSE, MergePatch(patch), BY)

    def restarted(self) -> Runtime:
        """Return the runtime of a process that came after, which knows what is stored and nothing else."""
        books, stored = self.user.books, self.book.newest
        self.user = User(self.hall)
        self.user.books.states, self.user.books.signals = books.states, books.signals
        assert stored is not None
        return self.runtime(stored.desired_state, settings_applied=stored.settings_applied)

    async def said_of(self, symbol: str) -> list[Signal]:
        return [signal for signal in await self.user.said() if signal.symbol == symbol]


@pytest.fixture
async def room() -> AsyncIterator[Chosen]:
    async with opened() as hall:
        yield Chosen(hall)


async def paused_from_66_to_101(room: Chosen, *patches: dict[str, Any], restarted: bool = False) -> None:
    """Run, pause, have revisions stored meanwhile, perhaps while another process has the user, and go on."""
    runtime = room.runtime()
    await runtime.start()
    await room.hall.until(66)
    await runtime.pause(Pause(level="data"))
    if restarted:
        await runtime.stop()
        runtime = room.restarted()
        await runtime.start()
    await room.choose(*patches)
    await room.hall.until(101)
    await runtime.resume()
    await room.hall.until(110)
    await runtime.stop()


@pytest.mark.parametrize(
    ("how", "restarted"), [*((how, False) for how in OFF_AND_ON), ("removed between others", True)]
)
async def test_what_was_off_the_list_during_a_pause_begins_anew_after_it(
    room: Chosen, how: str, restarted: bool
) -> None:
    await paused_from_66_to_101(room, *OFF_AND_ON[how], restarted=restarted)
    minutes = [minute_of(signal) for signal in await room.said_of("S0")]
    assert min(minutes) < 65
    assert max(minutes) > 101
    assert [minute for minute in minutes if 66 <= minute < 100] == [], "it was not watched throughout"
    missed = [signal for signal in await room.said_of("S1") if 66 <= minute_of(signal) < 100]
    assert {signal.late for signal in missed} == {True}, "the other one stayed"


async def test_what_is_only_written_otherwise_for_a_while_is_told_late(room: Chosen) -> None:
    await paused_from_66_to_101(room, *ANOTHER_EXCHANGE)
    for symbol in ("S0", "S1"):
        missed = [signal for signal in await room.said_of(symbol) if 66 <= minute_of(signal) < 100]
        assert {signal.late for signal in missed} == {True}


async def test_what_is_off_the_list_for_a_moment_while_it_runs_begins_anew(room: Chosen) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.hall.until(66)
    await room.choose(*OFF_AND_ON["removed"])
    await runtime.apply(await room.settings.current(room.scope))
    assert {series.symbol for series in room.user.books.states} == {"S1"}
    await room.hall.until(90)
    assert {series.symbol for series in room.user.books.states} == {"S0", "S1"}
    assert max(minute_of(signal) for signal in await room.said_of("S0")) > 68
    await runtime.stop()


async def test_revisions_that_left_the_watchlist_alone_are_not_read_again(room: Chosen) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.choose(*({"alerts": {"cooldown_seconds": number}} for number in range(1, 4)))
    await room.choose({"symbols": ["S0"]}, {"symbols": ["S0", "S1"]}, {"symbols": ["S0", "S1", "S2"]})
    await runtime.apply(await room.settings.current(room.scope))
    assert room.store.read == [5]
    await runtime.stop()
