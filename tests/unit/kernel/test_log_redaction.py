"""What no log line may hold: values of named variables, and whatever looks like a secret."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Literal

import pytest

from livermore.kernel.log import conceal, logger, redacted, set_up_logging

VALUE = 'value of "a secret"\\with all kinds of signs'
PEM = f"""-----BEGIN EC PRIVATE KEY-----
{"MHcCAQEEIB0canaryOfThePem" * 2}
{"oAoGCCqGSM49canaryOfThePem" * 2}
-----END EC PRIVATE KEY-----"""
LOOKS = {
    "a bearer token": ("Authorization: Bearer abcDEF.123-456_789", "abcDEF"),
    "a token of ours": ("token lvm_Zm9vYmFyYmF6cXV4 was refused", "Zm9vYmFy"),
    "a signed token": ("sent eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "eyJzdWIi"),
    "a PEM": (f"cannot read {PEM}, sorry", "canaryOfThePem"),
    "half a PEM": (f"cannot read {PEM[:70]}", "MHcCAQEE"),
    "a password in an address": ("postgresql+asyncpg://jesse:hunter2@db/livermore", "hunter2"),
    "a token in an address": ("GET /?next=1&token=s3cr3ts3cr3t&x=1", "s3cr3t"),
    "a signature in an address": ("https://x/account?timestamp=1&signature=c8db56825ae7", "c8db5682"),
}


@dataclass
class Holder:
    """Something whose representation tells too much."""

    secret: str


@pytest.fixture
def concealed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TEST_LOG_SECRET", VALUE), ("TEST_LOG_PEM", PEM), ("TEST_LOG_SHORT", "ab")):
        monkeypatch.setenv(name, value)
        conceal(name)


@pytest.mark.parametrize(("text", "secret"), LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("form", ["json", "console"])
def test_what_looks_like_a_secret_is_not_told(
    capsys: pytest.CaptureFixture[str], text: str, secret: str, form: Literal["json", "console"]
) -> None:
    set_up_logging("info", form)
    logger("market").info("heard", what=text, other="told")
    told = capsys.readouterr().err
    assert secret not in told
    assert "***" in told
    assert "told" in told
    assert form == "console" or json.loads(told)["other"] == "told"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.usefixtures("concealed")
def test_the_value_of_a_named_variable_is_not_told_in_any_form(
    capsys: pytest.CaptureFixture[str], form: Literal["json", "console"]
) -> None:
    set_up_logging("info", form)
    log = logger("accounts")
    log.info("plain", value=VALUE)
    log.info("inside", value={"deep": [VALUE, Holder(VALUE)]})
    log.info(f"in the event {VALUE}")
    log.info("a line of it", value=PEM.splitlines()[1])
    log.info("on one line", value=PEM.replace("\n", "\\n"))
    try:
        raise ValueError(f"cannot read {VALUE} and {PEM}")
    except ValueError:
        log.exception("it failed")
    told = capsys.readouterr().err
    assert told.count("***") >= 7
    assert "canaryOfThePem" not in told
    assert "all kinds of signs" not in told
    assert "it failed" in told
    assert "test_log_redaction.py" in told


@pytest.mark.usefixtures("concealed")
def test_a_value_is_the_present_one_and_a_short_one_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    assert redacted("about the table") == "about the table"
    monkeypatch.setenv("TEST_LOG_SECRET", "another secret")
    assert redacted(f"{VALUE} / another secret") == f"{VALUE} / ***"


def test_ordinary_lines_stay_as_they_are() -> None:
    for text in (
        "https://api.coinbase.com/api/v3?limit=5",
        "http://127.0.0.1:8080",
        "a bearer of news",
        "a@b:c",
    ):
        assert redacted(text) == text


def test_what_libraries_log_goes_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("warn", "json")
    set_up_logging("warn", "json")
    logging.getLogger("some.library").warning("asked %s", "https://x/?token=s3cr3ts3cr3t")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["logger"]) == ("asked https://x/?token=***", "some.library")


@pytest.mark.parametrize("text", [text for text, _ in LOOKS.values()])
@pytest.mark.parametrize("around", ['"{}"', "\n{}\n", "\\{}\\", "'{}'\t", '{{"a": "{}\\n"}}'])
def test_a_line_of_json_stays_one(capsys: pytest.CaptureFixture[str], text: str, around: str) -> None:
    set_up_logging("error", "json")
    for what in (around.format(text), [around.format(text)], json.dumps(around.format(text))):
        logger("market").error("heard", what=what, last="told")
        line = json.loads(capsys.readouterr().err)
        assert line["last"] == "told"
        assert "***" in str(line["what"])


async def test_nor_does_an_exception_that_nobody_awaits_tell_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("error", "json")
    asyncio.get_running_loop().call_exception_handler(
        {"message": "lost", "exception": ValueError("Bearer abcDEF.123-456_789")}
    )
    told = capsys.readouterr().err
    assert "lost" in told
    assert "ValueError" in told
    assert "abcDEF" not in told
