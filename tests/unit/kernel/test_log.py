"""Logging: where lines go, and that a closed terminal stops nothing."""

from __future__ import annotations

import io
import sys

import pytest

from livermore.kernel.log import logger, set_up_logging


def test_lines_go_to_standard_error_as_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("warn", "json")
    logger("market").warning("lost", exchange="binance")
    logger("market").info("not told at this level")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert '"room": "market"' in lines[0]
    assert '"exchange": "binance"' in lines[0]


def test_a_closed_terminal_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up_logging("info")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    logger("signals").error("nobody can read this")
