"""How long one waits: for the help, for the page of the demonstration, and until it watches."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

from benchmarks.process import LIVERMORE, up
from benchmarks.process import until as wait_until
from benchmarks.race import race
from benchmarks.table import Row, at_most, note, seconds


def run(*, quick: bool) -> list[Row]:
    """Measure the help beside an empty program, then the demonstration."""
    best = race(
        3 if quick else 10,
        {
            "help": lambda: _run(*LIVERMORE, "--help"),
            "pass": lambda: _run(sys.executable, "-c", "pass"),
        },
    )
    shown, ready = min(_demo() for _ in range(1 if quick else 3))
    peer = f"python -c pass {seconds(best['pass'])}"
    return [
        at_most("start-up: livermore --help", seconds(best["help"]), peer, best["help"], 0.3, "s"),
        note("start-up: up --demo, address", seconds(shown), "freqtrade --version 2.3 s, published"),
        note("start-up: up --demo, /readyz", seconds(ready), ""),
    ]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _demo() -> tuple[float, float]:
    """Return the seconds until the address appears and until the demonstration is ready."""
    with up("--demo") as program:
        shown = perf_counter() - program.started
        wait_until(lambda: (program.ask("/readyz") or {}).get("ok"), every=0.02)
        return shown, perf_counter() - program.started
