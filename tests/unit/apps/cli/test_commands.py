"""Commands on the command line where no server runs, and the words for what came of them."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from livermore.accounts.service import local_user
from livermore.adapters.sql import Database, SqlJournal, SqlTrail, SqlUserBook
from livermore.apps.api.errors import STATUS
from livermore.apps.cli.control import end_of
from livermore.apps.cli.errors import Exit, exit_of
from livermore.apps.cli.outcomes import ERROR_OF_CODE, check_outcome
from livermore.apps.cli.progress import progress_of
from livermore.control.command import Failure, NewCommand
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import InvalidError, LivermoreError

COMMAND = "01234567-89ab-4cde-8f01-23456789abcd"
NOW = 1_750_000_000_000


@pytest.mark.parametrize("verb", ["list", f"show {COMMAND}", "verify"])
def test_looking_into_an_empty_folder_creates_nothing(cli, tmp_path, verb):
    assert cli("commands", *verb.split()).code == Exit.NOT_REACHABLE
    assert list(tmp_path.iterdir()) == []


async def _ask_for_something(file: Path) -> None:
    database, clock = Database(f"sqlite+aiosqlite:///{file}"), SystemClock()
    scope = (await local_user(SqlUserBook(database, clock), {"version": 2})).scope()
    journal = SqlJournal(database)
    refused = Failure(code="unknown_type", detail="there is no command 'puase'")
    await journal.accept(scope, NewCommand(
        id=COMMAND, type="puase", payload={"level": "data"}, priority=100, source="api", author="local",
        role="admin", submitted_at=NOW, failure=refused,
    ))  # fmt: skip
    await SqlTrail(database, clock).seal(scope)
    await journal.close()
    await database.close()


def test_what_was_asked_is_told_of_a_stopped_workspace(cli, tmp_path):
    cli("settings", "set", "scanner.limit", "7")
    asyncio.run(_ask_for_something(tmp_path / ".livermore" / "data" / "livermore.db"))
    listed = cli("commands")
    assert (listed.code, "no server was asked" in listed.err) == (Exit.DONE, True)
    assert "unknown_type" in listed.out
    assert json.loads(cli("commands", "--status", "failed", "--json").out) == {"commands": [], "next": None}
    shown = cli("commands", "show", COMMAND.upper())
    assert shown.out.endswith("unknown_type: there is no command 'puase'\n")
    whole = cli("commands", "verify")
    assert (whole.code, whole.out.splitlines()[0]) == (
        Exit.DONE, "whole: 1 events of 1 commands, from place 1 to 1"
    )  # fmt: skip
    head = whole.out.split()[-1]
    assert cli("commands", "verify", "--expect", head).code == Exit.DONE


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(capsys, monkeypatch):
    begun = {"type": "force-backfill", "status": "running", "progress": None}
    loading = begun | {"progress": {"done": 1, "total": 2, "message": "1h", "eta_seconds": 90}}
    with progress_of(quiet=False) as show:
        for command in (begun, loading, loading):
            show(command)
    assert capsys.readouterr().err.splitlines() == [
        "force-backfill: running", "force-backfill: 1 of 2, 1h, about 1 min 30 s left",
    ]  # fmt: skip
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with progress_of(quiet=False) as show:
        show(begun)
        show(loading)
    drawn = capsys.readouterr().err
    assert "━" in drawn
    assert "1 of 2, 1h, about 1 min 30 s left" in drawn
    with progress_of(quiet=True) as show:
        show(loading)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("codes", "exits"),
    [
        ("invalid_payload unknown_type settings_invalid not_found not_implemented", Exit.REFUSED),
        ("conflict", Exit.CONFLICT),
        ("not_allowed", Exit.NOT_ALLOWED),
        ("exchange_unreachable rate_limited", Exit.NOT_REACHABLE),
        ("expired", Exit.TIMED_OUT),
        ("cancelled internal", Exit.FAILED),
    ],
)
def test_every_error_code_of_a_command_has_an_exit_code(codes, exits):
    for code in codes.split():
        failed = {"id": COMMAND, "type": "pause", "error": {"code": code, "detail": "because"}}
        with pytest.raises((LivermoreError, TimeoutError)) as caught:
            check_outcome(failed)
        assert exit_of(caught.value) is exits
        assert str(caught.value) == "because (pause)"


def test_what_to_do_about_an_error_stands_in_the_second_line():
    detail = "A-USD is not on the watchlist (payload.symbol); did you mean BTC-USD? See them all; or not"
    error = {"code": "not_found", "detail": detail}
    with pytest.raises(LivermoreError) as caught:
        check_outcome({"id": COMMAND, "type": "remove-symbol", "error": error})
    assert str(caught.value) == "A-USD is not on the watchlist (payload.symbol)"
    assert caught.value.hint == "did you mean BTC-USD? See them all; or not"


def test_every_error_code_is_known():
    ours = {kind.code for kind in STATUS}
    assert set(ERROR_OF_CODE) == ours | {"expired", "cancelled"}


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (None, None), ("90m", NOW + 5_400_000), ("90 min", NOW + 5_400_000), ("8h", NOW + 28_800_000),
        ("1d 12h", NOW + 129_600_000), ("1H30M", NOW + 5_400_000), ("45s", NOW + 45_000),
        ("1780000000000", 1_780_000_000_000), ("2026-05-01", 1_777_593_600_000),
    ],
)  # fmt: skip
def test_a_pause_ends_at_a_time_or_after_one(text, end):
    assert end_of(text, NOW) == end


@pytest.mark.parametrize("text", ["", "soon", "8 hours", "-2h", "1.5h", "h", "8h or so"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InvalidError, match="--until"):
        end_of(text, NOW)
