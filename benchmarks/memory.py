"""What a week of 128 symbols takes, replayed at full speed: `livermore up --replay`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.process import Program, up
from benchmarks.process import until as wait_until
from benchmarks.table import Row, at_most, note

PACKS = Path(__file__).parents[2] / "shared" / "data" / "packs"
MOST = 300
STILL = 3_000


def run(*, quick: bool) -> list[Row]:
    """Measure the most that the program holds until the recording is over."""
    packs = sorted(PACKS.glob("*.parquet"))
    if not packs:
        return [note("memory: up --replay of 128 symbols", "skipped", "the recorded week is not here")]
    with up("--replay", str(packs[0]), "--speed", "max") as program:
        megabytes = _most(program) / 2**20
    shown = f"{megabytes:.0f} MB"
    return [at_most("memory: up --replay of 128 symbols", shown, "", megabytes, MOST, "MB")]


def _most(program: Program) -> int:
    """Return the bytes that were held at most, looked at ten times a second."""
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, program.resident())
        return _is_over(program)

    wait_until(over, every=0.1)
    return most


def _is_over(program: Program) -> bool:
    """Say whether frames have come and come no more."""
    status = program.ask("/api/v1/runtime")
    exchange = status["exchanges"][0] if status else {"frames": 0}
    return exchange["frames"] > 0 and (exchange["last_message_ms_ago"] or 0) > STILL
