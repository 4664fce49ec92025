"""Failures: two lines, one exit code, no traceback."""

import json
import os
import subprocess
import sys

import pytest

from livermore.apps.cli import main
from livermore.apps.cli.errors import EXIT_OF, Exit, exit_of, report
from livermore.kernel import errors
from livermore.kernel.log import conceal
from tests.canaries import SECRET


def kernel_errors(kind: type[Exception] = errors.LivermoreError) -> list[type[Exception]]:
    return [kind, *(below for child in kind.__subclasses__() for below in kernel_errors(child))]


def test_every_kernel_error_has_an_exit_code():
    ours = {kind for kind in kernel_errors() if kind.__module__ == errors.__name__}
    assert ours <= EXIT_OF.keys()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotFoundError(), 4), (errors.SettingsInvalidError(), 4), (errors.ConflictError(), 5),
        (errors.NotAllowedError(), 7), (errors.ExchangeUnreachableError(), 3), (TimeoutError(), 6),
        (PermissionError(), 7), (OSError(), 1), (ValueError(), 1), (errors.NewerFormatError(), 4),
    ],
)  # fmt: skip
def test_the_nearest_class_decides(error, code):
    assert exit_of(error) == code


def test_a_failure_is_one_line_and_a_hint(capsys):
    error = errors.ConflictError("somebody\nelse has it", where="here", hint="try\nthere")
    assert report(error, debug=False) is Exit.CONFLICT
    assert capsys.readouterr().err == "error: somebody else has it (here)\nhint: try there\n"


def test_the_unexpected_is_a_line_too_and_debug_shows_where(cli, monkeypatch):
    def broken(*_, **__):
        raise KeyError("surprise")

    monkeypatch.setattr(main, "get_command", broken)
    outcome = cli("version")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "error: KeyError: 'surprise'",
        "hint: run it again with --debug to see where it happened",
    ]
    assert "Traceback" in cli("version", "--debug").err


@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_tells_no_secret(capsys, debug):
    """An exchange or a library may repeat what it was given, in the error or in what led to it."""
    conceal(SECRET)
    told = f"no to {os.environ[SECRET]} of postgresql://ada:canaryPassphrase@db/x"
    try:
        raise errors.TransientError(told, hint=f"not {os.environ[SECRET]}") from ValueError(told)
    except errors.TransientError as error:
        report(error, debug=debug)
    said = capsys.readouterr().err
    assert "error: no to *** of postgresql://ada:***@db/x\nhint: not ***\n" in said
    assert os.environ[SECRET] not in said
    assert "canaryPassphrase" not in said
    assert ("Traceback" in said) == debug


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["version", "--jso"], "--jso"),
        (["up", "--port", "seven"], "--port"),
        (["up", "--port", "70000"], "--port"),
        (["up", "--demo", "--replay", "x.csv"], "choose one"),
        (["up", "--speed", "3"], "--speed"),
        (["replay"], "FILE"),
        (["signals", "--limit", "0"], "--limit"),
        (["signals", "explain"], "ID"),
        (["exchanges", "edit", "coinbase"], "--rest-url"),
        (["candles"], "SERIES"),
        (["doctor", "twice"], "twice"),
    ],
)
def test_wrong_usage_is_two_lines(cli, words, what):
    outcome = cli(*words)
    error, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (2, "")
    assert what in error
    assert error.startswith("error: ")
    assert hint.startswith("hint: see: livermore ")
    assert hint.endswith("--help")


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (["up", "--host", "0.0.0.0"], 7, "0.0.0.0"),
        (["up", "--host", "example.org"], 4, "example.org"),
        (["up", "--exchange", "nowhere"], 4, "nowhere"),
        (["up", "--demo", "--speed", "fast"], 4, "fast"),
        (["up", "--demo", "--speed", "-1"], 4, "-1"),
        (["up", "--replay", "nowhere.csv"], 4, "nowhere.csv"),
        (["simulate", "--host", "192.0.2.1"], 7, "192.0.2.1"),
        (["simulate", "nowhere.csv"], 4, "nowhere.csv"),
        (["replay", "nowhere.csv"], 4, "nowhere.csv"),
        (["replay", "."], 4, "folder"),
        (["replay", "nowhere.csv", "--timeframe", "7m"], 4, "7m"),
        (["signals", "--timeframe", "7m"], 4, "7m"),
        (["signals", "--kind", "loud"], 4, "loud"),
        (["signals", "--from", "yesterday"], 4, "yesterday"),
        (["signals", "--source", "paper"], 4, "paper"),
        (["alerts", "--state", "lost"], 4, "lost"),
        (["candles", "coinbase:BTC-USD", "--timeframe", "7m"], 4, "7m"),
        (["candles", "coinbase:BTC-USD", "--export", "btc.xlsx"], 4, "btc.xlsx"),
        (["exchanges", "add", "nowhere"], 4, "nowhere"),
        (["exchanges", "add", "bitflyer"], 4, "bitflyer"),
        (["exchanges", "add", "kraken", "--rest-url", "ftp://x"], 4, "ftp://x"),
        (["exchanges", "edit", "coinbase", "--rest-url", "ftp://x"], 4, "ftp://x"),
        (["exchanges", "edit", "coinbase", "--ws-url", "wss://"], 4, "wss://"),
        (["exchanges", "edit", "coinbase", "--rest-url", "http://me:secret@x"], 4, "no user and no password"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_touched(cli, tmp_path, words, code, what):
    outcome = cli(*words)
    error, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (code, "")
    assert what in error
    assert hint.startswith("hint: ")
    assert not list(tmp_path.iterdir())


READING = [
    ["status"], ["signals"], ["signals", "list", "--json"], ["signals", "explain", "x"], ["alerts"],
    ["candles", "coinbase:BTC-USD"], ["candles", "export", "out"], ["exchanges"], ["db", "check"],
    ["db", "backup", "copy.db"],
]  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_in_an_empty_folder_creates_nothing_and_says_what_to_do(cli, tmp_path, words):
    outcome = cli(*words)
    error, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (3, "")
    assert "nothing is stored" in error
    assert "livermore up --" in hint
    assert not list(tmp_path.iterdir())


def test_status_does_not_say_that_nothing_is_stored_where_something_is(cli):
    assert cli("exchanges", "add", "binance_us").code == 0
    outcome = cli("status")
    error, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (3, "")
    assert error.startswith("error: nothing runs here (")
    assert "livermore signals" in hint


def test_a_server_that_does_not_answer(cli, monkeypatch):
    monkeypatch.setenv("LIVERMORE_URL", "http://127.0.0.1:9")
    outcome = cli("status", "--json")
    assert (outcome.code, outcome.out) == (3, "")
    assert "http://127.0.0.1:9" in outcome.err


def test_a_reader_that_goes_away_is_no_failure(tmp_path):
    line = f"{sys.executable} -m livermore --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_version_is_one_json_document(cli):
    outcome = cli("version", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out).keys() == {"version", "python"}


def test_an_exchange_can_be_set_up_before_the_first_start(cli, tmp_path):
    edited = cli("exchanges", "edit", "binance", "--rest-url", "http://127.0.0.1:9", "--json")
    assert edited.code == 0, edited.err
    listed = json.loads(cli("exchanges", "--source", "live", "--json").out)
    assert {row["name"]: row["rest_url"] for row in listed["exchanges"]}["binance"] == "http://127.0.0.1:9"


def test_a_first_start_with_an_exchange_that_nobody_knows_stores_nothing(cli, tmp_path):
    refused = cli("up", "--exchange", "nowhere", "--port", "0")
    assert refused.code == 4
    assert "'nowhere' is none of coinbase, binance, binance_us" in refused.err
    assert not list(tmp_path.iterdir())
