"""What may be asked of the market is checked before anything begins, and the answer names the field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from livermore.kernel.errors import InvalidError, LivermoreError, NotAllowedError, NotFoundError
from livermore.market.commands import MOST_BARS, PRIORITY
from tests.reference.series import START

from .asking import Asker, asker_of
from .factories import MINUTE
from .office import Office, busy, opened

Case = tuple[dict[str, Any], type[LivermoreError], str | None]


@asynccontextmanager
async def at_desk() -> AsyncIterator[Office]:
    """Open an office that watches two symbols, of which the exchange lists one."""
    async with opened(busy(symbols=1), begin=47, symbols=["S0", "UNKNOWN"]) as office:
        await office.until(47.5)
        yield office


async def check_refused(name: str, cases: list[Case]) -> None:
    """Hold what is answered to each against what should be; the exchange may not be asked for anything."""
    async with at_desk() as office:
        before = list(office.exchange.asked)
        for payload, kind, where in cases:
            with pytest.raises(kind) as refused:
                await asker_of(office).begin(name, payload)
            assert refused.value.where == where, payload
        assert office.exchange.asked == before


def test_both_are_registered_with_words_and_priority() -> None:
    entries = Asker({}, []).registry.entries
    assert set(entries) == {"force-backfill", "clear-cache"}
    assert {entry.priority for entry in entries.values()} == {PRIORITY}
    assert {entry.role for entry in entries.values()} == {"operator"}


FUTURE = START + 120 * MINUTE


BACKFILLS: list[Case] = [
    ({"symbol": "OTHER"}, NotFoundError, "payload.symbol"),
    ({"symbol": "UNKNOWN"}, NotFoundError, "payload.symbol"),
    ({"symbol": "S0", "exchange": "other"}, NotFoundError, "payload.symbol"),
    ({"symbol": "S0", "timeframes": ["1h"]}, NotFoundError, "payload.timeframes"),
    ({"symbol": "S0", "timeframes": []}, InvalidError, "payload.timeframes"),
    ({"symbol": "S0", "timeframes": ["7m"]}, InvalidError, "payload.timeframes[0]"),
    ({"symbol": "S0", "from": START, "to": START}, InvalidError, "payload.from"),
    ({"symbol": "S0", "from": FUTURE}, InvalidError, "payload.from"),
    ({"symbol": "S0", "to": FUTURE}, InvalidError, "payload.to"),
    ({"symbol": "S0", "from": START - MOST_BARS * MINUTE}, InvalidError, "payload.from"),
    ({"symbol": "S0", "from": -1}, InvalidError, "payload.from"),
    ({"symbol": "S0", "from": 2**70}, InvalidError, "payload.from"),
    ({"symbol": "S0", "from": "2024"}, InvalidError, "payload.from"),
    ({"from": START}, InvalidError, "payload"),
    ({"symbol": "S0", "until": START}, InvalidError, "payload"),
]


async def test_a_backfill_that_cannot_be_is_refused() -> None:
    await check_refused("force-backfill", BACKFILLS)


CLEARINGS: list[Case] = [
    ({}, InvalidError, "payload"),
    ({"scope": "some"}, InvalidError, "payload.scope"),
    ({"scope": "symbol"}, InvalidError, "payload.symbol"),
    ({"scope": "timeframe"}, InvalidError, "payload.timeframe"),
    ({"scope": "all", "symbol": "S0"}, InvalidError, "payload.symbol"),
    ({"scope": "all", "timeframe": "1m"}, InvalidError, "payload.timeframe"),
    ({"scope": "symbol", "symbol": "S0", "timeframe": "1m"}, InvalidError, "payload.timeframe"),
    ({"scope": "symbol", "symbol": "OTHER"}, NotFoundError, "payload.symbol"),
    ({"scope": "symbol", "symbol": "UNKNOWN"}, NotFoundError, "payload.symbol"),
    ({"scope": "timeframe", "symbol": "S0", "timeframe": "1h"}, NotFoundError, "payload.timeframe"),
    ({"scope": "all", "exchange": "other"}, NotFoundError, "payload.exchange"),
    ({"scope": "all", "stored": True}, NotAllowedError, None),
]


async def test_a_clearing_that_cannot_be_is_refused() -> None:
    await check_refused("clear-cache", CLEARINGS)


async def test_what_is_not_loaded_yet_or_not_held_is_left_out() -> None:
    async with at_desk() as office:
        for payload, symbols in (({"scope": "all"}, 1), ({"scope": "timeframe", "timeframe": "4h"}, 0)):
            found = await (await asker_of(office).begin("clear-cache", payload))
            assert found.symbols == symbols
            assert (found.bars > 0) == (symbols > 0)


async def test_what_lies_in_the_last_minute_is_nothing_to_be_asked_for() -> None:
    async with at_desk() as office:
        payload = {"symbol": "S0", "from": START + 47 * MINUTE, "timeframes": ["1m"]}
        found = await (await asker_of(office).begin("force-backfill", payload))
        assert found.timeframes["1m"].asked == 0
