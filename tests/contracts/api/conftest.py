"""What is not even collected for the daily suite."""

from pathlib import Path

import pytest

SLOW_TO_COLLECT = "test_limits.py"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the file whose cases take long to be made up, unless tests of the soak are asked for."""
    daily = config.option.markexpr == "not soak"
    return True if daily and collection_path.name == SLOW_TO_COLLECT else None
