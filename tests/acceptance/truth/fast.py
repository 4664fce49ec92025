"""The real program with a clock that runs faster than the wall's, so that its patience fits a fast market."""

import os

from livermore.__main__ import main
from livermore.bootstrap import ground
from livermore.kernel.clock import SystemClock
from tests.acceptance.truth.clock import FastClock

CLOCK = "TRUTH_CLOCK"


def start() -> None:
    """Run the verb of the command line by the clock that the environment describes."""
    origin, rate, began = map(float, os.environ[CLOCK].split())
    assert vars(ground)["SystemClock"] is SystemClock
    vars(ground)["SystemClock"] = lambda: FastClock(origin, rate, began)
    main()


if __name__ == "__main__":
    start()
