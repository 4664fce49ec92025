"""Time stands still until told to pass, runs faster when scaled, and is written to the millisecond."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.clock import ManualClock, ScaledClock, SystemClock, parse_time, rfc3339


async def note(clock: ManualClock, seconds: float, woken: list[tuple[float, int]]) -> None:
    await clock.sleep(seconds)
    woken.append((seconds, clock.now()))


async def test_a_manual_clock_wakes_each_sleeper_at_its_own_moment_in_the_order_of_deadlines() -> None:
    clock, woken = ManualClock(1_000), list[tuple[float, int]]()
    tasks = [asyncio.create_task(note(clock, seconds, woken)) for seconds in (3, 1, 2, 9)]
    await asyncio.sleep(0)
    await clock.advance(5)
    assert woken == [(1, 2_000), (2, 3_000), (3, 4_000)]
    assert clock.now() == 6_000
    assert clock.monotonic() == 6.0
    await clock.advance(4)
    assert woken[3:] == [(9, 10_000)]
    await asyncio.gather(*tasks)


async def test_a_sleeper_that_sleeps_again_is_woken_again_within_one_advance() -> None:
    clock, seen = ManualClock(), list[int]()

    async def tick() -> None:
        while True:
            await clock.sleep(0.5)
            seen.append(clock.now())

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    await clock.advance(2)
    task.cancel()
    assert seen == [500, 1_000, 1_500, 2_000]


async def test_a_cancelled_sleeper_does_not_stop_the_others() -> None:
    clock, woken = ManualClock(), list[tuple[float, int]]()
    tasks = [asyncio.create_task(note(clock, seconds, woken)) for seconds in (1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    await clock.advance(3)
    assert woken == [(2, 2_000)]


async def test_a_sleep_of_nothing_only_gives_the_others_a_turn() -> None:
    clock = ManualClock()
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.now() == 0


async def test_a_scaled_clock_begins_at_its_origin_and_passes_faster() -> None:
    wall = ManualClock(77_000)
    clock = ScaledClock(wall, origin=1_000_000, rate=60)
    assert (clock.now(), clock.monotonic()) == (1_000_000, 0)
    await wall.advance(2)
    assert (clock.now(), clock.monotonic()) == (1_120_000, 120)
    sleeping = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0)
    await wall.advance(0.9)
    assert not sleeping.done()
    await wall.advance(0.1)
    assert sleeping.done()


async def test_the_system_clock_tells_milliseconds_and_never_runs_backwards() -> None:
    clock = SystemClock()
    before, earlier = clock.now(), clock.monotonic()
    await clock.sleep(0)
    assert isinstance(before, int)
    assert before > 1_700_000_000_000
    assert clock.monotonic() >= earlier


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_that_is_written_is_read_back(time: int) -> None:
    assert parse_time(rfc3339(time)) == time
    assert parse_time(str(time)) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00:00Z", 86_400_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.007Z", 7),
        ("-5", -5),
    ],
)
def test_times_are_read_as_utc_unless_they_say_otherwise(text: str, time: int) -> None:
    assert parse_time(text) == time


def test_a_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        parse_time("yesterday")


async def test_whoever_is_woken_by_the_woken_has_a_turn_too() -> None:
    clock, chain = ManualClock(), [asyncio.Event() for _ in range(8)]

    async def hand_on(place: int) -> None:
        await (chain[place - 1].wait() if place else clock.sleep(1))
        chain[place].set()

    tasks = [asyncio.create_task(hand_on(place)) for place in range(len(chain))]
    await clock.advance(0)
    await clock.advance(1)
    assert chain[-1].is_set()
    await asyncio.gather(*tasks)


async def test_nobody_waits_for_turns_that_nobody_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, turns, take = ManualClock(), 0, asyncio.sleep

    async def counted(seconds: float) -> None:
        nonlocal turns
        turns += 1
        await take(seconds)

    async def tick() -> None:
        for _ in range(100):
            await clock.sleep(1)

    ticking = asyncio.create_task(tick())
    await clock.advance(0)
    monkeypatch.setattr(asyncio, "sleep", counted)
    await clock.advance(100)
    assert ticking.done()
    assert turns < 4 * 100
