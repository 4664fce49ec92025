"""A floor on which something goes wrong: nothing is left open unknown, and nothing stays shut unseen."""

from __future__ import annotations

import asyncio

import pytest

from livermore.kernel.errors import StorageUnavailableError
from tests.unit.runtime.hall import Hall, User, opened


async def test_who_rests_while_nothing_can_be_written_down_lets_go_of_everything() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "other:S1")
        await hall.until(80)
        user.books.failing += [StorageUnavailableError()] * 2
        with pytest.raises(StorageUnavailableError):
            await user.watch.rest()
        assert not hall.floor.posts
        assert [exchange.closed for exchange in hall.exchanges] == [True, True]


async def test_a_change_that_is_cut_short_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        closing, first = asyncio.Event(), hall.exchanges[0]
        close, may_close = first.close, asyncio.Event()

        async def slowly() -> None:
            closing.set()
            await may_close.wait()
            await close()

        monkeypatch.setattr(first, "close", slowly)
        changing = asyncio.create_task(user.choose("other:S0"))
        await closing.wait()
        changing.cancel()
        may_close.set()
        with pytest.raises(asyncio.CancelledError):
            await changing
        await user.watch.rest()
        assert {exchange.closed for exchange in hall.exchanges} == {True}
        assert not hall.floor._desks


async def test_a_post_that_could_not_be_opened_anew_is_known_to_have_failed() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        await _refuse_a_seat(hall, user)
        assert hall.floor.failed() == ["test"]
        await hall.floor.renew("test")
        assert hall.floor.failed() == []
        await hall.until(110)
        await hall.stored("S0", 109)


async def test_what_nobody_wants_any_more_has_not_failed() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        await _refuse_a_seat(hall, user)
        await user.watch.rest()
        assert hall.floor.failed() == []
        await hall.floor.renew("test")
        assert not hall.floor.posts


async def _refuse_a_seat(hall: Hall, user: User) -> None:
    """Open the post anew while the rule states of whom it is for cannot be read."""
    user.books.failing += [StorageUnavailableError()] * 100
    with pytest.raises(StorageUnavailableError):
        await hall.floor.renew("test")
    user.books.failing.clear()
